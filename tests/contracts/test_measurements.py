"""What every set of measurements promises, whatever the label maps look like."""

import math

import numpy as np
import pytest

from medweave.measurements.measurement import MEASUREMENTS, Segmentation
from medweave.preprocessing.geometry import Grid

NAMES = MEASUREMENTS.names()
STRUCTURES = {"rv": 1, "myocardium": 2, "lv": 3}
GRID = Grid((24, 20, 6), (1.5, 1.2, 8.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
ATTRIBUTES = ({}, {"height_cm": "170", "weight_kg": "70"}, {"height_cm": "", "weight_kg": "-1"})


def _label_maps():
    empty = np.zeros(GRID.size_voxels, np.uint8)
    single = empty.copy()
    single[3, 3, 3] = 3
    noise = np.random.default_rng(0).integers(0, 4, GRID.size_voxels).astype(np.uint8)
    ring = empty.copy()
    ring[4:18, 4:16], ring[8:14, 7:12] = 2, 3
    ring[:3, :3] = 1
    return {
        "empty": empty,
        "single": single,
        "noise": noise,
        "ring": ring,
        **{f"all {v}": empty + v for v in (1, 2, 3)},
    }


def _studies():
    for ed in _label_maps().values():
        for es in _label_maps().values():
            yield {name: Segmentation(map_, STRUCTURES, GRID) for name, map_ in (("heart_ed", ed), ("heart_es", es))}


def test_there_are_sets_of_measurements() -> None:
    assert {"cardiac", "volumes"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_measurement_is_a_number_or_nan_and_never_infinite(name):
    measure = MEASUREMENTS.get(name)()
    values = [found.value for study in _studies() for found in measure(study, {})]
    assert len(values) > 100
    assert not any(math.isinf(value) for value in values)


@pytest.mark.parametrize("name", NAMES)
def test_names_and_units_are_those_of_every_case(name):
    measure = MEASUREMENTS.get(name)()
    found = [[(entry.name, entry.unit) for entry in measure(study, {})] for study in _studies()]
    assert all(entries == found[0] for entries in found)
    assert len({entry for entry, _ in found[0]}) == len(found[0])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("attributes", ATTRIBUTES)
def test_heads_may_be_absent_and_attributes_may_be_anything(name, attributes):
    measure = MEASUREMENTS.get(name)()
    study = next(_studies())
    known = {(entry.name, entry.unit) for entry in measure(study, attributes)}
    for heads in ({}, {"heart_ed": study["heart_ed"]}, {"heart_es": study["heart_es"]}):
        assert {(entry.name, entry.unit) for entry in measure(heads, attributes)} <= known


@pytest.mark.parametrize("name", NAMES)
def test_a_study_that_does_not_fit_is_told_so_in_words(name):
    problems = MEASUREMENTS.get(name)().problems({"lungs": ("lungs",)}, {"lungs": 2})
    assert all(isinstance(problem, str) for problem in problems)
