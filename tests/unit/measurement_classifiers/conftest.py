"""Measured cases of three classes, some measurements missing."""

import numpy as np
import pytest

from medweave.measurement_classifiers.cross_validation import MeasuredCases

NAMES = ("ejection_fraction", "mass", "noise")


@pytest.fixture(scope="session")
def measured_cases():
    generator = np.random.default_rng(3)
    classes = np.repeat(["DCM", "HCM", "NOR"], 12)
    centres = {"DCM": (20, 150, 0), "HCM": (65, 170, 0), "NOR": (60, 100, 0)}
    values = np.array([centres[name] for name in classes]) + generator.normal(size=(36, 3)) * (8, 20, 1)
    values[::7, 1] = np.nan
    return MeasuredCases(NAMES, values, classes, np.array([f"p{number:02}" for number in range(36)]))
