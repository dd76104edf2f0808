import pytest
import torch

from medweave.models.fusion.single import SingleFusion


def test_the_only_pyramid_is_passed_on():
    pyramid = [torch.randn(1, 4, 8, 8), torch.randn(1, 8, 4, 4)]
    fusion = SingleFusion(channels={"mri": (4, 8)})
    assert fusion({"mri": pyramid}, {"mri": torch.tensor([True])}) == pyramid
    assert fusion.out_channels == (4, 8)


def test_two_inputs_are_refused():
    with pytest.raises(ValueError, match="takes one input; got mri, ct"):
        SingleFusion(channels={"mri": (4,), "ct": (4,)})
