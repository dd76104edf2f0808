import pytest
import torch

from medweave.losses.loss import MultiTaskLoss, WeightedLoss
from medweave.losses.overlap import DiceCrossEntropy
from medweave.models.encoders.unet3d import UNet3DEncoder
from medweave.models.heads.unet_decoder import UNetDecoderHead
from medweave.models.multitask import MultiTaskModel
from medweave.training import precision
from medweave.training.precision import fastest_precision

CPU = torch.device("cpu")


def _network():
    encoder = UNet3DEncoder(in_channels=1, spatial_dims=2, channels=(4, 8))
    head = UNetDecoderHead(channels=(4, 8), strides=((1, 1), (2, 2)), structures=1, spatial_dims=2)
    model = MultiTaskModel(
        encoders={"xray": encoder},
        segmentation_heads={"lung": head},
        classification_heads={},
        drawn_on={"lung": "xray"},
    )
    terms = {"lung": WeightedLoss(DiceCrossEntropy(structures=1, activation="softmax"), 1.0)}
    return model, MultiTaskLoss(terms, learn_weights=True)


def _batch(*present):
    return {
        "images": {"xray": torch.randn(2, 1, 16, 16)},
        "label_maps": {"lung": torch.randint(0, 2, (2, 16, 16))},
        "targets": {},
        "present": {"xray": torch.tensor([True, True]), "lung": torch.tensor(present)},
        "case_ids": ["c1", "c2"],
    }


def _fastest(model, loss, *present):
    return fastest_precision(model, loss, batch=_batch(*present or (True, True)), device=CPU)


@pytest.mark.parametrize(
    ("seconds", "fastest"), [((2.0, 1.0), "bfloat16"), ((1.0, 2.0), "float32"), ((1.05, 1.0), "float32")]
)
def test_the_precision_with_the_clearly_shorter_step_is_taken(monkeypatch, seconds, fastest):
    durations = dict(zip(("float32", "bfloat16"), seconds, strict=True))
    monkeypatch.setattr(precision, "narrow_formats", lambda _: ["bfloat16"])
    monkeypatch.setattr(
        precision, "_seconds_in_turns", lambda steps, repeats: {name: durations[name] for name in steps}
    )
    assert _fastest(*_network()) == fastest


def test_steps_take_turns_and_the_fastest_but_the_first_counts(monkeypatch):
    clock, made = [0.0], []
    took = {"float32": iter((1.0, 5.0, 7.0)), "bfloat16": iter((9.0, 8.0, 6.0))}

    def step(name):
        made.append(name)
        clock[0] += next(took[name])

    monkeypatch.setattr(precision.time, "perf_counter", lambda: clock[0])
    steps = {name: lambda name=name: step(name) for name in took}
    assert precision._seconds_in_turns(steps, repeats=2) == {"float32": 5.0, "bfloat16": 6.0}
    assert made == ["float32", "bfloat16"] * 3


def _too_large():
    raise torch.OutOfMemoryError("CUDA out of memory.")


def test_a_precision_that_the_memory_is_not_enough_for_is_left_out():
    assert precision._seconds_in_turns({"float32": _too_large, "bfloat16": lambda: None}, repeats=1).keys() == {
        "bfloat16"
    }
    with pytest.raises(torch.OutOfMemoryError):
        precision._seconds_in_turns({"float32": _too_large, "bfloat16": _too_large}, repeats=1)


def test_a_processor_without_bfloat16_takes_float32_unmeasured(monkeypatch):
    monkeypatch.setattr(precision, "narrow_formats", lambda _: [])
    monkeypatch.setattr(precision, "_seconds_in_turns", lambda *_, **__: pytest.fail("measured"))
    assert _fastest(*_network()) == "float32"


@pytest.mark.parametrize("present", [(True, True), (True, False), (False, False)])
def test_measuring_leaves_the_network_and_the_loss_as_they_were(monkeypatch, present):
    monkeypatch.setattr(precision, "narrow_formats", lambda _: ["bfloat16"])
    model, loss = _network()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert _fastest(model, loss, *present) in ("float32", "bfloat16")
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in (*model.parameters(), *loss.parameters()))
