"""The device that networks run on, and the number formats that it computes in."""

import torch


def best_device() -> torch.device:
    """Return the first CUDA GPU, or the processor; other accelerators are not supported."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def narrow_formats(device: torch.device) -> list[str]:
    """Return the number formats narrower than float32 that a device computes in itself, without emulation."""
    if device.type == "cuda":
        return ["bfloat16"] if torch.cuda.is_bf16_supported(including_emulation=False) else ["float16"]
    has_onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return ["bfloat16"] if has_onednn and torch.ops.mkldnn._is_mkldnn_bf16_supported() else []
