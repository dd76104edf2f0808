"""The look that all figures share, set per figure and never through matplotlib's global state."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: Colours of structures, classes and series, in order; told apart by colour-blind readers too (Okabe and Ito 2008,
#: without black and with the yellow last, since it is faint on white).
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#F0E442")
INK = "#1d2733"
MUTED = "#8a97a6"
GRID = "#e6eaef"
#: Around images, and what is legible on it.
DARK = "#10151c"
ON_DARK = "#dfe6ee"
#: Of letters that lie on an image: where its edges point.
LETTERS_ON_DARK = "#ffd60a"
PALETTE_ON_DARK = ("#ffb000", "#35c7ff", "#ff6db6", "#7ee787", "#b79cff", "#ff7b54", "#f5f06b")


def colour(position: int) -> str:
    """Return the colour of the structure or series at `position`, starting over when the palette is used up."""
    return PALETTE[position % len(PALETTE)]


def new_figure(width_inches: float, height_inches: float, *, background: str = "white") -> Figure:
    """Return an empty figure that lays itself out."""
    return Figure(figsize=(width_inches, height_inches), facecolor=background, layout="constrained")


def style_axes(axes: Axes, *, title: str = "", x_label: str = "", y_label: str = "") -> None:
    """Give axes the shared look: a left-aligned title, two spines, a light horizontal grid."""
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold", color=INK)
    axes.set_xlabel(x_label, fontsize=9, color=INK)
    axes.set_ylabel(y_label, fontsize=9, color=INK)
    axes.tick_params(labelsize=8, colors=INK, length=3, color=MUTED)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.grid(visible=True, axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
