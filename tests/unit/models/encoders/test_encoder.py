import pytest
import torch
from torch import nn

from medweave.core.errors import UsageError
from medweave.models.encoders.encoder import ENCODERS, Encoder, equal_strides, level_steps, run_stages, total_strides


def test_the_registry_finds_the_encoders_of_the_package_and_suggests():
    assert ENCODERS.names() == ["densenet121", "monai_unet", "residual_unet", "resnet", "segresnet", "unet3d"]
    with pytest.raises(UsageError, match=r"unknown encoder 'unet3'.* Did you mean 'unet3d'"):
        ENCODERS.get("unet3")


def test_an_encoder_must_say_how_it_encodes():
    with pytest.raises(NotImplementedError):
        Encoder()(torch.zeros(1))


def test_equal_strides_repeat_each_reduction_for_each_axis():
    assert equal_strides(1, 2, 8, spatial_dims=3) == ((1, 1, 1), (2, 2, 2), (8, 8, 8))


def test_the_recipe_s_steps_are_taken_or_the_default_along_every_axis():
    assert level_steps(None, default=(1, 2), spatial_dims=2) == ((1, 1), (2, 2))
    assert level_steps([[1, 1], [3, 1]], default=(1, 2), spatial_dims=2) == ((1, 1), (3, 1))


@pytest.mark.parametrize("steps", [[], [[1, 1]], [[1, 1], [2]], [[1, 1, 1], [2, 2, 2]]])
def test_steps_of_another_shape_are_refused(steps):
    with pytest.raises(ValueError, match="steps must hold 2 numbers for each of the 2 levels, got"):
        level_steps(steps, default=(1, 2), spatial_dims=2)


def test_strides_are_the_products_of_the_steps():
    assert total_strides(((2, 1), (3, 1), (2, 2))) == ((2, 1), (6, 1), (12, 2))


def test_each_stage_sees_what_the_one_before_gives():
    stages = nn.ModuleList([nn.Flatten(), nn.ReLU(), nn.Softmax(dim=1)])
    image = torch.tensor([[[-1.0, 2.0]]])
    flat, positive, shares = run_stages(stages, image)
    assert flat.tolist() == [[-1, 2]]
    assert positive.tolist() == [[0, 2]]
    assert torch.allclose(shares, torch.tensor([0.0, 2.0]).softmax(dim=0))
