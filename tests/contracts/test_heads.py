import pytest

from medweave.models.encoders.encoder import equal_strides
from medweave.models.heads.head import HEADS
from medweave.testing.head import HeadContract

ACTIVATIONS = ({"activation": "softmax"}, {"activation": "sigmoid"})


def test_every_head_is_tested(tested_names) -> None:
    assert tested_names == set(HEADS.names())


class TestMonaiUNetDecoder(HeadContract):
    name = "monai_unet_decoder"
    parameters = ACTIVATIONS
    reductions = (2, 4, 4)


class TestUNetDecoder(HeadContract):
    name = "unet_decoder"
    parameters = ACTIVATIONS


class TestPooledMLP(HeadContract):
    name = "pooled_mlp"


@pytest.mark.parametrize("name", [name for name in HEADS.names() if HEADS.get(name).kind == "segmentation"])
def test_levels_whose_strides_do_not_divide_are_refused(name):
    with pytest.raises(ValueError, match=r"decoder needs .*encoder.*got"):
        HEADS.get(name)(
            channels=(4, 6, 8), strides=equal_strides(1, 2, 3, spatial_dims=3), structures=1, spatial_dims=3
        )
