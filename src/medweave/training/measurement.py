"""After the loop: the fitted cases measured in their predicted label maps, and classifiers of the measurements."""

import csv
import io
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from medweave.building.training import build_fit
from medweave.core.errors import DataError, RunError
from medweave.core.files import write_text
from medweave.core.logging import get_logger
from medweave.data.case import Case
from medweave.data.split import subject_groups
from medweave.inference.predictor import Predictor
from medweave.measurement_classifiers.cross_validation import Fit, MeasuredCases, cross_validate
from medweave.measurements.measurement import Measurement
from medweave.recipes.schema import Recipe
from medweave.runs.folder import RunFolder

logger = get_logger(__name__)

#: Columns of measurements.csv that say which case it is.
NAMES = ("case_id", "subject_id", "part")


@dataclass(frozen=True)
class MeasuredCase:
    """A case of the training or the validation part with its measurements."""

    case: Case
    part: str
    measurements: Sequence[Measurement]

    @property
    def values(self) -> dict[str, float]:
        """Value of each measurement."""
        return {found.name: found.value for found in self.measurements}


def measure_cases(
    predictor: Predictor, parts: Mapping[str, Sequence[Case]], *, on_case: Callable[[], None] = lambda: None
) -> list[MeasuredCase]:
    """Predict cases and measure them in their predicted label maps.

    Args:
        predictor: Of a recipe with measurements.
        parts: Cases by the name of their part.
        on_case: Called after each case.
    """
    measured = []
    for part, cases in parts.items():
        for case in cases:
            measured.append(MeasuredCase(case, part, predictor.predict(case).measurements))
            on_case()
    return measured


def read_measured_cases(path: Path, cases: Mapping[str, Case], *, part: str) -> list[MeasuredCase]:
    """Read the cases of a part from measurements.csv.

    Args:
        path: The file.
        cases: Every case of the study, by name.
        part: Of the run that measured.

    Raises:
        RunError: The file is absent or is another table.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        targets = {name for case in cases.values() for name in case.targets}
        return [
            MeasuredCase(cases[row["case_id"]], part, _measurements(row, targets))
            for row in rows
            if row["part"] == part
        ]
    except (OSError, KeyError, ValueError) as error:
        raise RunError("no table of measured cases", where=path, got=error, fix="train this run again.") from error


def _measurements(row: Mapping[str, str], targets: Collection[str]) -> list[Measurement]:
    """Return the measurements of a row; their units are in the header."""
    found = []
    for column, value in row.items():
        if column not in {*NAMES, *targets}:
            name, _, unit = column.partition(" (")
            found.append(Measurement(name, float(value or math.nan), unit.removesuffix(")")))
    return found


def fit_measurement_classifiers(
    recipe: Recipe,
    predictor: Predictor,
    measured: Sequence[MeasuredCase],
    run: RunFolder,
    *,
    parts: Collection[str] = ("train", "val"),
    linked_cases: Sequence[Sequence[str]] = (),
) -> dict[str, dict[str, Any]]:
    """Fit each classifier of measurements, write measurements.csv and the classifiers into the run.

    By default they are fitted to the training and the validation part. The network has seen the masks of the one and
    was chosen by the other, so that both are measured more truly than a new case will be.

    Args:
        recipe: The recipe.
        predictor: Knows the cases' classes.
        measured: The cases.
        run: Where the files go.
        parts: Whose cases the classifiers are fitted to.
        linked_cases: Groups of case ids that count as one subject (duplicates).

    Returns:
        By head: `method`, `parts`, `n_cases`, `n_subjects`, and `cross_validated_accuracy` over divisions by subject
        (`mean` with Wilson's interval for as many subjects, None where they are too few).
    """
    write_text(run.measurements, _as_csv(measured))
    groups = subject_groups([entry.case for entry in measured], linked_cases)
    subjects = {case.case_id: group[0].subject_id for group in groups for case in group}
    summaries = {}
    for head in recipe.measurement_classifiers:
        known = [
            (case, names[0])
            for case in measured
            if case.part in parts and (names := predictor.source.targets[head].names(case.case))
        ]
        cases = MeasuredCases.of(
            [case.values for case, _ in known],
            classes=[name for _, name in known],
            subject_ids=[subjects[case.case.case_id] for case, _ in known],
        )
        fit = build_fit(recipe, head)
        classifier = fit(cases)
        classifier.save(run.measurement_classifier(head))
        summaries[head] = {
            "method": classifier.method,
            "parts": list(parts),
            "n_cases": len(cases.classes),
            "n_subjects": len(set(cases.subject_ids)),
            "cross_validated_accuracy": _accuracy(cases, fit, head),
        }
    return summaries


def _accuracy(cases: MeasuredCases, fit: Fit, head: str) -> dict[str, Any] | None:
    try:
        found = cross_validate(cases, fit)
    except DataError as error:
        logger.warning("%s cannot be cross-validated by measurements: %s", head, error)
        return None
    mean = float((np.unique(cases.classes)[found.argmax(axis=2)] == cases.classes).mean())
    subjects = len(set(cases.subject_ids))
    interval = stats.binomtest(round(mean * subjects), subjects).proportion_ci(method="wilson")
    return {"mean": mean, "ci95": [float(interval.low), float(interval.high)]}


def _as_csv(measured: Sequence[MeasuredCase]) -> str:
    """Return a row a case: names, classes and measurements, their units in the header; what is unknown is empty."""
    targets = sorted({name for entry in measured for name in entry.case.targets})
    columns = {
        found.name: f"{found.name} ({found.unit})" if found.unit else found.name
        for entry in measured
        for found in entry.measurements
    }
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*NAMES, *targets, *columns.values()])
    for entry in measured:
        values = [entry.values.get(name, math.nan) for name in columns]
        writer.writerow(
            [entry.case.case_id, entry.case.subject_id, entry.part]
            + [entry.case.targets.get(name, "") for name in targets]
            + ["" if math.isnan(value) else f"{value:.6g}" for value in values]
        )
    return stream.getvalue()
