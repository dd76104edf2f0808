"""What training_summary.json and training_summary.md say of a training."""

from collections.abc import Mapping, Sequence
from typing import Any

from medweave.data.case import Case
from medweave.data.split import PARTS, Split
from medweave.data.study import TargetSource
from medweave.recipes.schema import Recipe
from medweave.runs.folder import RunFolder
from medweave.training.trainer import Outcome
from medweave.training.training_fit import fit_lines

NOTE = "Validation values chose the epoch and are optimistic; `medweave evaluate` measures on the test part."


#: Cases of each class, by part.
ClassCounts = Mapping[str, Mapping[str, int]]


def class_counts(
    cases: Mapping[str, Case], *, split: Split, targets: Mapping[str, TargetSource]
) -> dict[str, ClassCounts]:
    """Return how many cases of each class fall into each part, by classification head.

    Args:
        cases: By case_id.
        split: The parts.
        targets: Of the classification heads.
    """
    return {
        head: {part: _count([cases[case_id] for case_id in split.part(part)], target) for part in PARTS}
        for head, target in targets.items()
    }


def _count(cases: Sequence[Case], target: TargetSource) -> dict[str, int]:
    found = [name for case in cases for name in target.names(case) or ()]
    return {name: found.count(name) for name in target.classes}


def summarise_training(
    outcome: Outcome,
    *,
    recipe: Recipe,
    split: Split,
    classes: Mapping[str, ClassCounts],
    folder: RunFolder,
    parameters: int,
    seconds: float,
    measured: Mapping[str, Mapping[str, Any]],
    fitted: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the content of training_summary.json; epochs count from 1 in it.

    Args:
        outcome: How the loop ended.
        recipe: The resolved recipe.
        split: The cases of each part.
        classes: Cases of each class, by classification head and part.
        folder: Where the files are.
        parameters: Number of the network's parameters.
        seconds: Duration of the whole command.
        measured: What `fit_measurement_classifiers` says of each head that measurements answer.
        fitted: Number (`cases`) and scores (`scores`) of training cases that the best weights answered.
    """
    best = next(row for row in outcome.history if row["epoch"] == outcome.best_epoch)
    files = {
        "weights": folder.weights,
        "best_checkpoint": folder.best_checkpoint,
        "last_checkpoint": folder.last_checkpoint,
        "curves": folder.training_curves,
        "metrics": folder.metrics,
        "tensorboard": folder.tensorboard,
    }
    return {
        "recipe": recipe.name,
        "monitor": recipe.training.early_stopping.monitor,
        "best_value": outcome.best_value,
        "best_epoch": outcome.best_epoch,
        "epochs": outcome.epochs,
        "ended": outcome.ended,
        "ended_early": outcome.ended_early,
        "seconds": round(seconds, 1),
        "at_best_epoch": _losses_and_scores(best),
        "fitted_cases": dict(fitted),
        "last_epoch": _losses_and_scores(outcome.history[-1]),
        "parameters": parameters,
        "cases": {part: len(split.part(part)) for part in ("train", "val", "test")},
        "classes": dict(classes),
        "seed": recipe.training.seed,
        "precision": recipe.training.precision,
        "measurement_classifiers": {head: dict(facts) for head, facts in measured.items()},
        "files": {name: path.relative_to(folder.path).as_posix() for name, path in files.items()},
        "note": NOTE,
    }


def summary_markdown(summary: Mapping[str, Any]) -> str:
    """Return training_summary.md from the content of training_summary.json."""
    values = "\n".join(f"| {name} | {value:.4f} |" for name, value in summary["at_best_epoch"].items())
    by_measurements = "".join(f"\n{line[0].upper()}{line[1:]}.\n" for line in measurement_lines(summary))
    cases = summary["cases"]
    return f"""# {summary["recipe"]}

**Best {summary["monitor"]}: {summary["best_value"]:.4f}** in epoch {summary["best_epoch"]} of {summary["epochs"]},
after {summary["seconds"] / 60:.1f} minutes in all; {summary["ended"]}.
{cases["train"]} cases for training, {cases["val"]} for validation,
{cases["test"]} for test. {summary["parameters"]:,} parameters, {summary["precision"]}, seed {summary["seed"]}.

| at the best epoch | |
| --- | --- |
{values}
{_fit_table(summary)}{by_measurements}
![Training curves]({summary["files"]["curves"]})

{summary["note"]}
"""


def _fit_table(summary: Mapping[str, Any]) -> str:
    fitted, validated = summary["fitted_cases"], summary["at_best_epoch"]
    rows = "".join(
        f"| {name} | {validated[f'val/{name}']:.4f} | {value:.4f} |\n"
        for name, value in fitted["scores"].items()
        if f"val/{name}" in validated
    )
    if not rows:
        return ""
    heading = f"| score | validation ({summary['cases']['val']}) | training ({fitted['cases']}) |"
    conclusion = "".join(f"\n{line[0].upper()}{line[1:]}.\n" for line in fit_lines(summary))
    return f"\n{heading}\n| --- | --- | --- |\n{rows}{conclusion}"


def measurement_lines(summary: Mapping[str, Any]) -> list[str]:
    """Return a line on each head that measurements answer, from the content of training_summary.json."""
    lines = []
    for head, facts in summary["measurement_classifiers"].items():
        accuracy = facts["cross_validated_accuracy"]
        parts = " and ".join({"train": "training", "val": "validation"}[part] for part in facts["parts"])
        how_good = (
            f"accuracy {accuracy['mean']:.3f} ({accuracy['ci95'][0]:.3f} to {accuracy['ci95'][1]:.3f}), cross-validated"
            f" over {facts['n_subjects']} {parts} subjects"
            if accuracy
            else f"too few of {facts['n_subjects']} subjects to cross-validate"
        )
        lines.append(f"{head} by measurements ({facts['method']}): {how_good}")
    return lines


def _losses_and_scores(row: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in row.items() if name.startswith(("train/", "val/"))}
