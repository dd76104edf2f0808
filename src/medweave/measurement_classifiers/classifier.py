"""A fitted classifier of measured cases: numbers in a JSON file, applied by NumPy alone."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from medweave.core.errors import RunError
from medweave.core.files import read_json, write_json


@dataclass(frozen=True)
class LinearScores:
    """Softmax of linear functions.

    Attributes:
        coefficients: A row a class, a column a measurement.
        intercepts: One a class.
    """

    coefficients: list[list[float]]
    intercepts: list[float]

    def __call__(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probabilities (cases, classes) of standardised features (cases, measurements)."""
        scores = features @ np.asarray(self.coefficients).T + np.asarray(self.intercepts)
        probabilities: NDArray[np.float64] = scipy.special.softmax(scores, axis=1)
        return probabilities


@dataclass(frozen=True)
class Tree:
    """A decision tree, an entry a node.

    Attributes:
        measurement: Column that a node asks for; negative in a leaf.
        threshold: A case goes left where its value is at most this.
        left: Node on the left.
        right: Node on the right.
        probabilities: Of the classes, in a leaf.
    """

    measurement: list[int]
    threshold: list[float]
    left: list[int]
    right: list[int]
    probabilities: list[list[float]]

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probabilities (cases, classes)."""
        measurement, threshold = np.asarray(self.measurement), np.asarray(self.threshold)
        nodes = np.zeros(len(features), int)
        while (inner := measurement[nodes] >= 0).any():
            asked, cases = nodes[inner], np.flatnonzero(inner)
            goes_left = features[cases, measurement[asked]] <= threshold[asked]
            nodes[inner] = np.where(goes_left, np.asarray(self.left)[asked], np.asarray(self.right)[asked])
        return np.asarray(self.probabilities)[nodes]


@dataclass(frozen=True)
class ForestScores:
    """Mean of the probabilities of decision trees, which compare in single precision as scikit-learn's do."""

    trees: list[Tree]

    def __call__(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probabilities (cases, classes) of standardised features (cases, measurements)."""
        mean: NDArray[np.float64] = np.mean([tree(features.astype(np.float32)) for tree in self.trees], axis=0)
        return mean


@dataclass(frozen=True)
class MeasurementClassifier:
    """Gives a case the probabilities of the classes from its measurements.

    Attributes:
        method: Name of what fitted it.
        classes: That it knows.
        measurements: Names of what it looks at.
        medians: Of each measurement in training, taken where a case lacks it.
        means: Subtracted from each measurement.
        scales: That each is then divided by.
        shares: Of the classes in training, the answer for a case without any measurement.
        scores: From standardised measurements to probabilities.
    """

    method: str
    classes: list[str]
    measurements: list[str]
    medians: list[float]
    means: list[float]
    scales: list[float]
    shares: list[float]
    scores: LinearScores | ForestScores

    def probabilities(self, measurements: Mapping[str, float]) -> dict[str, float]:
        """Return the probability of each class for a case.

        Args:
            measurements: Value by name; what is NaN or absent counts as the training cases' median.
        """
        row = [measurements.get(name, math.nan) for name in self.measurements]
        (found,) = self.apply(np.asarray([row], float))
        return dict(zip(self.classes, found.tolist(), strict=True))

    def apply(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probabilities (cases, classes) of a table (cases, measurements) with NaN where one lacks."""
        complete = np.where(np.isnan(values), np.asarray(self.medians), values)
        found = self.scores((complete - np.asarray(self.means)) / np.asarray(self.scales))
        return np.where(np.isnan(values).all(axis=1, keepdims=True), np.asarray(self.shares), found)

    def save(self, path: Path) -> None:
        """Write the classifier as JSON."""
        write_json(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> "MeasurementClassifier":
        """Read what `save` wrote.

        Raises:
            DataError: The file is absent or not JSON.
            RunError: The file holds no classifier.
        """
        content = read_json(path)
        try:
            return cls(**{**content, "scores": _scores(content["scores"])})
        except (KeyError, TypeError) as error:
            raise RunError(
                "not a classifier of measurements",
                where=path,
                got=error,
                wanted=", ".join(field.name for field in fields(cls)),
                fix="restore the file, or train again.",
            ) from error


def _scores(content: Mapping[str, Any]) -> LinearScores | ForestScores:
    if "trees" in content:
        return ForestScores([Tree(**tree) for tree in content["trees"]])
    return LinearScores(**content)
