from medweave.figures.style import PALETTE, colour, new_figure, style_axes


def test_colours_start_over_when_the_palette_is_used_up() -> None:
    assert colour(0) == colour(len(PALETTE)) != colour(1)


def test_axes_get_their_words() -> None:
    axes = new_figure(2, 1).subplots()
    style_axes(axes, title="volumes", x_label="mL", y_label="cases")
    assert (axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()) == ("volumes", "mL", "cases")
    assert not axes.spines["top"].get_visible()
