"""Curves of a training over its epochs."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from medweave.figures.style import MUTED, colour, new_figure, style_axes


def training_curves(history: Sequence[Mapping[str, float]], *, best_epoch: int) -> Figure:
    """Draw loss, score, Dice of each structure and learning rate, all from epoch 1 to the last.

    Args:
        history: Logged values of each epoch: "epoch", "lr", "train/loss", "val/loss", "val/score", "val/dice_…"; a
            value may be absent from an epoch.
        best_epoch: Epoch to mark.
    """
    figure = new_figure(11, 7)
    axes = figure.subplots(2, 2)
    _draw(axes[0, 0], history, {"train/loss": "training", "val/loss": "validation"})
    style_axes(axes[0, 0], title="Loss", x_label="epoch")
    _draw(axes[0, 1], history, {"val/score": "score"})
    style_axes(axes[0, 1], title="Validation score", x_label="epoch")
    dice = sorted({name for row in history for name in row if name.startswith("val/dice_")})
    _draw(axes[1, 0], history, {name: name.removeprefix("val/dice_").replace("_", " ") for name in dice})
    style_axes(axes[1, 0], title="Validation Dice", x_label="epoch")
    _draw(axes[1, 1], history, {"lr": "learning rate"})
    style_axes(axes[1, 1], title="Learning rate", x_label="epoch")
    for axis in (axes[0, 1], axes[1, 0]):
        axis.set_ylim(0, 1)
    last = max(row["epoch"] for row in history) + 1
    margin = 0.03 * max(last - 1, 1)
    for axis in axes.flat:
        axis.set_xlim(1 - margin, last + margin)
        axis.xaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True))
        axis.axvline(best_epoch + 1, color=MUTED, linestyle=":", linewidth=1)
    is_early = best_epoch < len(history) / 2
    axes[0, 1].annotate(
        f"best: epoch {best_epoch + 1}",
        (best_epoch + 1, 0.02),
        textcoords="offset points",
        xytext=(4 if is_early else -4, 0),
        fontsize=8,
        color=MUTED,
        ha="left" if is_early else "right",
    )
    return figure


def _draw(axes: Axes, history: Sequence[Mapping[str, float]], series: Mapping[str, str]) -> None:
    for position, (name, label) in enumerate(series.items()):
        points = [(row["epoch"] + 1, row[name]) for row in history if name in row]
        if points:
            marker = "o" if len(points) < 30 else None
            axes.plot(*zip(*points, strict=True), color=colour(position), label=label, marker=marker, markersize=3)
    if len(series) > 1:
        axes.legend(fontsize=8, frameon=False)
