"""What the training_summary.json and training_summary.md of an ensemble of folds say, and which folds collapsed."""

from collections.abc import Mapping
from statistics import median
from typing import Any

SCORE = "val/score"
DICE = "val/dice_"
#: Makes the median absolute deviation of a normal distribution its standard deviation.
MAD_TO_DEVIATION = 1.4826
#: How far a score lies from the others when it is not one of them (Leys et al., J Exp Soc Psychol 2013).
MAX_DEVIATIONS = 3.0
#: A smaller distance is never called a collapse, however alike the other folds are.
LEAST_DROP = 0.1

NOTE = (
    "Validation values chose each fold's epoch and are optimistic; `medweave evaluate` pools the answers to the cases "
    "that each fold left out, and measures the ensemble on the test part."
)


def collapsed_folds(at_best_epoch: Mapping[str, Mapping[str, float]]) -> dict[str, list[str]]:
    """Tell which folds failed, and why.

    A fold has collapsed where its score lies below the median of the other folds by more than three deviations of
    theirs (from the median absolute deviation) and by more than 0.1, or where a structure has Dice 0.

    Args:
        at_best_epoch: Logged values of each fold at its best epoch.

    Returns:
        A line a reason, by fold; folds without a reason have no entry.
    """
    found = {name: _reasons(name, at_best_epoch) for name in at_best_epoch}
    return {name: reasons for name, reasons in found.items() if reasons}


def summarise_folds(
    summaries: Mapping[str, Mapping[str, Any]],
    *,
    measured: Mapping[str, Mapping[str, Any]],
    n_test: int,
    seconds: float,
) -> dict[str, Any]:
    """Return the content of training_summary.json of an ensemble.

    Args:
        summaries: training_summary.json of each fold.
        measured: What `fit_measurement_classifiers` says of each head that measurements answer.
        n_test: Cases of the test part.
        seconds: Duration of the whole command.
    """
    first = next(iter(summaries.values()))
    scores = [of_fold["at_best_epoch"][SCORE] for of_fold in summaries.values()]
    shared = ("recipe", "monitor", "parameters", "seed", "precision")
    of_each = ("best_value", "best_epoch", "epochs", "seconds", "at_best_epoch", "measurement_classifiers")
    return {
        **{name: first[name] for name in shared},
        "score": {"mean": sum(scores) / len(scores), "lowest": min(scores), "highest": max(scores)},
        "cases": {"train and val": sum(first["cases"][part] for part in ("train", "val")), "test": n_test},
        "folds": {
            name: {
                "score": of_fold["at_best_epoch"][SCORE],
                "cases": {part: of_fold["cases"][part] for part in ("train", "val")},
                **{key: of_fold[key] for key in of_each},
            }
            for name, of_fold in summaries.items()
        },
        "measurement_classifiers": {head: dict(facts) for head, facts in measured.items()},
        "alarms": collapsed_folds({name: of_fold["at_best_epoch"] for name, of_fold in summaries.items()}),
        "seconds": round(seconds, 1),
        "note": NOTE,
    }


def alarm_lines(alarms: Mapping[str, list[str]]) -> list[str]:
    """Return a line on each collapsed fold."""
    return [f"{name} collapsed: {'; '.join(reasons)}" for name, reasons in alarms.items()]


def folds_markdown(summary: Mapping[str, Any]) -> str:
    """Return training_summary.md of an ensemble from the content of training_summary.json."""
    rows = "\n".join(
        f"| [{name}]({name}/training_summary.md) | {found['cases']['train']} | {found['cases']['val']} | "
        f"{found['score']:.4f} | {found['best_epoch']} of {found['epochs']} | {found['seconds'] / 60:.1f} |"
        for name, found in summary["folds"].items()
    )
    alarms = "".join(f"\n**Alarm: {line}.**\n" for line in alarm_lines(summary["alarms"]))
    score, cases = summary["score"], summary["cases"]
    spread = f"{score['lowest']:.4f} to {score['highest']:.4f}"
    return f"""# {summary["recipe"]}

**Mean {SCORE} of {len(summary["folds"])} folds: {score["mean"]:.4f}** ({spread}).
{cases["train and val"]} cases divided into folds, {cases["test"]} for test. {summary["parameters"]:,} parameters each,
{summary["precision"]}, seed {summary["seed"]}.
{alarms}
| fold | training cases | validation cases | {SCORE} | best epoch | minutes |
| --- | --- | --- | --- | --- | --- |
{rows}

{summary["note"]}
"""


def _reasons(name: str, at_best_epoch: Mapping[str, Mapping[str, float]]) -> list[str]:
    score = at_best_epoch[name][SCORE]
    others = [values[SCORE] for other, values in at_best_epoch.items() if other != name]
    reasons = []
    if others:
        middle = median(others)
        deviation = MAD_TO_DEVIATION * median(abs(value - middle) for value in others)
        if score < middle - max(MAX_DEVIATIONS * deviation, LEAST_DROP):
            reasons.append(f"{SCORE} {score:.3f}, far below the median of the other folds, {middle:.3f}")
    return reasons + [
        f"{key.removeprefix(DICE)} was found in no validation case (Dice 0)"
        for key, value in at_best_epoch[name].items()
        if key.startswith(DICE) and value == 0
    ]
