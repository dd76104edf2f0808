"""Choosing the number format of training by measuring it."""

import copy
import time
from collections.abc import Mapping

import torch

from medweave.core.logging import get_logger
from medweave.inference.backends.torch import AUTOCAST_TYPES, avoid_faulty_amx_kernels, memory_format, to_channels_last
from medweave.losses.loss import MultiTaskLoss
from medweave.models.multitask import MultiTaskModel

logger = get_logger(__name__)

#: Lightning's names.
LIGHTNING_PRECISION = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}


#: A narrower format is taken only when float32 takes at least this many times as long.
CLEAR_GAIN = 1.1


def fastest_precision(
    model: MultiTaskModel,
    loss: MultiTaskLoss,
    *,
    image_shapes: Mapping[str, tuple[int, ...]],
    device: torch.device,
    repeats: int = 2,
) -> str:
    """Return the precision in which a training step takes the least time; float32 where the gain is under a tenth.

    Args:
        model: The network; a copy is measured.
        loss: The loss.
        image_shapes: (B, C, *spatial) of each input.
        device: Where to train.
        repeats: Steps measured in each precision, after one that is not; the fastest counts.
    """
    avoid_faulty_amx_kernels()
    candidates = ["float32"]
    if device.type == "cuda":
        candidates += ["bfloat16"] if torch.cuda.is_bf16_supported() else ["float16"]
    elif torch.ops.mkldnn._is_mkldnn_bf16_supported():
        candidates.append("bfloat16")
    if len(candidates) == 1:
        return candidates[0]
    seconds = {
        precision: _step_seconds(
            model, loss, image_shapes=image_shapes, device=device, precision=precision, repeats=repeats
        )
        for precision in candidates
    }
    # A near tie must not be decided by the machine's noise.
    chosen = min(seconds, key=lambda precision: seconds[precision] * (1 if precision == "float32" else CLEAR_GAIN))
    logger.info(
        "precision: %s (%s)", chosen, ", ".join(f"{name} {value:.2f} s a step" for name, value in seconds.items())
    )
    return chosen


def _step_seconds(
    model: MultiTaskModel,
    loss: MultiTaskLoss,
    *,
    image_shapes: Mapping[str, tuple[int, ...]],
    device: torch.device,
    precision: str,
    repeats: int,
) -> float:
    axes = len(next(iter(image_shapes.values()))) - 2
    network = to_channels_last(copy.deepcopy(model), axes, device=device).train()
    images = {
        name: torch.randn(shape, device=device).contiguous(memory_format=memory_format(axes))
        for name, shape in image_shapes.items()
    }
    batch, spatial = next(iter(image_shapes.values()))[0], next(iter(image_shapes.values()))[2:]
    present = {name: torch.ones(batch, dtype=torch.bool, device=device) for name in [*images, *model.heads]}
    label_maps = {head: torch.zeros((batch, *spatial), dtype=torch.int64, device=device) for head in model.heads}
    dtype = AUTOCAST_TYPES.get(precision)
    durations = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        with torch.autocast(device.type, dtype=dtype, enabled=dtype is not None):
            logits = network(images, present)
        torch.autograd.backward(list(loss(logits, label_maps, present).values()))
        network.zero_grad()
        if device.type == "cuda":
            torch.cuda.synchronize()
        durations.append(time.perf_counter() - start)
    return min(durations[1:])
