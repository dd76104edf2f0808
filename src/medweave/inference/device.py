"""The device that networks run on, and the number formats that it computes in."""

import platform

import torch

#: What Linux, macOS and Windows call it.
X86 = ("x86_64", "amd64")


def best_device() -> torch.device:
    """Return the first CUDA GPU, or the processor; other accelerators are not supported."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def narrow_formats(device: torch.device) -> list[str]:
    """Return the number formats narrower than float32 that a device computes in itself, without emulation."""
    if device.type == "cuda":
        return ["bfloat16"] if torch.cuda.is_bf16_supported(including_emulation=False) else ["float16"]
    return ["bfloat16"] if _processor_has_bfloat16() else []


def _processor_has_bfloat16() -> bool:
    """Return whether the processor has instructions for it; on x86 oneDNN also takes AVX-512 without, and emulates."""
    has_onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not has_onednn or not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    return platform.machine().lower() not in X86 or torch.cpu._is_avx512_bf16_supported()
