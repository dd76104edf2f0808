import json

import numpy as np
import pytest
import SimpleITK as sitk

from medweave.core.errors import RunError
from medweave.inference.gate.appearance import Appearance, TrainingAppearance
from medweave.inference.gate.features import fit_feature_space
from medweave.inference.gate.gate import InputGate
from medweave.inference.gate.warning import InputWarning
from medweave.preprocessing.pipeline import Preprocessor
from medweave.preprocessing.readers.medical import read_channels

FLAT = Preprocessor(spatial_dims=2, resize_voxels=(16, 16))
FEATURES = list(np.random.default_rng(0).normal(size=(40, 6)))


@pytest.fixture
def picture(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, size=(30, 30, 3)).astype(np.uint8)
    sitk.WriteImage(sitk.GetImageFromArray(values, isVector=True), str(tmp_path / "a.png"))
    return tmp_path / "a.png"


def _gate(picture, *rules):
    trained = TrainingAppearance.of([_appearance(picture)], is_resized=True)
    return InputGate({"xray": trained}, ({"xray": fit_feature_space(FEATURES, FEATURES)},), {"xray": rules})


def _channels(picture):
    return read_channels(picture, spatial_dims=2, colour="grey")


def _appearance(picture):
    return Appearance.of(_channels(picture), FLAT)


def test_a_known_image_passes(picture):
    assert _gate(picture, "xray_contrast").check_images("xray", _channels(picture), [picture], FLAT) == []


def test_rules_of_radiographs_see_the_file_s_own_colours(picture):
    (warning,) = _gate(picture, "xray_colour").check_images("xray", _channels(picture), [picture], FLAT)
    assert warning.code == "xray_colour"
    assert warning.message.endswith("expected at most 8 (a.png)")


def test_rules_that_the_training_images_break_are_not_applied(picture):
    assert _gate(picture).check_images("xray", _channels(picture), [picture], FLAT) == []


def test_other_intensities_are_told(picture):
    bright = [channel * 10 for channel in _channels(picture)]
    assert [w.code for w in _gate(picture).check_images("xray", bright, [picture], FLAT)] == ["intensity"]


def test_a_case_far_from_the_training_cases_is_told_by_how_far(picture):
    gate = _gate(picture)
    assert gate.check_features([{"xray": np.float32(FEATURES[0])}]) == []
    far = np.full(6, 40, np.float32)
    doubt = gate.features[0]["xray"].doubt(far)
    assert gate.check_features([{"xray": far, "other": far}]) == [
        InputWarning(
            "features", "xray", f"to the network it is unlike the training cases ({doubt:.2f} times the limit)"
        )
    ]
    assert len(gate.check_features([{"xray": np.full(6, np.nan, np.float32)}])) == 1


def test_a_gate_is_kept_as_json(picture, tmp_path):
    gate = _gate(picture, "xray_colour")
    gate.save(tmp_path / "input_gate.json")
    again = InputGate.load(tmp_path / "input_gate.json")
    assert again.check_images("xray", _channels(picture), [picture], FLAT) == gate.check_images(
        "xray", _channels(picture), [picture], FLAT
    )
    assert again.features[0]["xray"].threshold == gate.features[0]["xray"].threshold


def test_a_run_without_a_gate_has_none(tmp_path):
    assert InputGate.load(tmp_path / "input_gate.json") is None


@pytest.mark.parametrize(
    ("content", "got"),
    [
        ("[1", "not a JSON file"),
        ("{}", "'format'"),
        ('{"format": 9}', "format 9, not 1"),
        ('{"format": 1}', "'inputs'"),
    ],
)
def test_a_damaged_gate_is_refused(content, got, tmp_path):
    (tmp_path / "input_gate.json").write_text(content)
    with pytest.raises(RunError, match=rf"the input gate cannot be read .*{got}"):
        InputGate.load(tmp_path / "input_gate.json")


def test_a_gate_without_features_is_kept_too(picture, tmp_path):
    InputGate(_gate(picture).appearances).save(tmp_path / "input_gate.json")
    assert json.loads((tmp_path / "input_gate.json").read_text())["inputs"]["xray"]["features"] == []
    assert InputGate.load(tmp_path / "input_gate.json").features == ()


def test_an_ensemble_knows_what_any_network_knows_and_doubts_by_the_mean(picture):
    gate = _gate(picture, "xray_colour", "xray_contrast")
    bright = [channel * 10 for channel in _channels(picture)]
    other = InputGate(
        {"xray": TrainingAppearance.of([Appearance.of(bright, FLAT)], is_resized=True)},
        gate.features,
        {"xray": ("xray_contrast",)},
    )
    ensemble = InputGate.joined([gate, other])
    assert ensemble.radiograph_rules == {"xray": ("xray_contrast",)}
    assert ensemble.check_images("xray", bright, [picture], FLAT) == []
    assert ensemble.check_images("xray", _channels(picture), [picture], FLAT) == []
    limit = gate.features[0]["xray"].threshold
    step = np.eye(6)[0] / gate.features[0]["xray"].distance(np.eye(6)[0] * 1e3 + FEATURES[0]) * 1e3
    near, far = np.float32(FEATURES[0]), np.float32(FEATURES[0] + step * limit * 1.5)
    assert ensemble.check_features([{"xray": near}, {"xray": far}]) == []
    assert len(ensemble.check_features([{"xray": far}, {"xray": far}])) == 1
