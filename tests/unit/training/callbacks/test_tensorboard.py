import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from medweave.models.encoders.unet3d import UNet3DEncoder
from medweave.models.features import FeatureChannels
from medweave.models.fusion.concat import ConcatFusion
from medweave.models.heads.pooled_mlp import PooledMLPHead
from medweave.models.heads.unet_decoder import UNetDecoderHead
from medweave.models.multitask import MultiTaskModel
from medweave.training.callbacks.tensorboard import _Traceable


@pytest.fixture(scope="module")
def events(finished_run):
    accumulator = EventAccumulator(str(finished_run.tensorboard), size_guidance={"images": 0})
    accumulator.Reload()
    return accumulator


def test_scalars_are_there_for_every_epoch(events):
    names = {
        "train/loss",
        "train/loss_heart",
        "val/loss",
        "val/loss_heart",
        "val/score",
        "val/dice_heart_left_atrium",
        "resources/seconds",
    }
    assert names <= set(events.Tags()["scalars"])
    assert [len(events.Scalars(name)) for name in sorted(names)] == [4] * len(names)


def test_the_first_validation_case_is_drawn_at_every_validation(events):
    images = events.Images("validation/heart")
    assert [image.step for image in images] == [0, 1, 2, 3]
    assert images[0].encoded_image_string.startswith(b"\x89PNG")


def test_the_graph_holds_the_convolutions(events):
    assert events.Tags()["graph"]
    assert any("convolution" in node.op.lower() for node in events.Graph().node)


def test_the_traceable_model_gives_the_model_s_logits():
    encoder = UNet3DEncoder(in_channels=1, spatial_dims=2, channels=(4, 8))
    head = UNetDecoderHead(channels=(4, 8), strides=((1, 1), (2, 2)), structures=1, spatial_dims=2)
    model = MultiTaskModel(
        encoders={"a": encoder}, segmentation_heads={"h": head}, classification_heads={}, drawn_on={"h": "a"}
    )
    model.eval()
    image = torch.randn(1, 1, 8, 8)
    (logits,) = _Traceable(model, ("a",))(image)
    assert torch.equal(logits, model({"a": image}, {"a": torch.tensor([True])})["h"][0])


def test_the_traceable_model_of_several_inputs_runs_where_its_images_are():
    """On the device `meta`, which as a GPU does refuses tensors of the processor beside its own."""
    encoders = {name: UNet3DEncoder(in_channels=1, spatial_dims=2, channels=(4, 8)) for name in ("a", "b")}
    pyramids = dict.fromkeys(encoders, (4, 8))
    head = PooledMLPHead(
        sources=FeatureChannels(pyramids=pyramids, decoded={}, activations={}, inputs={}),
        make_fusion=lambda channels: ConcatFusion(channels=channels),
        classes=3,
    )
    model = MultiTaskModel(encoders=encoders, segmentation_heads={}, classification_heads={"class": head}, drawn_on={})
    images = [torch.zeros(1, 1, 8, 8, device="meta") for _ in encoders]
    (logits,) = _Traceable(model.eval().to("meta"), tuple(encoders))(*images)
    assert logits.shape == (1, 3)
