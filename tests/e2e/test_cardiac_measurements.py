"""The clinical-features path on real hearts, from the true masks: what the measurements alone can tell."""

import numpy as np
import pytest

from medweave.data.layouts.layout import scan
from medweave.measurement_classifiers.cross_validation import MeasuredCases, cross_validate
from medweave.measurement_classifiers.fitting import logistic_regression
from medweave.measurements.cardiac import CardiacMeasurements
from medweave.measurements.measurement import Segmentation
from medweave.preprocessing.geometry import Grid, to_array
from medweave.preprocessing.readers.medical import read_label_map

pytestmark = [pytest.mark.real_data, pytest.mark.slow]

#: Two patients of the set have the same images, drawn twice.
COPIES = {"patient076": "patient074"}
STRUCTURES = {"rv": 1, "myocardium": 2, "lv": 3}


@pytest.fixture(scope="module")
def measured(shared_data):
    measure = CardiacMeasurements(ed="ed", es="es")
    cases, rows = scan(shared_data / "acdc").cases, []
    for case in cases:
        maps = {phase: read_label_map(path, spatial_dims=3) for phase, path in case.label_maps.items()}
        segmentations = {phase: Segmentation(to_array(map_), STRUCTURES, Grid.of(map_)) for phase, map_ in maps.items()}
        rows.append({found.name: found.value for found in measure(segmentations, case.attributes)})
    return MeasuredCases.of(
        rows,
        classes=[case.targets["diagnosis"] for case in cases],
        subject_ids=[COPIES.get(case.subject_id, case.subject_id) for case in cases],
    )


def _median(measured, name, diagnosis):
    return np.median(measured.values[measured.classes == diagnosis, measured.measurements.index(name)])


def test_every_heart_can_be_measured(measured):
    assert measured.values.shape == (60, 33)
    assert np.isfinite(measured.values).all()


def test_the_measurements_are_those_of_the_diagnoses(measured):
    # Bernard et al., IEEE TMI 2018, section II: what defines the five groups.
    assert _median(measured, "lv_ejection_fraction", "NOR") > 50
    assert max(_median(measured, "lv_ejection_fraction", name) for name in ("MINF", "DCM")) < 40
    assert _median(measured, "lv_end_diastolic_volume", "DCM") > 200
    assert _median(measured, "end_diastolic_wall_thickness_maximum", "HCM") > 15
    assert _median(measured, "lv_ejection_fraction", "HCM") > 55
    assert _median(measured, "rv_ejection_fraction", "RV") < 40
    assert _median(measured, "rv_to_lv_end_diastolic_volume", "RV") > 1.5


def test_the_diagnosis_follows_from_the_measurements(measured):
    found = cross_validate(measured, logistic_regression)
    accuracies = (np.unique(measured.classes)[found.argmax(axis=2)] == measured.classes).mean(axis=1)
    assert accuracies.min() >= 0.9
