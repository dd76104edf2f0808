"""The letters at the edges of a plane."""

from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from medweave.figures.planes import Plane
from medweave.figures.style import DARK, LETTERS_ON_DARK, ON_DARK


def label_edges(axes: Axes, plane: Plane) -> None:
    """Write the plane's cut above it and, inside, where each edge points; ticks and frame go.

    Args:
        axes: Where the plane is shown.
        plane: That plane.
    """
    axes.set_title(plane.name, color=ON_DARK, fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    for text, position, inwards in (
        (plane.left, (0, 0.5), (7, 0)),
        (plane.right, (1, 0.5), (-7, 0)),
        (plane.top, (0.5, 1), (0, -7)),
        (plane.bottom, (0.5, 0), (0, 7)),
    ):
        axes.annotate(
            text,
            position,
            xytext=inwards,
            xycoords="axes fraction",
            textcoords="offset points",
            color=LETTERS_ON_DARK,
            fontsize=8,
            fontweight="bold",
            ha="center",
            va="center",
            path_effects=[withStroke(linewidth=2, foreground=DARK)],
        )
