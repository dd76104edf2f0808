"""A heart of ellipsoids and cylinders whose measurements follow from geometry."""

import math

import numpy as np
import pytest

from medweave.measurements.cardiac import CardiacMeasurements
from medweave.measurements.measurement import Segmentation
from medweave.preprocessing.geometry import Grid

STRUCTURES = {"rv": 1, "myocardium": 2, "lv": 3}
SPACING_MM = (1.5, 1.3, 4.0)
SIZE = (90, 70, 26)
GRID = Grid(SIZE, SPACING_MM, (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
LV_MM, RV_MM = np.array([80.0, 45.0, 51.0]), np.array([25.0, 45.0, 51.0])


def _positions():
    return np.stack(np.meshgrid(*(np.arange(n) * s for n, s in zip(SIZE, SPACING_MM, strict=True)), indexing="ij"), -1)


def _ellipsoid(centre_mm, axes_mm):
    return (((_positions() - centre_mm) / axes_mm) ** 2).sum(axis=-1) <= 1


def _ml(axes_mm):
    return 4 / 3 * math.pi * math.prod(axes_mm) / 1000


def _phase(cavity_mm, outer_mm, right_mm):
    labels = np.zeros(SIZE, np.uint8)
    labels[_ellipsoid(RV_MM, right_mm)] = 1
    labels[_ellipsoid(LV_MM, outer_mm)] = 2
    labels[_ellipsoid(LV_MM, cavity_mm)] = 3
    return Segmentation(labels, STRUCTURES, GRID)


def _cylinders(radii_mm, walls_mm):
    """Return a phase whose slices each have a radius and a wall thickness."""
    labels = np.zeros(SIZE, np.uint8)
    distance = np.linalg.norm(_positions()[..., :2] - LV_MM[:2], axis=-1)
    for position, (radius, wall) in enumerate(zip(radii_mm, walls_mm, strict=True), start=5):
        labels[..., position][distance[..., position] <= radius + wall] = 2
        labels[..., position][distance[..., position] <= radius] = 3
    labels[:10, :10, 5:] = 1
    return Segmentation(labels, STRUCTURES, GRID)


def _measure(ed, es, attributes=None):
    segmentations = {name: phase for name, phase in (("ed", ed), ("es", es)) if phase is not None}
    return CardiacMeasurements(ed="ed", es="es")(segmentations, attributes or {})


def _values(ed, es, attributes=None):
    return {item.name: item.value for item in _measure(ed, es, attributes)}


DIASTOLE = ((24.0, 26.0, 45.0), (34.0, 36.0, 50.0), (20.0, 30.0, 40.0))
SYSTOLE = ((15.0, 18.0, 40.0), (33.0, 35.0, 50.0), (15.0, 24.0, 35.0))


@pytest.fixture(scope="module")
def ellipsoids():
    return _values(_phase(*DIASTOLE), _phase(*SYSTOLE))


def test_ellipsoids_have_their_volumes(ellipsoids):
    assert ellipsoids["lv_end_diastolic_volume"] == pytest.approx(_ml(DIASTOLE[0]), rel=0.01)
    assert ellipsoids["lv_end_systolic_volume"] == pytest.approx(_ml(SYSTOLE[0]), rel=0.01)
    assert ellipsoids["rv_end_diastolic_volume"] == pytest.approx(_ml(DIASTOLE[2]), rel=0.01)
    assert ellipsoids["rv_end_systolic_volume"] == pytest.approx(_ml(SYSTOLE[2]), rel=0.01)
    assert ellipsoids["myocardial_end_diastolic_volume"] == pytest.approx(_ml(DIASTOLE[1]) - _ml(DIASTOLE[0]), rel=0.01)
    assert ellipsoids["myocardial_end_systolic_volume"] == pytest.approx(_ml(SYSTOLE[1]) - _ml(SYSTOLE[0]), rel=0.01)


def test_function_follows_from_the_volumes(ellipsoids):
    for name, index in (("lv", 0), ("rv", 2)):
        stroke = _ml(DIASTOLE[index]) - _ml(SYSTOLE[index])
        assert ellipsoids[f"{name}_stroke_volume"] == pytest.approx(stroke, rel=0.02)
        assert ellipsoids[f"{name}_ejection_fraction"] == pytest.approx(100 * stroke / _ml(DIASTOLE[index]), abs=1)


def test_mass_and_ratios_follow_from_the_volumes(ellipsoids):
    mass = 1.05 * (_ml(DIASTOLE[1]) - _ml(DIASTOLE[0]))
    assert ellipsoids["myocardial_mass"] == pytest.approx(mass, rel=0.01)
    assert ellipsoids["myocardial_mass_to_lv_end_diastolic_volume"] == pytest.approx(mass / _ml(DIASTOLE[0]), rel=0.02)
    assert ellipsoids["rv_to_lv_end_diastolic_volume"] == pytest.approx(_ml(DIASTOLE[2]) / _ml(DIASTOLE[0]), rel=0.02)
    assert ellipsoids["rv_to_lv_end_systolic_volume"] == pytest.approx(_ml(SYSTOLE[2]) / _ml(SYSTOLE[0]), rel=0.02)
    assert ellipsoids["myocardial_to_lv_end_systolic_volume"] == pytest.approx(
        (_ml(SYSTOLE[1]) - _ml(SYSTOLE[0])) / _ml(SYSTOLE[0]), rel=0.02
    )


def test_the_wall_is_summarised_around_and_along_the_stack():
    walls = [9.0, 6.0, 8.0, 10.0, 9.0]  # the first and the last slice are left out
    found = _values(_cylinders([24.0] * 5, walls), _cylinders([18.0] * 5, walls))
    name = "end_diastolic_wall_thickness"
    assert found[f"{name}_mean"] == pytest.approx(8.0, abs=0.3)
    assert found[f"{name}_slice_maximum"] == pytest.approx(10.0, abs=0.3)
    assert found[f"{name}_maximum"] == pytest.approx(10.0, abs=0.7)
    assert found[f"{name}_minimum"] == pytest.approx(6.0, abs=0.7)
    assert found[f"{name}_deviation_along"] == pytest.approx(math.sqrt(8 / 3), abs=0.2)
    assert found[f"{name}_deviation_around"] < 0.5


def test_motion_compares_the_phases():
    found = _values(_cylinders([24.0] * 5, [8.0] * 5), _cylinders([15.0] * 5, [12.0] * 5))
    assert found["wall_thickening_mean"] == pytest.approx(50.0, abs=5)
    assert found["radial_shortening_mean"] == pytest.approx(100 * 9 / 24, abs=2)
    assert found["radial_shortening_minimum"] == pytest.approx(100 * 9 / 24, abs=4)
    assert found["radial_shortening_deviation"] < 3


def test_a_slice_that_does_not_move_shows_in_minimum_and_deviation():
    diastole = _cylinders([24.0] * 6, [8.0] * 6)
    found = _values(diastole, _cylinders([15.0, 15.0, 24.0, 15.0, 15.0, 15.0], [12.0, 12.0, 8.0, 12.0, 12.0, 12.0]))
    assert found["radial_shortening_minimum"] == pytest.approx(0.0, abs=0.1)
    assert found["radial_shortening_deviation"] == pytest.approx(37.5 * math.sqrt(3 / 16), abs=1.5)
    assert found["wall_thickening_minimum"] == pytest.approx(0.0, abs=0.1)


def test_every_measurement_has_the_unit_of_its_kind():
    units = {item.name: item.unit for item in _measure(_phase(*DIASTOLE), _phase(*SYSTOLE))}
    assert {units[name] for name in units if name.endswith("_volume") and "_to_" not in name} == {"mL"}
    assert {units[name] for name in units if "fraction" in name or "ening" in name} == {"%"}
    assert {units[name] for name in units if "wall_thickness" in name} == {"mm"}
    assert units["myocardial_mass"] == "g"
    assert units["rv_to_lv_end_diastolic_volume"] == ""
    assert set(units.values()) == {"mL", "%", "mm", "g", "g/mL", ""}


def test_height_and_weight_index_volumes_and_mass_by_body_surface():
    attributes = {"height_cm": "170", "weight_kg": "70.0"}
    found = {item.name: item for item in _measure(_phase(*DIASTOLE), _phase(*SYSTOLE), attributes)}
    surface = 1.8181  # Mosteller: root of 170 times 70 by 3600
    index = found["lv_end_diastolic_volume_index"]
    assert index.value == pytest.approx(found["lv_end_diastolic_volume"].value / surface, rel=1e-4)
    assert index.unit == "mL/m²"
    assert found["myocardial_mass_index"].unit == "g/m²"
    assert "lv_ejection_fraction_index" not in found


@pytest.mark.parametrize(
    "attributes",
    [{}, {"height_cm": "170"}, {"height_cm": "tall", "weight_kg": "70"}, {"height_cm": "0", "weight_kg": "70"}],
)
def test_without_both_height_and_weight_nothing_is_indexed(attributes):
    assert not [name for name in _values(_phase(*DIASTOLE), None, attributes) if name.endswith("_index")]


@pytest.mark.parametrize("absent", ["rv", "myocardium", "lv"])
def test_a_structure_that_was_not_found_makes_what_needs_it_unknown(absent, ellipsoids):
    systole = _phase(*SYSTOLE)
    systole.labels[systole.mask(absent)] = 0
    found = _values(_phase(*DIASTOLE), systole)
    assert list(found) == list(ellipsoids)
    key = "myocardial" if absent == "myocardium" else absent
    assert math.isnan(found[f"{key}_end_systolic_volume"])
    assert found[f"{key}_end_diastolic_volume"] == ellipsoids[f"{key}_end_diastolic_volume"]
    assert math.isnan(found["lv_ejection_fraction"]) == (absent == "lv")
    assert math.isnan(found["end_systolic_wall_thickness_mean"]) == (absent != "rv")


def test_an_absent_phase_leaves_the_names_and_what_the_other_tells(ellipsoids):
    found = _values(_phase(*DIASTOLE), None)
    assert list(found) == list(ellipsoids)
    assert found["myocardial_mass"] == ellipsoids["myocardial_mass"]
    assert found["end_diastolic_wall_thickness_mean"] == ellipsoids["end_diastolic_wall_thickness_mean"]
    assert math.isnan(found["lv_ejection_fraction"])
    assert math.isnan(found["wall_thickening_mean"])
    assert all(math.isnan(value) for value in _values(None, None).values())


def test_a_fit_study_has_no_problems():
    heads = {"ed": STRUCTURES, "es": STRUCTURES}
    assert CardiacMeasurements(ed="ed", es="es").problems(heads, {"ed": 3, "es": 3}) == []


def test_heads_that_do_not_fit_are_named():
    measurements = CardiacMeasurements(ed="heart", es="flat")
    problems = measurements.problems({"flat": STRUCTURES, "lv_only": {"lv": 1}}, {"flat": 2, "lv_only": 3})
    assert problems == [
        "ed: no segmentation head is called 'heart'; one of flat, lv_only",
        "es: head 'flat' is flat; a stack of slices is needed",
    ]
    assert CardiacMeasurements(ed="lv_only", es="lv_only").problems({"lv_only": {"lv": 1}}, {"lv_only": 3}) == [
        "ed: head 'lv_only' has no structure rv, myocardium",
        "es: head 'lv_only' has no structure rv, myocardium",
    ]
