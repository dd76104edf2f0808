"""The pictures that a training leaves in its run."""

from collections.abc import Mapping

from medweave.figures.class_distribution import class_distribution_figure
from medweave.figures.curves import single_curves, training_curves
from medweave.figures.page import save_figure
from medweave.recipes.schema import Recipe
from medweave.runs.folder import RunFolder
from medweave.training.summary import ClassCounts
from medweave.training.trainer import Outcome


def save_curves(outcome: Outcome, *, recipe: Recipe, folder: RunFolder) -> None:
    """Draw the course of a training on one page, and each quantity by itself."""
    heads = {
        "segmentation_heads": list(recipe.data.segmentation_heads),
        "classification_heads": list(recipe.network_classes),
    }
    page = training_curves(outcome.history, best_epoch=outcome.best_epoch, **heads)
    save_figure(page, folder.training_curves)
    for name, figure in single_curves(outcome.history, best_epoch=outcome.best_epoch, **heads).items():
        save_figure(figure, folder.figures / f"{name}.png")


def save_class_distribution(counts: Mapping[str, ClassCounts], *, folder: RunFolder) -> None:
    """Draw how many cases of each class fall into each part; nothing where no class is asked for.

    Args:
        counts: By classification head, as `class_counts` gives them.
        folder: Of the run.
    """
    if counts:
        save_figure(class_distribution_figure(counts), folder.class_distribution)
