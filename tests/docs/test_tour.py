"""The mechanism that puts real outputs into pages, and whether the pages are as it leaves them."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tour() -> Any:
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import tour

        return tour
    finally:
        sys.path.remove(str(ROOT / "docs"))


def test_every_page_with_console_output_has_a_tour(tour: Any) -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    shown = {str(page.relative_to(ROOT)) for page in pages if "```console" in page.read_text(encoding="utf-8")}
    assert shown == set(tour.TOURS)


def test_every_console_block_is_one_command_that_the_tour_runs(tour: Any) -> None:
    for page in tour.TOURS:
        text = (ROOT / page).read_text(encoding="utf-8")
        assert len(tour.BLOCK.findall(text)) == text.count("```console") > 0, page


def test_every_picture_of_a_tour_is_on_its_page(tour: Any) -> None:
    for page, each in tour.TOURS.items():
        text = (ROOT / page).read_text(encoding="utf-8")
        assert [name for name in each.pictures if f"images/{name}.png" not in text] == [], page


def test_no_output_names_the_machine_that_made_it(tour: Any) -> None:
    for page in tour.TOURS:
        outputs = "".join(match[0] for match in tour.BLOCK.finditer((ROOT / page).read_text(encoding="utf-8")))
        assert not re.search(r"/(tmp|home|root|Users)/", outputs), page


def test_parts_of_an_output_are_kept_and_the_rest_is_marked(tour: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tour, "run", lambda _command, _folder: "a\nb\nc\n\nd\ne")
    each = tour.Tour(pictures={}, kept={"inspect": [("b", "c"), ("d", "d")]})
    assert tour.shown("medweave inspect data", each, Path()) == "…\nb\nc\n\nd\n"
    assert tour.shown("medweave doctor", each, Path()) == "a\nb\nc\n\nd\ne\n"


def test_a_command_of_several_lines_is_run_as_one(tour: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tour, "run", lambda command, _folder: command)
    page = "```console\n$ medweave train heart \\\n    a=1 \\\n    b=2\nold\n```\n"
    (block,) = tour.BLOCK.finditer(page)
    assert tour.shown(block[2], tour.Tour(pictures={}), Path()) == "medweave train heart a=1 b=2\n"
    assert tour.BLOCK.sub(lambda match: f"{match[1]}new\n{match[3]}", page) == page.replace("old", "new")
