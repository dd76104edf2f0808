from pathlib import Path

import numpy as np
import pytest

from medweave.figures.overlay import overlay_figure, structure_colour, wrapped_lines
from medweave.figures.page import save_and_embed

IMAGE = np.random.default_rng(0).normal(size=(20, 24, 12))


def labels() -> np.ndarray:
    label_map = np.zeros(IMAGE.shape, np.uint8)
    label_map[4:10, 4:12, 0:5] = 1
    return label_map


def draw(label_map: np.ndarray | None, image: np.ndarray = IMAGE, orientation: str = "LPS"):
    return overlay_figure(
        image,
        label_map,
        spacing_mm=(1.0, 1.0, 2.0)[: image.ndim],
        orientation=orientation,
        structures={"heart": 1, "absent": 9},
        title="case 7",
    )


def test_three_planes_are_drawn_to_one_scale() -> None:
    figure = draw(labels())
    figure.draw_without_rendering()
    assert [axes.get_title() for axes in figure.axes] == ["axis z = 0", "axis y = 7", "axis x = 6"]
    widths = [axes.get_window_extent().width for axes in figure.axes]
    assert widths[1] / widths[0] == pytest.approx(1, abs=0.02)  # 20 mm each
    assert widths[2] / widths[0] == pytest.approx(24 / 20, abs=0.02)


def test_outline_lies_half_a_voxel_outside_the_structure_and_is_closed_at_the_border() -> None:
    axes = draw(labels()).axes[1]  # coronal: columns x 4..9, rows z turned so that the head is on top
    (outline,) = [path for collection in axes.collections for path in collection.get_paths() if len(path)]
    assert outline.vertices.min(axis=0) == pytest.approx([3.5, 6.5])
    assert outline.vertices.max(axis=0) == pytest.approx([9.5, 11.5])


def test_legend_names_every_structure_only_with_a_label_map() -> None:
    assert [text.get_text() for text in draw(labels()).legends[0].get_texts()] == ["heart", "absent"]
    assert draw(None).legends == []


def test_a_2d_image_has_one_plane(tmp_path: Path) -> None:
    figure = draw(labels()[:, :, 0], IMAGE[:, :, 0], "")
    assert len(figure.axes) == 1
    assert save_and_embed(figure, tmp_path / "figure.png").startswith("data:image/png")


def test_structure_colours_repeat() -> None:
    assert structure_colour(0) == structure_colour(7)


def test_a_long_title_is_broken_into_lines_that_fit() -> None:
    title = "case 7\n" + ", ".join(f"class {number} 0.{number}" for number in range(9))
    assert wrapped_lines("case 7", 5) == ["case 7"]
    assert wrapped_lines("", 5) == [""]
    lines = wrapped_lines(title, 5)
    assert lines[0] == "case 7"
    assert " ".join(lines[1:]) == title.splitlines()[1]
    assert len(lines) == 4


def test_the_whole_title_stands_inside_the_figure_and_above_the_planes() -> None:
    picture = np.random.default_rng(0).normal(size=(40, 40))
    title = "case 7\n" + ", ".join(f"a class of long name 0.{number}" for number in range(9))
    figure = overlay_figure(picture, None, spacing_mm=(1.0, 1.0), orientation="", structures={}, title=title)
    figure.draw_without_rendering()
    words, planes = figure.texts[0].get_window_extent(), figure.axes[0].get_window_extent()
    assert words.x0 >= 0
    assert words.x1 <= figure.bbox.x1
    assert words.y1 <= figure.bbox.y1
    assert words.y0 >= planes.y1
