"""Transposed convolution whose backward pass is fast on a CPU."""

from torch import Tensor, nn
from torch.nn import functional

from medweave.models.eager import FEW_CHANNELS, is_eager_on_cpu

_CONVOLUTIONS = {4: functional.conv_transpose2d, 5: functional.conv_transpose3d}


def _biased_afterwards(layer: "ConvTranspose2d | ConvTranspose3d", features: Tensor) -> Tensor | None:
    """Return the answer of a layer in training, or None where PyTorch's own is to be used.

    oneDNN takes longer for the gradient of the bias than for the other two; that of a bias added afterwards is a sum.
    """
    bias = layer.bias
    if bias is None or len(bias) < FEW_CHANNELS or not layer.training or not is_eager_on_cpu(features):
        return None
    shape = (layer.stride, layer.padding, layer.output_padding, layer.groups, layer.dilation)
    result = _CONVOLUTIONS[features.ndim](features, layer.weight, None, *shape)  # type: ignore[arg-type]
    return result.add_(bias.view(-1, *(1 for _ in features.shape[2:])))


class ConvTranspose2d(nn.ConvTranspose2d):
    """Transposed convolution of (B, C, H, W), faster to train than PyTorch's on a CPU."""

    def forward(self, features: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Return the upsampled features; `output_size` is as of PyTorch's layer."""
        result = _biased_afterwards(self, features) if output_size is None else None
        return super().forward(features, output_size) if result is None else result


class ConvTranspose3d(nn.ConvTranspose3d):
    """Transposed convolution of (B, C, D, H, W), faster to train than PyTorch's on a CPU."""

    def forward(self, features: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Return the upsampled features; `output_size` is as of PyTorch's layer."""
        result = _biased_afterwards(self, features) if output_size is None else None
        return super().forward(features, output_size) if result is None else result
