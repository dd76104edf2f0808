import pytest
import torch

from medweave.models.fusion.single import SingleFusion


def test_the_only_vector_is_passed_on():
    vector = torch.randn(2, 4)
    fusion = SingleFusion(channels={"mri": 4})
    assert fusion({"mri": vector}, {"mri": torch.tensor([True, True])}) is vector
    assert fusion.out_features == 4


def test_two_inputs_are_refused():
    with pytest.raises(ValueError, match="takes one input; got mri, ct"):
        SingleFusion(channels={"mri": 4, "ct": 4})
