"""Fitting networks that were made for cubic voxels to thick slices."""

from torch import nn

from medweave.models.blocks import Axes, same_padding


def fit_level(level: nn.Module, *, step: Axes, kernel: Axes) -> None:
    """Give a level of a network another reduction and narrower kernels, in place.

    Along an axis that is not reduced, pooling does not look at neighbours. A narrowed kernel keeps the middle of its
    random weights, enlarged so that what it gives is as large as before.

    Args:
        level: The layers between two levels, and those of the second.
        step: Reduction along each axis.
        kernel: From `level_kernels`; where it is 1 the convolutions' kernels become 1.
    """
    for layer in level.modules():
        if isinstance(layer, nn.Conv2d | nn.Conv3d):
            if max(layer.stride) > 1:
                layer.stride = step
            _narrow(layer, kernel)
        elif isinstance(layer, nn.MaxPool2d | nn.MaxPool3d):
            window = tuple(1 if one == 1 else 3 for one in step)
            layer.kernel_size, layer.stride = window, step  # type: ignore[assignment]
            layer.padding = same_padding(window)  # type: ignore[assignment]
        elif isinstance(layer, nn.AvgPool2d | nn.AvgPool3d):
            layer.kernel_size = layer.stride = step  # type: ignore[assignment]


def _narrow(convolution: nn.Conv2d | nn.Conv3d, kernel: Axes) -> None:
    weight = convolution.weight.detach()
    for axis, (size, wanted) in enumerate(zip(convolution.kernel_size, kernel, strict=True)):
        if wanted == 1 and size > 1:
            weight = weight.narrow(axis + 2, size // 2, 1) * size**0.5
    if weight.shape != convolution.weight.shape:
        convolution.weight = nn.Parameter(weight.contiguous())
        convolution.kernel_size = tuple(weight.shape[2:])
        convolution.padding = same_padding(convolution.kernel_size)  # type: ignore[assignment]
