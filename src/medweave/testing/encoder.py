"""The contract of encoders."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from medweave.building.model import ENCODER_ARGUMENTS
from medweave.models.encoders.encoder import ENCODERS, Encoder
from medweave.testing.contract import Contract

#: Sizes in units of the deepest stride, every axis another one; smaller for networks that reduce much.
MULTIPLES = {2: (3, 5), 3: (3, 1, 2)}
FEWER_MULTIPLES = {2: (3, 1), 3: (2, 1, 1)}
LARGE_STRIDE = 32


class EncoderContract(Contract):
    """An encoder gives a pyramid of the sizes that it says, by which it learns.

    Attributes:
        spatial_dims: Numbers of axes that it can do.
    """

    registry = ENCODERS
    given = ENCODER_ARGUMENTS
    spatial_dims: ClassVar[tuple[int, ...]] = (2, 3)

    @property
    def cases(self) -> Sequence[int]:
        """The numbers of axes."""
        return self.spatial_dims

    def build(self, axes: int, parameters: Mapping[str, Any], *, in_channels: int = 2) -> Encoder:
        """Build the encoder with weights that are always the same."""
        torch.manual_seed(0)
        encoder: Encoder = self.component(in_channels=in_channels, spatial_dims=axes, **parameters)
        return encoder

    def image(self, encoder: Encoder, axes: int, *, channels: int = 2) -> Tensor:
        """Return two images of a size that the encoder takes."""
        multiples = (MULTIPLES if max(encoder.strides[-1]) < LARGE_STRIDE else FEWER_MULTIPLES)[axes]
        size = [multiple * step for multiple, step in zip(multiples, encoder.strides[-1], strict=True)]
        return torch.randn(2, channels, *size, generator=torch.Generator().manual_seed(1))

    def test_the_pyramid_has_the_channels_and_strides_that_the_attributes_say(
        self, case: int, parameters: Mapping[str, Any]
    ) -> None:
        encoder = self.build(case, parameters)
        image = self.image(encoder, case)
        pyramid = encoder(image)
        assert len(pyramid) == len(encoder.channels) == len(encoder.strides)
        for level, channels, stride in zip(pyramid, encoder.channels, encoder.strides, strict=True):
            size = [count // step for count, step in zip(image.shape[2:], stride, strict=True)]
            assert level.shape == (2, channels, *size)

    def test_strides_grow_along_every_axis(self, case: int, parameters: Mapping[str, Any]) -> None:
        columns = [list(column) for column in zip(*self.build(case, parameters).strides, strict=True)]
        assert len(columns) == case
        assert columns == [sorted(column) for column in columns]

    def test_gradients_reach_every_parameter_and_the_image(self, case: int, parameters: Mapping[str, Any]) -> None:
        encoder = self.build(case, parameters)
        image = self.image(encoder, case).requires_grad_()
        torch.stack([level.square().sum() for level in encoder(image)]).sum().backward()  # type: ignore[no-untyped-call]
        assert [key for key, parameter in encoder.named_parameters() if parameter.grad is None] == []
        assert image.grad is not None
        assert image.grad.abs().sum() > 0

    def test_one_seed_gives_one_encoder(self, case: int, parameters: Mapping[str, Any]) -> None:
        first, second = (self.build(case, parameters).eval() for _ in range(2))
        image = self.image(first, case)
        assert all(torch.equal(one, other) for one, other in zip(first(image), second(image), strict=True))

    def test_samples_do_not_see_each_other_in_evaluation(self, case: int, parameters: Mapping[str, Any]) -> None:
        encoder = self.build(case, parameters).eval()
        image = self.image(encoder, case)
        alone = encoder(image[:1])
        assert all(torch.allclose(one, both[:1], atol=1e-5) for one, both in zip(alone, encoder(image), strict=True))

    @pytest.mark.parametrize("in_channels", [1, 3])
    def test_any_number_of_channels_goes_in(self, case: int, parameters: Mapping[str, Any], in_channels: int) -> None:
        encoder = self.build(case, parameters, in_channels=in_channels)
        assert len(encoder(self.image(encoder, case, channels=in_channels))) == len(encoder.channels)
