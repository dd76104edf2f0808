"""After the loop: how well the best weights answer cases that they were fitted to, beside those that they were not."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from medweave.inference.predictor import Predictor
from medweave.training.study_case import StudyCase, evenly_chosen
from medweave.training.validation_scores import ValidationScores

#: Gap between the scores of training and of validation cases below which a network may underfit.
CLOSE = 0.03
#: Gap above which it overfits.
FAR = 0.1
#: A score of the training cases that leaves little to learn: two outlines of one structure often agree no better.
LEARNT = 0.94


def fitted_cases(training: Sequence[StudyCase], *, validation: int) -> list[StudyCase]:
    """Return as many training cases as there are validation cases, evenly chosen, or all."""
    return evenly_chosen(training, max(validation, 1))


def score_fitted_cases(
    predictor: Predictor, cases: Sequence[StudyCase], *, on_case: Callable[[], None] = lambda: None
) -> dict[str, float]:
    """Score the answers to training cases as a validation does: whole cases, not augmented, on their own grids.

    Args:
        predictor: With the best weights.
        cases: Which they were fitted to.
        on_case: Called after each.

    Returns:
        Scores by the names of the validation's, without `val/` and without losses.
    """
    found = ValidationScores()
    for entry in cases:
        inputs = entry.prepared.inputs()
        logits = predictor.logits(inputs)
        prediction = predictor.finish(entry.case.case_id, logits, inputs)
        found.add_answers(predictor, entry.case, entry.prepared.targets, logits=logits, prediction=prediction)
        on_case()
    return {name.removeprefix("val/"): value for name, value in found.values().items()}


def fit_lines(summary: Mapping[str, Any]) -> list[str]:
    """Return what the gap between training and validation cases tells, from the content of training_summary.json.

    Returns:
        A line, or none where a score is missing or made of other heads than its counterpart.
    """
    of_fitted = summary["fitted_cases"]["scores"]
    of_validation = {
        name.removeprefix("val/"): value
        for name, value in summary["at_best_epoch"].items()
        if name.startswith("val/") and not name.startswith("val/loss")
    }
    if "score" not in of_fitted or of_fitted.keys() != of_validation.keys():
        return []
    fitted, validated = of_fitted["score"], of_validation["score"]
    gap = fitted - validated
    if gap > FAR:
        meaning = ": it overfits; more cases, more augmentation or a smaller network help, more epochs hardly"
    elif gap < CLOSE and fitted < LEARNT:
        meaning = ": it underfits; more epochs, a larger network or less augmentation may help"
    else:
        meaning = ""
    return [f"score {validated:.4f} on validation cases, {fitted:.4f} on training cases{meaning}"]
