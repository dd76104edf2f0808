"""The pictures that a training leaves in its run."""

from collections.abc import Mapping

from medweave.data.case import Case
from medweave.data.split import PARTS, Split
from medweave.data.study import TargetSource
from medweave.figures.class_distribution import class_distribution_figure
from medweave.figures.curves import single_curves, training_curves
from medweave.figures.page import save_figure
from medweave.recipes.schema import Recipe
from medweave.runs.folder import RunFolder
from medweave.training.trainer import Outcome


def save_curves(outcome: Outcome, *, recipe: Recipe, folder: RunFolder) -> None:
    """Draw the course of a training on one page, and each quantity by itself."""
    heads = {
        "segmentation_heads": list(recipe.data.segmentation_heads),
        "classification_heads": list(recipe.data.classification_heads),
    }
    page = training_curves(outcome.history, best_epoch=outcome.best_epoch, **heads)
    save_figure(page, folder.training_curves)
    for name, figure in single_curves(outcome.history, best_epoch=outcome.best_epoch, **heads).items():
        save_figure(figure, folder.figures / f"{name}.png")


def save_class_distribution(
    cases: Mapping[str, Case], *, split: Split, targets: Mapping[str, TargetSource], folder: RunFolder
) -> None:
    """Draw how many cases of each class fall into each part; nothing where no class is asked for.

    Args:
        cases: By case_id.
        split: The parts.
        targets: Of the classification heads.
        folder: Of the run.
    """
    counts: dict[str, dict[str, Mapping[str, int]]] = {
        head: {part: _count([cases[case_id] for case_id in split.part(part)], target) for part in PARTS}
        for head, target in targets.items()
    }
    if counts:
        save_figure(class_distribution_figure(counts), folder.class_distribution)


def _count(cases: list[Case], target: TargetSource) -> Mapping[str, int]:
    found = [name for case in cases for name in target.names(case) or ()]
    return {name: found.count(name) for name in target.classes}
