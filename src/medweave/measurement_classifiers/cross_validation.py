"""Measured cases, and what a classifier says of those that it was not fitted to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from medweave.core.errors import DataError
from medweave.measurement_classifiers.classifier import MeasurementClassifier

#: Folds at most; fewer where a class has fewer subjects.
FOLDS = 5


@dataclass(frozen=True)
class MeasuredCases:
    """Cases with their measurements and classes.

    Attributes:
        measurements: Names of the columns.
        values: (cases, measurements), NaN where one lacks.
        classes: Class of each case.
        subject_ids: Subject of each case.
    """

    measurements: tuple[str, ...]
    values: NDArray[np.float64]
    classes: NDArray[np.str_]
    subject_ids: NDArray[np.str_]

    @classmethod
    def of(
        cls, rows: Sequence[Mapping[str, float]], *, classes: Sequence[str], subject_ids: Sequence[str]
    ) -> "MeasuredCases":
        """Return the table of the measurements that any case has, in the order in which they are met."""
        names = tuple(dict.fromkeys(name for row in rows for name in row))
        values = np.array([[row.get(name, np.nan) for name in names] for row in rows], dtype=float)
        return cls(names, values.reshape(len(rows), len(names)), np.asarray(classes), np.asarray(subject_ids))

    def subset(self, chosen: NDArray[np.intp]) -> "MeasuredCases":
        """Return some of the cases."""
        return replace(
            self, values=self.values[chosen], classes=self.classes[chosen], subject_ids=self.subject_ids[chosen]
        )

    @property
    def fewest_subjects(self) -> int:
        """Subjects of the class that has the fewest; 0 without a case."""
        counts = [len(np.unique(self.subject_ids[self.classes == name])) for name in np.unique(self.classes)]
        return min(counts, default=0)


Fit = Callable[[MeasuredCases], MeasurementClassifier]


def cross_validate(cases: MeasuredCases, fit: Fit, *, seeds: Sequence[int] = (0, 1, 2)) -> NDArray[np.float64]:
    """Let each case be judged by a classifier that was fitted to other subjects.

    Args:
        cases: The cases.
        fit: Fits a classifier, with everything that it chooses by the data.
        seeds: One for each division into folds, which goes by subject and is stratified by class.

    Returns:
        Probabilities (seeds, cases, classes), the classes in the order of `numpy.unique`.

    Raises:
        DataError: A class has a single subject, or there is one class only.
    """
    names = np.unique(cases.classes)
    if len(names) < 2 or cases.fewest_subjects < 2:
        raise DataError(
            "too few measured subjects to cross-validate",
            got=f"{len(names)} classes, the smallest with {cases.fewest_subjects} subjects",
            wanted="two of each",
            fix="train with more subjects.",
        )
    found = np.zeros((len(seeds), len(cases.classes), len(names)))
    for repeat, seed in enumerate(seeds):
        folds = StratifiedGroupKFold(min(FOLDS, cases.fewest_subjects), shuffle=True, random_state=seed)
        for others, held_out in folds.split(cases.values, cases.classes, cases.subject_ids):
            classifier = fit(cases.subset(others))
            known = np.searchsorted(names, classifier.classes)
            found[repeat, held_out[:, None], known] = classifier.apply(cases.values[held_out])
    return found
