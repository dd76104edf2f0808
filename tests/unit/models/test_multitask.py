import copy

import pytest
import torch

from medweave.models.encoders.encoder import equal_strides
from medweave.models.encoders.monai_unet import MonaiUNetEncoder
from medweave.models.encoders.unet3d import UNet3DEncoder
from medweave.models.features import FeatureChannels
from medweave.models.fusion.concat import ConcatFusion
from medweave.models.heads.pooled_mlp import PooledMLPHead
from medweave.models.heads.unet_decoder import UNetDecoderHead
from medweave.models.multitask import MultiTaskModel

CHANNELS = (4, 8, 8)
EVERYWHERE = torch.ones(4, dtype=torch.bool)
SOMEWHERE = torch.tensor([True, False, True, False])
NOWHERE = torch.zeros(4, dtype=torch.bool)


def _segmentation(structures, axes, **parameters):
    return UNetDecoderHead(
        channels=CHANNELS,
        strides=equal_strides(1, 2, 4, spatial_dims=axes),
        structures=structures,
        spatial_dims=axes,
        **parameters,
    )


@pytest.fixture
def model():
    """A volume with two segmentations, a picture with one, and a classification of both."""
    torch.manual_seed(0)
    heads = {
        "heart": _segmentation(1, 3, deep_supervision=2),
        "lung": _segmentation(3, 3),
        "rib": _segmentation(1, 2, activation="sigmoid"),
    }
    drawn_on = {"heart": "mri", "lung": "mri", "rib": "xray"}
    sources = FeatureChannels(
        pyramids={"mri": CHANNELS, "xray": CHANNELS},
        decoded={name: head.decoded_channels for name, head in heads.items()},
        activations={name: head.activation for name, head in heads.items()},
        inputs=drawn_on,
    )
    diagnosis = PooledMLPHead(
        sources=sources,
        make_fusion=lambda channels: ConcatFusion(channels=channels, features=5),
        classes=3,
        hidden=(6,),
        dropout=(0, 0),
        batch_norm=False,
        pool_from="decoder",
    )
    return MultiTaskModel(
        encoders={
            "mri": UNet3DEncoder(in_channels=1, spatial_dims=3, channels=CHANNELS),
            "xray": UNet3DEncoder(in_channels=3, spatial_dims=2, channels=CHANNELS),
        },
        segmentation_heads=heads,
        classification_heads={"diagnosis": diagnosis},
        drawn_on=drawn_on,
    ).train()


def _images():
    generator = torch.Generator().manual_seed(1)
    return {
        "mri": torch.randn(4, 1, 8, 12, 4, generator=generator),
        "xray": torch.randn(4, 3, 8, 4, generator=generator),
    }


def _run(model, *, mri=EVERYWHERE, xray=EVERYWHERE, images=None):
    return model(_images() if images is None else images, {"mri": mri, "xray": xray})


def _statistics(model):
    return {key: value for key, value in model.state_dict().items() if "running" in key or "tracked" in key}


def test_every_head_answers_at_every_supervised_level_in_training(model):
    assert {name: [tuple(level.shape) for level in levels] for name, levels in _run(model).items()} == {
        "heart": [(4, 2, 8, 12, 4), (4, 2, 4, 6, 2)],
        "lung": [(4, 4, 8, 12, 4)],
        "rib": [(4, 1, 8, 4)],
        "diagnosis": [(4, 3)],
    }
    assert model.head_names == ["heart", "lung", "rib", "diagnosis"]


def test_every_head_answers_once_in_evaluation(model):
    answers = _run(model.eval())
    assert {name: len(levels) for name, levels in answers.items()} == dict.fromkeys(model.head_names, 1)


def test_pooled_features_are_the_mean_of_the_coarsest_level_of_each_input(model):
    pyramids = model.eval().encode(_images(), {"mri": EVERYWHERE, "xray": EVERYWHERE})
    pooled = model.pooled_features(pyramids)
    assert {name: tuple(values.shape) for name, values in pooled.items()} == {"mri": (4, 8), "xray": (4, 8)}
    assert torch.allclose(pooled["xray"], pyramids["xray"][-1].mean(dim=(2, 3)))


def test_two_segmentations_share_their_input_s_encoder_and_have_weights_of_their_own(model):
    _run(model)["heart"][0].sum().backward()
    trained = {key for key, parameter in model.named_parameters() if parameter.grad is not None}
    assert {key for key, _ in model.named_parameters() if key.startswith("encoders.mri.")} <= trained
    assert all(key.startswith(("encoders.mri.", "segmentation_heads.heart.")) for key in trained)


def test_the_divisors_of_an_input_are_its_encoder_s_coarsest_strides(model):
    deep = MonaiUNetEncoder(in_channels=1, spatial_dims=3, channels=(4, 4, 4, 4, 4))
    both = MultiTaskModel(
        encoders={"mri": deep, "xray": model.encoders["xray"]},
        segmentation_heads={},
        classification_heads={},
        drawn_on={},
    )
    assert both.size_divisors == {"mri": (16, 16, 16), "xray": (4, 4)}


