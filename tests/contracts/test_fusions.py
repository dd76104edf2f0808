import pytest
import torch

from medweave.models.fusion.fusion import FUSIONS

NAMES = FUSIONS.names()
PRESENT = torch.tensor([True, True])


def test_there_are_fusions() -> None:
    assert "single" in NAMES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("axes", [2, 3])
def test_the_pyramid_of_one_input_keeps_its_sizes_and_gets_the_channels_that_the_attribute_says(name, axes):
    fusion = FUSIONS.get(name)(channels={"mri": (4, 8)})
    pyramid = [torch.randn(2, 4, *[6] * axes), torch.randn(2, 8, *[3] * axes)]
    fused = fusion({"mri": pyramid}, {"mri": PRESENT})
    assert [level.shape[1] for level in fused] == list(fusion.out_channels)
    assert [level.shape[2:] for level in fused] == [level.shape[2:] for level in pyramid]


@pytest.mark.parametrize("name", NAMES)
def test_gradients_pass(name):
    fusion = FUSIONS.get(name)(channels={"mri": (4, 8)})
    pyramid = [torch.randn(2, 4, 6, 6, requires_grad=True), torch.randn(2, 8, 3, 3, requires_grad=True)]
    sum(level.sum() for level in fusion({"mri": pyramid}, {"mri": PRESENT})).backward()
    assert all(level.grad.abs().sum() > 0 for level in pyramid)
    assert [key for key, parameter in fusion.named_parameters() if parameter.grad is None] == []
