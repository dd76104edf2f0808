"""Curves of a training over its epochs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from medweave.figures.style import MUTED, colour, new_figure, style_axes

History = Sequence[Mapping[str, float]]
#: A page of more panels than four is this much larger, and so is all that is drawn on it.
LARGE = 18 / 11


@dataclass(frozen=True)
class Panel:
    """A quantity of a training.

    Attributes:
        file: Stem of the file of its own picture.
        title: Of the panel.
        series: Label of each line, by the logged name.
        is_share: Whether the values lie between 0 and 1.
    """

    file: str
    title: str
    series: Mapping[str, str]
    is_share: bool = False


def training_curves(
    history: History, *, best_epoch: int, segmentation_heads: Sequence[str], classification_heads: Sequence[str]
) -> Figure:
    """Draw all quantities of a training, each from epoch 1 to the last.

    A study that segments and classifies has the total loss, the loss of either kind, accuracy, Dice and AUC; a study of
    one kind has the loss, its scores and the learning rate.

    Args:
        history: Logged values of each epoch: "epoch", "lr", "train/loss", "val/loss", "val/score", "train/loss_HEAD",
            "val/loss_HEAD", "val/dice_HEAD_STRUCTURE", "val/accuracy_HEAD", "val/auc_HEAD"; a value may be absent.
        best_epoch: Epoch to mark, from 1.
        segmentation_heads: Their names.
        classification_heads: Their names.
    """
    panels = _panels(history, segmentation_heads, classification_heads)
    columns = 2 if len(panels) <= 4 else 3
    scale = 1.0 if columns == 2 else LARGE
    figure = new_figure(11 * scale, (7 if columns == 2 else 12 / LARGE) * scale)
    axes = figure.subplots(-(-len(panels) // columns), columns).ravel()
    for axis, panel in zip(axes, panels, strict=False):
        _draw(axis, history, panel, best_epoch=best_epoch)
    for unused in axes[len(panels) :]:
        unused.set_axis_off()
    first_share = next(position for position, panel in enumerate(panels) if panel.is_share)
    _name_best_epoch(axes[first_share], best_epoch, is_early=best_epoch <= len(history) / 2)
    _enlarge(figure, scale)
    return figure


def single_curves(
    history: History, *, best_epoch: int, segmentation_heads: Sequence[str], classification_heads: Sequence[str]
) -> dict[str, Figure]:
    """Draw each quantity of a training as a picture of its own.

    Args:
        history: As for `training_curves`.
        best_epoch: Epoch to mark, from 1.
        segmentation_heads: Their names.
        classification_heads: Their names.

    Returns:
        By the stem of the file ("loss_curve", "dice_curve", …).
    """
    figures = {}
    for panel in _panels(history, segmentation_heads, classification_heads):
        figures[panel.file] = new_figure(7, 4)
        axes = figures[panel.file].subplots()
        _draw(axes, history, panel, best_epoch=best_epoch)
        _name_best_epoch(axes, best_epoch, is_early=best_epoch <= len(history) / 2)
    return figures


def _panels(history: History, segmentation_heads: Sequence[str], classification_heads: Sequence[str]) -> list[Panel]:
    logged = sorted({name for row in history for name in row})
    dice = {
        name: _prefixes(segmentation_heads)[head] + name.removeprefix(f"val/dice_{head}_")
        for head in sorted(segmentation_heads, key=len)  # so that the longest head that fits is the one that names
        for name in logged
        if name.startswith(f"val/dice_{head}_")
    }
    panels = [Panel("loss_curve", "Total loss", {"train/loss": "training", "val/loss": "validation"})]
    has_both = bool(segmentation_heads and classification_heads)
    if has_both:
        panels += [
            Panel("seg_loss_curve", "Segmentation loss", _losses(segmentation_heads)),
            Panel("cls_loss_curve", "Classification loss", _losses(classification_heads)),
        ]
    elif segmentation_heads:
        panels.append(Panel("score_curve", "Validation score", {"val/score": "score"}, is_share=True))
    if classification_heads:
        accuracies = {f"val/accuracy_{head}": head for head in classification_heads}
        panels.append(Panel("accuracy_curve", "Validation accuracy", accuracies, is_share=True))
    if segmentation_heads:
        panels.append(Panel("dice_curve", "Validation Dice", dice, is_share=True))
    if classification_heads:
        areas = {f"val/auc_{head}": head for head in classification_heads}
        panels.append(Panel("val_auc_curve", "Validation AUC", areas, is_share=True))
    if not has_both:
        panels.append(Panel("learning_rate_curve", "Learning rate", {"lr": "learning rate"}))
    return panels


def _prefixes(heads: Sequence[str]) -> dict[str, str]:
    """Return what a label begins with: the head, where there are several."""
    return {head: f"{head}, " if len(heads) > 1 else "" for head in heads}


def _losses(heads: Sequence[str]) -> dict[str, str]:
    prefix = _prefixes(heads)
    parts = {"train": "training", "val": "validation"}
    return {f"{part}/loss_{head}": f"{prefix[head]}{name}" for head in heads for part, name in parts.items()}


def _draw(axes: Axes, history: History, panel: Panel, *, best_epoch: int) -> None:
    for position, (name, label) in enumerate(panel.series.items()):
        points = [(row["epoch"], row[name]) for row in history if name in row]
        if points:
            marker = "o" if len(points) < 30 else None
            axes.plot(*zip(*points, strict=True), color=colour(position), label=label, marker=marker, markersize=3)
    if axes.lines and len(panel.series) > 1:
        axes.legend(fontsize=8, frameon=False)
    style_axes(axes, title=panel.title, x_label="epoch")
    if panel.is_share:
        axes.set_ylim(0, 1)
        for line in axes.lines:
            line.set_clip_on(False)  # a line at 0 or 1 would be cut in half
    last = max(row["epoch"] for row in history)
    margin = 0.03 * max(last - 1, 1)
    axes.set_xlim(1 - margin, last + margin)
    axes.xaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True))
    axes.axvline(best_epoch, color=MUTED, linestyle=":", linewidth=1)


def _name_best_epoch(axes: Axes, best_epoch: int, *, is_early: bool) -> None:
    axes.annotate(
        f"best: epoch {best_epoch}",
        (best_epoch, 0.02),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        xytext=(4 if is_early else -4, 0),
        fontsize=8,
        color=MUTED,
        ha="left" if is_early else "right",
    )


def _enlarge(figure: Figure, scale: float) -> None:
    """Draw letters and lines larger; what belongs to a legend is among them."""
    for text in figure.findobj(Text):
        text.set_fontsize(float(text.get_fontsize()) * scale)
    for line in figure.findobj(Line2D):
        line.set_linewidth(line.get_linewidth() * scale)
        line.set_markersize(line.get_markersize() * scale)
