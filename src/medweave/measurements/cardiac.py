"""Volumes, function, mass and wall of the heart's ventricles from their masks in end-diastole and end-systole."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medweave.measurements.left_ventricle import Sectors, measure_sectors, septal_direction
from medweave.measurements.measurement import MEASUREMENTS, Measurement, Measurements, Segmentation

STRUCTURES = ("rv", "myocardium", "lv")

#: Density of heart muscle in g/mL (Bernard et al., IEEE TMI 2018).
DENSITY_G_PER_ML = 1.05


@MEASUREMENTS.register("cardiac")
class CardiacMeasurements(Measurements):
    """Ventricular volumes, ejection fractions, myocardial mass and wall thickness, from end-diastole and end-systole.

    Definitions are those of Bernard et al. (IEEE TMI 2018); the statistics of the wall follow Khened et al. (MedIA
    2019), those of its motion Zheng et al. (MedIA 2019). The stack's slices lie along the last axis, in the same places
    in both phases. A structure that is absent from a phase makes what depends on it NaN. With `height_cm` and
    `weight_kg` of the case, volumes and mass are also indexed by body surface area.

    Args:
        ed: Segmentation head of end-diastole, with structures rv, myocardium and lv.
        es: Segmentation head of end-systole, with the same structures.
    """

    facts = ("height_cm", "weight_kg")

    def __init__(self, *, ed: str = "heart_ed", es: str = "heart_es") -> None:
        self.ed, self.es = ed, es

    def problems(self, structures: Mapping[str, Collection[str]], spatial_dims: Mapping[str, int]) -> list[str]:
        """Return a line for each head that is absent, flat or without one of the structures."""
        problems = []
        for key, head in (("ed", self.ed), ("es", self.es)):
            missing = [name for name in STRUCTURES if name not in structures.get(head, ())]
            if head not in structures:
                problems.append(
                    f"{key}: no segmentation head is called {head!r}; one of {', '.join(structures) or 'none'}"
                )
            elif missing:
                problems.append(f"{key}: head {head!r} has no structure {', '.join(missing)}")
            elif spatial_dims[head] != 3:
                problems.append(f"{key}: head {head!r} is flat; a stack of slices is needed")
        return problems

    def __call__(self, segmentations: Mapping[str, Segmentation], attributes: Mapping[str, str]) -> list[Measurement]:
        """Measure both phases."""
        ed, es = _Phase.of(segmentations.get(self.ed)), _Phase.of(segmentations.get(self.es))
        volumes = _volumes(ed, es)
        return [*volumes, *_wall(ed, es), *_indexed(volumes, _body_surface_m2(attributes))]


@dataclass(frozen=True)
class _Phase:
    """The masks of a phase (x, y, slices), their volumes in mL and the spacing; NaN and empty where there is none."""

    masks: Mapping[str, NDArray[np.bool_]]
    volumes_ml: Mapping[str, float]
    spacing_mm: tuple[float, ...]

    @classmethod
    def of(cls, segmentation: Segmentation | None) -> "_Phase":
        """Return the phase; an empty structure counts as one that was not found."""
        if segmentation is None:
            empty = np.zeros((1, 1, 1), np.bool_)
            return cls(dict.fromkeys(STRUCTURES, empty), dict.fromkeys(STRUCTURES, math.nan), (1.0, 1.0, 1.0))
        return cls(
            {name: segmentation.mask(name) for name in STRUCTURES},
            {name: segmentation.volume_ml(name) or math.nan for name in STRUCTURES},
            segmentation.grid.spacing_mm,
        )


def _volumes(ed: _Phase, es: _Phase) -> list[Measurement]:
    found = []
    for ventricle in ("lv", "rv"):
        diastolic, systolic = ed.volumes_ml[ventricle], es.volumes_ml[ventricle]
        found += [
            Measurement(f"{ventricle}_end_diastolic_volume", diastolic, "mL"),
            Measurement(f"{ventricle}_end_systolic_volume", systolic, "mL"),
            Measurement(f"{ventricle}_stroke_volume", diastolic - systolic, "mL"),
            Measurement(f"{ventricle}_ejection_fraction", 100 * (diastolic - systolic) / diastolic, "%"),
        ]
    mass_g = ed.volumes_ml["myocardium"] * DENSITY_G_PER_ML
    return [
        *found,
        Measurement("myocardial_end_diastolic_volume", ed.volumes_ml["myocardium"], "mL"),
        Measurement("myocardial_end_systolic_volume", es.volumes_ml["myocardium"], "mL"),
        Measurement("myocardial_mass", mass_g, "g"),
        Measurement("rv_to_lv_end_diastolic_volume", ed.volumes_ml["rv"] / ed.volumes_ml["lv"], ""),
        Measurement("rv_to_lv_end_systolic_volume", es.volumes_ml["rv"] / es.volumes_ml["lv"], ""),
        Measurement("myocardial_mass_to_lv_end_diastolic_volume", mass_g / ed.volumes_ml["lv"], "g/mL"),
        Measurement("myocardial_to_lv_end_systolic_volume", es.volumes_ml["myocardium"] / es.volumes_ml["lv"], ""),
    ]


def _wall(ed: _Phase, es: _Phase) -> list[Measurement]:
    direction = septal_direction(ed.masks["lv"], ed.masks["rv"], spacing_mm=ed.spacing_mm)
    diastole, systole = (
        measure_sectors(phase.masks["lv"], phase.masks["myocardium"], spacing_mm=phase.spacing_mm, direction=direction)
        for phase in (ed, es)
    )
    found = []
    for phase, sectors in (("end_diastolic", diastole), ("end_systolic", systole)):
        found += _thickness(f"{phase}_wall_thickness", sectors.thickness_mm)
    thickening, shortening = _motion(diastole, systole)
    return [*found, *_regional("wall_thickening", thickening), *_regional("radial_shortening", shortening)]


def _thickness(name: str, thickness_mm: NDArray[np.float64]) -> list[Measurement]:
    """Summarise a phase: over all sectors, around the slices and along the stack."""
    slices = [row[np.isfinite(row)] for row in thickness_mm if np.isfinite(row).any()]
    sectors = np.concatenate(slices) if slices else np.array([math.nan])
    means, deviations = ([function(row) for row in slices] or [math.nan] for function in (np.mean, np.std))
    return [
        Measurement(f"{name}_mean", float(sectors.mean()), "mm"),
        Measurement(f"{name}_minimum", float(sectors.min()), "mm"),
        Measurement(f"{name}_maximum", float(sectors.max()), "mm"),
        Measurement(f"{name}_slice_maximum", float(np.max(means)), "mm"),
        Measurement(f"{name}_deviation_around", float(np.mean(deviations)), "mm"),
        Measurement(f"{name}_deviation_along", float(np.std(means)), "mm"),
    ]


def _motion(diastole: Sectors, systole: Sectors) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how much the wall thickens and the radius shortens, in percent of diastole, by slice and sector."""
    if diastole.thickness_mm.shape != systole.thickness_mm.shape:
        return np.array([math.nan]), np.array([math.nan])
    return (
        100 * (systole.thickness_mm - diastole.thickness_mm) / diastole.thickness_mm,
        100 * (diastole.radius_mm - systole.radius_mm) / diastole.radius_mm,
    )


def _regional(name: str, percent: NDArray[np.float64]) -> list[Measurement]:
    """Summarise a motion over the sectors that were measured in both phases."""
    known = percent[np.isfinite(percent)]
    known = known if known.size else np.array([math.nan])
    return [
        Measurement(f"{name}_mean", float(known.mean()), "%"),
        Measurement(f"{name}_minimum", float(known.min()), "%"),
        Measurement(f"{name}_deviation", float(known.std()), "%"),
    ]


def _body_surface_m2(attributes: Mapping[str, str]) -> float | None:
    """Return the body surface area (Mosteller, NEJM 1987), or None where height or weight is not a positive number."""
    try:
        height_cm, weight_kg = float(attributes["height_cm"]), float(attributes["weight_kg"])
    except (KeyError, ValueError):
        return None
    return math.sqrt(height_cm * weight_kg / 3600) if height_cm > 0 and weight_kg > 0 else None


def _indexed(measurements: list[Measurement], body_surface_m2: float | None) -> list[Measurement]:
    if body_surface_m2 is None:
        return []
    return [
        Measurement(f"{found.name}_index", found.value / body_surface_m2, f"{found.unit}/m²")
        for found in measurements
        if found.unit in ("mL", "g")
    ]
