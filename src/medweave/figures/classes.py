"""How many cases each class has, in all or in each part of a split."""

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from medweave.figures.style import INK, colour, new_figure, style_axes

BAR_INCHES = 0.42

#: Cases by part ("train", or just "cases"), by class.
Counts = Mapping[str, Mapping[str, int]]


def class_figure(targets: Mapping[str, Counts]) -> Figure:
    """Draw a bar for each class, with a piece for each part and the number of cases at its end.

    Args:
        targets: By target; every class names the same parts.
    """
    heights = [len(classes) * BAR_INCHES + 0.8 for classes in targets.values()]
    figure = new_figure(8.0, sum(heights))
    panels = figure.subplots(len(targets), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, (target, classes) in zip(panels, targets.items(), strict=True):
        names = list(classes)
        parts = list(dict.fromkeys(part for counts in classes.values() for part in counts))
        ends = [0] * len(names)
        for position, part in enumerate(parts):
            sizes = [classes[name].get(part, 0) for name in names]
            axes.barh(names, sizes, left=ends, height=0.7, color=colour(position), label=part)
            ends = [end + size for end, size in zip(ends, sizes, strict=True)]
        for row, end in enumerate(ends):
            axes.annotate(
                str(end), (end, row), xytext=(4, 0), textcoords="offset points", va="center", color=INK, fontsize=8
            )
        style_axes(axes, title=target, x_label="cases")
        axes.grid(visible=False, axis="y")
        axes.invert_yaxis()
        axes.set_xmargin(0.1)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        if len(parts) > 1:
            axes.legend(frameon=False, fontsize=8, labelcolor=INK, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
