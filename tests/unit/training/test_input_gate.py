"""A stub of the Predictor gives the features, so that no network is needed."""

from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from medweave.data.case import Case
from medweave.data.study import InputSource, StudySource
from medweave.preprocessing.pipeline import Preprocessor
from medweave.training import input_gate
from medweave.training.input_gate import fit_input_gate, gate_cases
from medweave.training.study_case import StudyCase

FLAT = Preprocessor(spatial_dims=2, resize_voxels=(8, 8))


class _Predictor:
    source = StudySource({"xray": InputSource(("image",), FLAT), "mri": InputSource(("mri",), Preprocessor())}, {})

    def features(self, inputs):
        return [{name: np.full(3, value) + value * np.eye(3)[0] for name, value in inputs.items()}]


def _case(folder, number, *, colour=False, mri=False):
    rng = np.random.default_rng(number)
    size = (40, 40, 3) if colour else (40, 40)
    picture = sitk.GetImageFromArray(rng.integers(0, 200 + number, size=size).astype(np.uint8), isVector=colour)
    sitk.WriteImage(picture, str(folder / f"{number}.png"))
    images, inputs = {"image": folder / f"{number}.png"}, {"xray": np.float32(number)}
    if mri:
        sitk.WriteImage(sitk.Image(4, 5, 6, sitk.sitkFloat32) + number, str(folder / f"{number}.mha"))
        images["mri"], inputs["mri"] = folder / f"{number}.mha", np.float32(number)
    return StudyCase(Case(str(number), str(number), images=images), SimpleNamespace(inputs=lambda: inputs))


@pytest.fixture
def study(tmp_path):
    """Ten pictures to train on and four to validate with; every second case has a volume too."""
    cases = [_case(tmp_path, number, mri=number % 2 == 0) for number in range(14)]
    return cases[:10], cases[10:]


def test_ranges_are_those_of_the_training_cases_that_have_the_input(study):
    training, validation = study
    gate = fit_input_gate(_Predictor(), training=training, validation=validation)
    assert {name: found.n_cases for name, found in gate.appearances.items()} == {"xray": 10, "mri": 5}
    assert gate.appearances["mri"].intensity[0, 1].tolist() == [0, 8]
    assert (gate.appearances["xray"].is_resized, gate.appearances["mri"].is_resized) == (True, False)


def test_an_input_that_few_cases_have_is_looked_at_in_those(study, monkeypatch):
    monkeypatch.setattr(input_gate, "MAX_CASES", 2)
    training, validation = study
    gate = fit_input_gate(_Predictor(), training=training[1:4], validation=validation)  # only the second has a volume
    assert {name: found.n_cases for name, found in gate.appearances.items()} == {"xray": 2, "mri": 1}


def test_the_limit_in_feature_space_lets_validation_cases_pass(study):
    training, validation = study
    seen = []
    gate = fit_input_gate(_Predictor(), training=training, validation=validation, on_case=lambda: seen.append(1))
    assert len(seen) == 14
    (spaces,) = gate.features
    assert spaces["xray"].mean == pytest.approx([9.0, 4.5, 4.5])
    assert [gate.check_features([{"xray": np.array([2.0, 1, 1]) * number}]) for number in (10, 13)] == [[], []]
    assert len(gate.check_features([{"xray": np.array([1.0, -20, 30])}])) == 1


def test_rules_of_radiographs_are_those_that_the_training_pictures_keep(study, tmp_path):
    training, validation = study
    rules = fit_input_gate(_Predictor(), training=training, validation=validation).radiograph_rules
    assert rules["mri"] == ()
    assert "xray_size" not in rules["xray"]  # the pictures have 40 pixels a side
    assert {"xray_colour", "xray_contrast", "xray_grey_levels"} <= set(rules["xray"])
    coloured = [_case(tmp_path, number, colour=True) for number in range(20, 26)]
    both = fit_input_gate(_Predictor(), training=[*training, *coloured], validation=validation).radiograph_rules
    assert set(rules["xray"]) - set(both["xray"]) == {"xray_colour"}


def test_of_many_cases_some_are_looked_at(monkeypatch):
    monkeypatch.setattr(input_gate, "MAX_CASES", 5)
    assert gate_cases(list(range(9))) == [0, 2, 4, 6, 8]
    assert gate_cases(list(range(3))) == [0, 1, 2]
    assert gate_cases([]) == []