def test_statistics_and_answers_in_training_are_those_of_the_present_samples_alone(model):
    reference = copy.deepcopy(model)
    answers = _run(model, mri=SOMEWHERE)
    rows = SOMEWHERE.nonzero()[:, 0]
    pyramid = reference.encoders["mri"](_images()["mri"][rows])
    for head in ("heart", "lung"):
        expected = reference.segmentation_heads[head](pyramid).logits
        assert all(torch.equal(own[rows], other) for own, other in zip(answers[head], expected, strict=True))
        assert all(torch.equal(own[~SOMEWHERE], torch.zeros_like(own[~SOMEWHERE])) for own in answers[head])
    own, expected = _statistics(model), _statistics(reference)
    keys = [key for key in own if key.startswith(("encoders.mri.", "segmentation_heads.heart."))]
    assert len(keys) > 10
    assert all(torch.equal(own[key], expected[key]) for key in keys)


def test_gradients_in_training_are_those_of_the_present_samples_alone(model):
    reference = copy.deepcopy(model)
    _run(model, mri=SOMEWHERE)["heart"][0].square().sum().backward()
    pyramid = reference.encoders["mri"](_images()["mri"][SOMEWHERE])
    reference.segmentation_heads["heart"](pyramid).logits[0].square().sum().backward()
    pairs = zip(model.named_parameters(), reference.parameters(), strict=True)
    compared = [(key, own.grad, other.grad) for (key, own), other in pairs if other.grad is not None]
    assert len(compared) > 20
    assert [key for key, own, other in compared if not torch.allclose(own, other, atol=1e-5)] == []


@pytest.mark.parametrize("value", [1e6, float("nan")])
def test_what_an_absent_input_holds_has_no_influence_in_training(model, value):
    other, images = copy.deepcopy(model), _images()
    images["mri"][~SOMEWHERE] = value
    answers, others = _run(model, mri=SOMEWHERE), _run(other, mri=SOMEWHERE, images=images)
    assert all(torch.equal(levels[-1], others[name][-1]) for name, levels in answers.items())
    statistics = _statistics(other)
    assert all(torch.equal(value, statistics[key]) for key, value in _statistics(model).items())


def test_what_an_absent_input_holds_has_no_influence_on_a_class_in_evaluation(model):
    images = _images()
    expected = _run(model.eval(), xray=SOMEWHERE)["diagnosis"][0]
    images["xray"][~SOMEWHERE] = 100
    assert torch.equal(_run(model, xray=SOMEWHERE, images=images)["diagnosis"][0], expected)


def test_an_input_that_no_sample_of_the_batch_has_teaches_nothing(model):
    before = {key: value.clone() for key, value in _statistics(model).items()}
    answers = _run(model, xray=NOWHERE)
    assert set(answers) == {"heart", "lung", "diagnosis"}
    sum(level.square().sum() for levels in answers.values() for level in levels).backward()
    foreign = ("encoders.xray.", "segmentation_heads.rib.")
    assert all(parameter.grad is None for key, parameter in model.named_parameters() if key.startswith(foreign))
    after = _statistics(model)
    assert [key for key in after if key.startswith(foreign) and not torch.equal(after[key], before[key])] == []
    assert torch.isfinite(answers["diagnosis"][0]).all()


def test_a_batch_without_any_input_is_classified_all_the_same(model):
    answers = _run(model, mri=NOWHERE, xray=NOWHERE)
    assert set(answers) == {"diagnosis"}
    assert torch.equal(answers["diagnosis"][0], answers["diagnosis"][0][:1].expand(4, 3))


def test_the_graph_of_an_evaluation_does_not_depend_on_what_is_present(model):
    answers = _run(model.eval(), mri=NOWHERE, xray=SOMEWHERE)
    assert set(answers) == set(model.head_names)


def test_a_sample_is_answered_alike_in_any_batch(model):
    model.eval()
    whole = _run(model, xray=SOMEWHERE)
    images = {name: image[1:2] for name, image in _images().items()}
    alone = model(images, {"mri": EVERYWHERE[1:2], "xray": SOMEWHERE[1:2]})
    assert all(torch.allclose(alone[name][0], whole[name][0][1:2], atol=1e-5) for name in ("heart", "diagnosis"))


def test_encoding_and_answering_are_the_two_halves_of_running(model):
    model.eval()
    present = {"mri": EVERYWHERE, "xray": SOMEWHERE}
    halves = model.answer(model.encode(_images(), present), present)
    assert all(torch.equal(halves[name][0], levels[0]) for name, levels in model(_images(), present).items())


@pytest.mark.parametrize("xray", [EVERYWHERE, SOMEWHERE, NOWHERE], ids=["everywhere", "somewhere", "nowhere"])
def test_absent_inputs_and_bfloat16_go_together(model, xray):
    expected = _run(copy.deepcopy(model), xray=xray)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        answers = _run(model, xray=xray)
    torch.stack([level.float().square().mean() for levels in answers.values() for level in levels]).sum().backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert set(answers) == set(expected)
    assert all(torch.allclose(answers[name][0].float(), expected[name][0], atol=0.1) for name in expected)
