"""A synthetic subject's heart: what a diagnosis does to volumes, walls and their motion.

The diagnoses and their bounds are those of Bernard et al., IEEE TMI 2018;37:2514.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Diagnosis = Literal["NOR", "MINF", "DCM", "HCM", "RV"]
Floats = NDArray[np.float64]
Bounds = tuple[float, float]

#: Directions about the left ventricle's long axis, in radians; what varies around it is an array over these.
ANGLES = np.arange(360) * np.pi / 180


@dataclass(frozen=True)
class _Range:
    """Bounds of what is drawn for a diagnosis; volumes are indexed to body surface (mL/m²), fractions are percent."""

    left_volume: Bounds = (60, 88)
    left_fraction: Bounds = (54, 68)
    right_volume: Bounds = (60, 105)
    right_fraction: Bounds = (44, 62)
    wall_mm: Bounds = (7.0, 10.0)
    roundness: Bounds = (0.29, 0.33)


RANGES: Mapping[Diagnosis, _Range] = MappingProxyType(
    {
        "NOR": _Range(),
        "MINF": _Range(left_volume=(64, 98), left_fraction=(24, 38)),
        "DCM": _Range(
            left_volume=(104, 145),
            left_fraction=(16, 37),
            right_fraction=(44, 56),
            wall_mm=(5.5, 7.5),
            roundness=(0.35, 0.41),
        ),
        "HCM": _Range(left_volume=(56, 82), left_fraction=(60, 74), wall_mm=(9.0, 11.0)),
        "RV": _Range(left_fraction=(53, 65)),
    }
)
DIAGNOSES: tuple[Diagnosis, ...] = tuple(RANGES)
RIGHT_DILATED = (115.0, 145.0)
RIGHT_WEAK = (22.0, 37.0)
RIGHT_SMALL = (54.0, 80.0)


@dataclass(frozen=True)
class Heart:
    """One subject.

    Attributes:
        diagnosis: Short name as in ACDC.
        height_cm: Body height.
        weight_kg: Body weight.
        left_end_diastolic_ml: Volume of the left ventricle, filled.
        left_ejection_percent: Its ejection fraction.
        right_end_diastolic_ml: Volume of the right ventricle, filled.
        right_ejection_percent: Its ejection fraction.
        length_mm: Long axis of the left ventricle's cavity at end-diastole.
        outline: Radius of the cavity over its mean by angle.
        wall_mm: Thickness of the wall at the base at end-diastole by angle.
        motility: Inward motion over that of a sound wall by angle; 0 where the wall stands still.
        septum_radians: Direction in which the right ventricle lies.
        right_half_width_radians: Half the angle that the right ventricle spans.
    """

    diagnosis: Diagnosis
    height_cm: float
    weight_kg: float
    left_end_diastolic_ml: float
    left_ejection_percent: float
    right_end_diastolic_ml: float
    right_ejection_percent: float
    length_mm: float
    outline: Floats
    wall_mm: Floats
    motility: Floats
    septum_radians: float
    right_half_width_radians: float

    @property
    def crescent(self) -> Floats:
        """Width of the right ventricle over its largest, by angle."""
        turned = (ANGLES - self.septum_radians + np.pi) % (2 * np.pi) - np.pi
        return np.cos(np.clip(turned / self.right_half_width_radians, -1, 1) * np.pi / 2)


def draw_heart(diagnosis: Diagnosis, rng: np.random.Generator) -> Heart:
    """Draw a subject with a diagnosis."""
    ranges = RANGES[diagnosis]
    height_cm = float(rng.normal(171, 8))
    weight_kg = float(np.clip(rng.normal(25, 3), 19, 32) * (height_cm / 100) ** 2)
    surface_m2 = np.sqrt(height_cm * weight_kg / 3600)  # Mosteller, NEJM 1987;317:1098
    right_volume, right_fraction = _right_ranges(diagnosis, rng)
    left_ml = surface_m2 * rng.uniform(*ranges.left_volume)
    wall_mm, motility = _wall(diagnosis, rng)
    septum = float(np.pi + rng.normal(-0.2, 0.2))
    turned = ANGLES - rng.uniform(0, 2 * np.pi)
    dilated = right_volume[0] >= RIGHT_DILATED[0]
    return Heart(
        diagnosis=diagnosis,
        height_cm=round(height_cm, 0),
        weight_kg=round(weight_kg, 0),
        left_end_diastolic_ml=float(left_ml),
        left_ejection_percent=float(rng.uniform(*ranges.left_fraction)),
        right_end_diastolic_ml=float(surface_m2 * rng.uniform(*right_volume)),
        right_ejection_percent=float(rng.uniform(*right_fraction)),
        # Half an ellipsoid of radius r and length l holds 2/3 π r² l; the ratio r / l is its roundness.
        length_mm=float((left_ml * 1000 / (2 / 3 * np.pi * rng.uniform(*ranges.roundness) ** 2)) ** (1 / 3)),
        outline=1 + 0.04 * np.cos(2 * turned) + 0.02 * np.cos(3 * turned),
        wall_mm=wall_mm,
        motility=motility,
        septum_radians=septum,
        right_half_width_radians=float(np.radians(rng.uniform(82, 98) if dilated else rng.uniform(66, 82))),
    )


def _right_ranges(diagnosis: Diagnosis, rng: np.random.Generator) -> tuple[Bounds, Bounds]:
    """Return the bounds of the right ventricle's volume and ejection; an abnormal one is large, weak or both."""
    ranges = RANGES[diagnosis]
    if diagnosis != "RV":
        return ranges.right_volume, ranges.right_fraction
    kind = rng.choice(["weak", "large", "both"], p=[0.5, 0.2, 0.3])
    return (
        RIGHT_SMALL if kind == "weak" else RIGHT_DILATED,
        ranges.right_fraction if kind == "large" else RIGHT_WEAK,
    )


def _wall(diagnosis: Diagnosis, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return thickness in millimetres and motility by angle."""
    wall = rng.uniform(*RANGES[diagnosis].wall_mm) * (
        1 + rng.uniform(0.04, 0.12) * np.cos(ANGLES - rng.uniform(0, 2 * np.pi))
    )
    motility = 1 + 0.08 * np.cos(ANGLES - rng.uniform(0, 2 * np.pi))
    if diagnosis == "HCM":
        thick = _segment(np.pi + rng.normal(0, 0.5), half_width=np.radians(rng.uniform(35, 60)))
        wall = wall + rng.uniform(7, 11) * thick
        motility = motility * (1 - 0.5 * thick)
    if diagnosis == "MINF":
        scar = _segment(rng.uniform(0, 2 * np.pi), half_width=np.radians(rng.uniform(42, 60)))
        wall = wall * (1 - rng.uniform(0.15, 0.35) * scar)
        motility = motility * (1 - scar)
    return np.asarray(wall), np.asarray(motility)


def _segment(middle: float, *, half_width: float, edge: float = 0.45) -> Floats:
    """Return 1 at angles within a segment, 0 outside and a smooth step between, in radians."""
    away = np.abs((ANGLES - middle + np.pi) % (2 * np.pi) - np.pi) - half_width
    return np.asarray(0.5 - 0.5 * np.sin(np.clip(away / edge, -1, 1) * np.pi / 2))
