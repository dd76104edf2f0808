"""From class probabilities to a classification head's part of summary.json, and to its tables."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import classification_report as scikit_learn_report
from sklearn.metrics import confusion_matrix, multilabel_confusion_matrix

from medweave.core.errors import DataError
from medweave.evaluation.calibration import expected_calibration_error, without_temperature
from medweave.evaluation.class_metrics import CLASS_METRICS, Answers, Key, class_metrics
from medweave.evaluation.labels import SEPARATOR
from medweave.evaluation.statistics import Interval, cluster_bootstrap, independent_units

OVERALL_METRICS = (
    "accuracy",
    "balanced_accuracy",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "weighted_f1",
    "roc_auc",
    "pr_auc",
    "ece",
    "brier",
)
PATTERN_METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "roc_auc")
COMPLETE = "complete"
#: With fewer subjects of a class intervals cover less than they say (of an area, measured: 89 % at 3, 81 % at 2).
FEW_OF_A_CLASS = 4
#: Share beyond each end of a 95 % interval.
TAIL = 0.025


@dataclass(frozen=True)
class ClassifiedCase:
    """The answer of one classification head to one case that has truth for it.

    Attributes:
        case_id: The case.
        subject_id: Its subject.
        head: The head.
        truth: Its class; if multi-label, any number of them.
        probabilities: Of every class.
        missing_inputs: Inputs of the model that the case lacks.
        temperature: That the logits behind the probabilities were divided by.
    """

    case_id: str
    subject_id: str
    head: str
    truth: tuple[str, ...]
    probabilities: Mapping[str, float]
    missing_inputs: tuple[str, ...] = ()
    temperature: float = 1.0


def summarise_classification(
    cases: Sequence[ClassifiedCase],
    *,
    classes: Sequence[str],
    multi_label: bool,
    n_part_cases: int,
    seed: int = 0,
) -> dict[str, Any]:
    """Return a classification head's part of summary.json; without any truth it holds the counts alone.

    Every number is taken over the whole set, with a 95 % interval that resamples subjects. What is undefined, because
    no case is of a class, is None, and `notes` say so.

    Args:
        cases: Of one head.
        classes: Names, in the order of the head's answers.
        multi_label: Whether a case may have several classes, or none.
        n_part_cases: Cases of the part with and without truth.
        seed: Of the intervals' resampling.

    Raises:
        DataError: The truth of a case is not one of the classes.
    """
    facts = {
        "kind": "classification",
        "classes": list(classes),
        "multi_label": multi_label,
        "n_cases": len(cases),
        "n_without_truth": n_part_cases - len(cases),
        "temperature": _common_temperature(cases),
    }
    if not cases:
        absent = dict.fromkeys((*OVERALL_METRICS, "ece_uncalibrated", "confusion_matrix"))
        return {**facts, **absent, "per_class": {}, "by_missing_inputs": {}, "notes": []}
    answers = answers_of(cases, classes=classes, multi_label=multi_label)
    found = _intervals(answers, cases, seed=seed)
    return {
        **facts,
        **{metric: _as_json(found[metric, None]) for metric in OVERALL_METRICS},
        "ece_uncalibrated": _as_json(_uncalibrated_error(answers, cases, seed=seed)),
        "per_class": {
            name: {
                **{metric: _as_json(found[metric, name]) for metric in CLASS_METRICS},
                "support": int(answers.truth[:, position].sum()),
                "predicted": int(answers.predicted[:, position].sum()),
            }
            for position, name in enumerate(classes)
        },
        "confusion_matrix": _confusion(answers),
        "by_missing_inputs": _by_missing_inputs(cases, classes=classes, multi_label=multi_label, seed=seed),
        "notes": _notes(answers, np.array([case.subject_id for case in cases])),
    }


def answers_of(cases: Sequence[ClassifiedCase], *, classes: Sequence[str], multi_label: bool) -> Answers:
    """Return the cases' truth and probabilities as arrays.

    Raises:
        DataError: The truth of a case is not one of the classes, or not exactly one.
    """
    for case in cases:
        if not {*case.truth} <= {*classes} or (len(case.truth) != 1 and not multi_label):
            raise DataError(
                "the true class is none that the model knows",
                where=f"case {case.case_id}, head {case.head}",
                got=SEPARATOR.join(case.truth) or "no class",
                wanted=f"{'any' if multi_label else 'one'} of {', '.join(classes)}",
                fix="correct the target in the data.",
            )
    return Answers(
        classes=tuple(classes),
        multi_label=multi_label,
        truth=np.array([[name in case.truth for name in classes] for case in cases]),
        probabilities=np.array([[case.probabilities[name] for name in classes] for case in cases], dtype=np.float64),
    )


def classification_report(
    cases: Sequence[ClassifiedCase], *, classes: Sequence[str], multi_label: bool
) -> dict[str, Any]:
    """Return scikit-learn's report as a dictionary: precision, recall, F1 and support by class, and their means.

    A class that no case has, or that is never answered, counts with 0 here.
    """
    answers = answers_of(cases, classes=classes, multi_label=multi_label)
    truth, predicted = answers.truth, answers.predicted
    # scikit-learn takes one column of several labels for a vector of two classes, of which this is the second.
    is_vector = multi_label and len(classes) == 1
    report: dict[str, Any] = scikit_learn_report(
        truth if multi_label else truth.argmax(axis=1),
        predicted if multi_label else predicted.argmax(axis=1),
        labels=[1] if is_vector else range(len(classes)),
        target_names=list(classes),
        output_dict=True,
        zero_division=0,
    )
    return report


def predictions_table(cases: Sequence[ClassifiedCase], *, classes: Sequence[str], multi_label: bool) -> pd.DataFrame:
    """Return the rows of classification_HEAD.csv: truth, answer and probabilities of each case."""
    predicted = answers_of(cases, classes=classes, multi_label=multi_label).predicted
    return pd.DataFrame(
        [
            {
                "case_id": case.case_id,
                "subject_id": case.subject_id,
                "true_class": SEPARATOR.join(case.truth),
                "pred_class": SEPARATOR.join(name for name, chosen in zip(classes, row, strict=True) if chosen),
                **{f"prob_{name}": f"{case.probabilities[name]:.6f}" for name in classes},
                "missing_inputs": SEPARATOR.join(case.missing_inputs),
            }
            for case, row in zip(cases, predicted, strict=True)
        ]
    )


def pattern_name(missing_inputs: Sequence[str]) -> str:
    """Return "complete" or, for instance, "without flair, post"."""
    return f"without {', '.join(missing_inputs)}" if missing_inputs else COMPLETE


def _intervals(answers: Answers, cases: Sequence[ClassifiedCase], *, seed: int) -> dict[Key, Interval]:
    subjects = np.array([case.subject_id for case in cases])
    found = cluster_bootstrap(
        lambda weights: class_metrics(weights, answers), subjects.tolist(), seed=seed, groups=_groups(answers, subjects)
    )
    found["ece", None] = _reflected(found["ece", None])
    trials = _trials(answers)
    for key, interval in found.items():
        if interval.low is not None and interval.low == interval.high:
            n_subjects = _n_subjects(subjects, trials[key]) if key in trials else 0
            found[key] = _without_spread(interval, n_subjects=n_subjects)
    return found


def _common_temperature(cases: Sequence[ClassifiedCase]) -> float | None:
    """Return the temperature of all cases, or None where there are several (or no cases)."""
    temperatures = {case.temperature for case in cases}
    return temperatures.pop() if len(temperatures) == 1 else None


def _uncalibrated_error(answers: Answers, cases: Sequence[ClassifiedCase], *, seed: int) -> Interval:
    """Return the calibration error without the temperature."""
    multi_label = answers.multi_label
    temperatures = np.array([[case.temperature] for case in cases])
    before = without_temperature(answers.probabilities, temperatures, multi_label=multi_label)
    found = cluster_bootstrap(
        lambda weights: {"ece": expected_calibration_error(weights, before, answers.truth, multi_label=multi_label)},
        [case.subject_id for case in cases],
        seed=seed,
    )
    return _reflected(found["ece"])


def _trials(answers: Answers) -> dict[Key, NDArray[np.bool_]]:
    """Return the cases that each metric which is a proportion is a proportion of."""
    trials: dict[Key, NDArray[np.bool_]] = {("accuracy", None): np.ones(len(answers.truth), dtype=np.bool_)}
    for position, name in enumerate(answers.classes):
        trials["recall", name] = answers.truth[:, position]
        trials["specificity", name] = ~answers.truth[:, position]
        trials["precision", name] = answers.predicted[:, position]
    return trials


def _groups(answers: Answers, subjects: NDArray[np.str_]) -> dict[Key, list[int]]:
    """Return the subjects of each group that a metric rests on, for metrics that do not rest on all cases alike."""
    # A proportion of one subject has an exact interval of its own.
    groups = {key: [max(_n_subjects(subjects, cases), 2)] for key, cases in _trials(answers).items()}
    sides = [[_n_subjects(subjects, truth), _n_subjects(subjects, ~truth)] for truth in answers.truth.T]
    for name, of_class, truth, predicted in zip(
        answers.classes, sides, answers.truth.T, answers.predicted.T, strict=True
    ):
        groups["roc_auc", name] = groups["pr_auc", name] = of_class
        groups["f1", name] = [_n_subjects(subjects, truth | predicted)]
    # Labels share their subjects, so that a mean over them rests on those of the rarest; exclusive classes do not.
    positives = [having for having, _ in sides]
    of_positives = [min(positives)] if answers.multi_label else positives
    of_both = min(sides, key=independent_units) if answers.multi_label else positives
    means = ("macro_precision", "macro_recall", "macro_f1", "pr_auc")
    return (
        groups
        | {(metric, None): of_positives for metric in means}
        | {(metric, None): of_both for metric in ("balanced_accuracy", "roc_auc")}
    )


def _n_subjects(subjects: NDArray[np.str_], cases: NDArray[np.bool_]) -> int:
    return len(np.unique(subjects[cases]))


def _reflected(interval: Interval) -> Interval:
    """Mirror an interval at its estimate, which stays in it.

    A resample adds its own noise to the calibration error, which can only grow by it: percentiles lie too high by as
    much as the estimate does (measured: at 130 well calibrated cases they never cover the true error).
    """
    if interval.low is None or interval.high is None:
        return interval
    low, high = 2 * interval.mean - interval.high, 2 * interval.mean - interval.low
    return replace(interval, low=min(max(low, 0.0), interval.mean), high=max(high, interval.mean))


def _without_spread(interval: Interval, *, n_subjects: int) -> Interval:
    """Replace the interval of a metric that is the same in every resample, which says nothing of how sure it is.

    Args:
        interval: Of no width.
        n_subjects: Subjects that a proportion is taken over: all alike, they have the exact binomial limit (Clopper and
            Pearson 1934); 0 for a metric that is no proportion, which has no interval then.
    """
    limit = (TAIL ** (1 / n_subjects)) if n_subjects else None
    ends = {1.0: (limit, 1.0), 0.0: (0.0, 1 - limit)}.get(interval.mean) if limit is not None else None
    low, high = ends or (None, None)
    return replace(interval, low=low, high=high)


def _as_json(interval: Interval) -> dict[str, Any]:
    return {
        "mean": None if np.isnan(interval.mean) else interval.mean,
        "ci95": interval.ci95,
        "n": interval.n,
        "undefined_resamples": interval.undefined_resamples,
    }


def _confusion(answers: Answers) -> list[Any]:
    """Return cases by true (row) and answered class (column); if multi-label, such a table of no and yes a class."""
    if answers.multi_label:
        of_vector = [1] if len(answers.classes) == 1 else None
        return list(multilabel_confusion_matrix(answers.truth, answers.predicted, labels=of_vector).tolist())
    truth, predicted = answers.truth.argmax(axis=1), answers.predicted.argmax(axis=1)
    return list(confusion_matrix(truth, predicted, labels=range(len(answers.classes))).tolist())


def _by_missing_inputs(
    cases: Sequence[ClassifiedCase], *, classes: Sequence[str], multi_label: bool, seed: int
) -> dict[str, Any]:
    """Return the main metrics for each pattern of missing inputs, the complete cases first; empty for one pattern."""
    groups = defaultdict(list)
    for case in cases:
        groups[case.missing_inputs].append(case)
    if len(groups) < 2:
        return {}
    summary = {}
    for missing in sorted(groups, key=lambda names: (len(names), names)):
        group = groups[missing]
        found = _intervals(answers_of(group, classes=classes, multi_label=multi_label), group, seed=seed)
        summary[pattern_name(missing)] = {
            "missing_inputs": list(missing),
            "n": len(group),
            "n_subjects": len({case.subject_id for case in group}),
            **{metric: _as_json(found[metric, None]) for metric in PATTERN_METRICS},
        }
    return summary


def _notes(answers: Answers, subjects: NDArray[np.str_]) -> list[str]:
    """Say why a metric is undefined, and which intervals are not to be trusted."""
    counts = dict(zip(answers.classes, answers.truth.sum(axis=0).tolist(), strict=True))
    absent = [name for name, count in counts.items() if count == 0]
    everywhere = [name for name, count in counts.items() if count == len(answers.truth)]
    notes = []
    if absent:
        notes.append(f"no case is {' or '.join(absent)}: its metrics and the means over classes are undefined")
    if everywhere:
        notes.append(f"every case is {' and '.join(everywhere)}: specificity and ROC AUC are undefined")
    sides = [(name, truth) for name, truth in zip(answers.classes, answers.truth.T, strict=True)]
    if answers.multi_label:
        sides += [(f"not {name}", ~truth) for name, truth in sides]
    few = [name for name, truth in sides if 0 < _n_subjects(subjects, truth) < FEW_OF_A_CLASS]
    if few:
        notes.append(
            f"fewer than {FEW_OF_A_CLASS} subjects are {' or '.join(few)}: intervals that rest on them are too narrow, "
            "or absent"
        )
    return notes
