import base64
import io
from pathlib import Path

import numpy as np
import pytest
from jinja2 import TemplateNotFound
from PIL import Image

from medweave.figures.page import format_number, render_page, save_and_embed, save_figure
from medweave.figures.style import new_figure


def test_base_page_needs_nothing_from_outside() -> None:
    page = render_page("base.html.j2")
    assert page.startswith("<!doctype html>")
    assert "http" not in page
    assert "<script" not in page


def test_an_unknown_template_is_refused() -> None:
    with pytest.raises(TemplateNotFound, match="absent"):
        render_page("absent.html.j2")


def test_figure_becomes_a_png_file_and_its_address(tmp_path: Path) -> None:
    address = save_and_embed(new_figure(1, 1), tmp_path / "figure.png")
    prefix = "data:image/png;base64,"
    assert address.startswith(prefix)
    assert base64.b64decode(address.removeprefix(prefix)) == (tmp_path / "figure.png").read_bytes()


def test_photograph_is_embedded_smaller_and_looks_the_same(tmp_path: Path) -> None:
    figure = new_figure(2, 1)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.imshow(np.random.default_rng(0).normal(size=(40, 80)), cmap="gray", interpolation="bicubic", aspect="auto")
    address = save_and_embed(figure, tmp_path / "figure.png", as_photograph=True)
    content = base64.b64decode(address.removeprefix("data:image/jpeg;base64,"))
    assert len(content) < (tmp_path / "figure.png").stat().st_size
    png, jpeg = (Image.open(source).convert("L") for source in (tmp_path / "figure.png", io.BytesIO(content)))
    assert np.abs(np.asarray(png, float) - np.asarray(jpeg, float)).mean() < 5


def test_figure_is_saved_at_its_size(tmp_path: Path) -> None:
    save_figure(new_figure(2, 1), tmp_path / "figures" / "empty.png")
    with Image.open(tmp_path / "figures" / "empty.png") as image:
        assert image.size == (300, 150)
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["empty.png"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (12345678, "12,345,678"),
        (0.5, "0.5"),
        (0.012345, "0.0123"),
        (99.94, "99.9"),
        (1234.6, "1,235"),
        (2e9, "2e+09"),
    ],
)
def test_numbers_are_written_for_people(value: float, text: str) -> None:
    assert format_number(value) == text
