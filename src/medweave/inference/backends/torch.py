"""Running the network with PyTorch."""

import os
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from medweave.inference.attention import grad_cam
from medweave.inference.gate.features import feature_output
from medweave.models.multitask import MultiTaskModel

ModelT = TypeVar("ModelT", bound=nn.Module)

AUTOCAST_TYPES: dict[str, torch.dtype] = {"bfloat16": torch.bfloat16, "float16": torch.float16}


def channels_last(tensor: torch.Tensor) -> torch.Tensor:
    """Return (B, C, H, W) or (B, C, D, H, W) in the channels-last format, in its strides too where C is 1.

    One channel lies in memory as in the contiguous format, and by its strides a convolution takes it for that and
    answers in it.
    """
    arranged = tensor.contiguous(memory_format=torch.channels_last if tensor.ndim == 4 else torch.channels_last_3d)
    if arranged.shape[1] != 1:
        return arranged
    sample, _, *space = arranged.stride()
    return arranged.as_strided(arranged.shape, (sample, 1, *space))


def to_channels_last(model: ModelT) -> ModelT:
    """Move the kernels of a model to the channels-last format, in which convolutions are fastest on CPU and GPU."""
    for parameter in model.parameters():
        if parameter.ndim in (4, 5):
            parameter.data = channels_last(parameter.data)
    return model


def avoid_faulty_amx_kernels() -> None:
    """Keep oneDNN from its AMX kernels, unless the environment says otherwise.

    The deconvolution and the matrix product that oneDNN 3.12 (PyTorch 2.13) picks for bfloat16 on processors that
    announce AMX run tile instructions that a virtual machine may not allow, and the process dies with SIGILL. Must be
    called before the first of them; oneDNN reads the variable once.
    """
    os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_FP16")


class TorchBackend:
    """Runs a MultiTaskModel on batches of NumPy arrays.

    Args:
        model: The network; it is put into evaluation mode for each call and back into its mode after it.
        precision: "float32", "bfloat16" or "float16" (autocast).
    """

    def __init__(self, model: MultiTaskModel, *, precision: str) -> None:
        avoid_faulty_amx_kernels()
        self.model = model
        self.autocast_type = AUTOCAST_TYPES.get(precision)

    @property
    def size_divisors(self) -> dict[str, tuple[int, ...]]:
        """The number that each axis of each input must be a multiple of."""
        return self.model.size_divisors

    def __call__(
        self, images: Mapping[str, NDArray[np.float32]], present: Mapping[str, NDArray[np.bool_]]
    ) -> dict[str, NDArray[np.float32]]:
        """Return the logits of each head for a batch, and the pooled features of each input as `features.INPUT`.

        Args:
            images: (B, C, *spatial) of each input.
            present: (B,) of each input.
        """
        device = next(self.model.parameters()).device
        was_training = self.model.training
        self.model.eval()
        with (
            torch.inference_mode(),
            torch.autocast(device.type, dtype=self.autocast_type, enabled=self.autocast_type is not None),
        ):
            flags = {name: torch.from_numpy(array).to(device) for name, array in present.items()}
            pyramids = self.model.encode({name: _to_device(array, device) for name, array in images.items()}, flags)
            outputs = {name: levels[0] for name, levels in self.model.answer(pyramids, flags).items()}
            features = self.model.pooled_features(pyramids)
        self.model.train(was_training)
        outputs |= {feature_output(name): values for name, values in features.items()}
        return {name: values.float().cpu().numpy() for name, values in outputs.items()}

    def attention(
        self,
        images: Mapping[str, NDArray[np.float32]],
        present: Mapping[str, NDArray[np.bool_]],
        *,
        head: str,
        class_index: int,
    ) -> dict[str, NDArray[np.float32]]:
        """Return how much each place (*spatial) of each present input of a batch of one speaks for a class."""
        device = next(self.model.parameters()).device
        return grad_cam(
            self.model,
            {name: _to_device(array, device) for name, array in images.items()},
            {name: torch.from_numpy(flags).to(device) for name, flags in present.items()},
            head=head,
            class_index=class_index,
        )


def _to_device(array: NDArray[Any], device: torch.device) -> torch.Tensor:
    return channels_last(torch.from_numpy(np.require(array, requirements=["C", "W"])).to(device))
