import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from medweave.building.check import REGISTRIES
from medweave.cli.main import COMMANDS, app
from medweave.recipes.loader import library_names
from medweave.recipes.schema import Patches, Recipe, Training

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), DOCS.parent / "README.md"]


@pytest.fixture(scope="module")
def generate() -> Any:
    sys.path.insert(0, str(DOCS))
    try:
        import generate

        return generate
    finally:
        sys.path.remove(str(DOCS))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS.parent)))
def test_a_page_is_as_the_generator_leaves_it(page: Path, generate: Any) -> None:
    text = page.read_text(encoding="utf-8")
    assert text == generate.render(text), "run `python docs/generate.py`"


def test_every_generated_part_stands_on_a_page(generate: Any) -> None:
    used = [name for page in PAGES for _, name, _ in generate.BLOCK.findall(page.read_text(encoding="utf-8"))]
    assert set(used) == set(generate.PARTS)


def test_an_outdated_part_is_replaced_and_the_rest_is_kept(generate: Any) -> None:
    page = "before\n<!-- generated: library -->\nold\n<!-- end -->\nafter\n"
    rendered = generate.render(page)
    assert rendered.startswith("before\n<!-- generated: library -->\n")
    assert rendered.endswith("\n<!-- end -->\nafter\n")
    assert "old\n" not in rendered
    assert generate.render(rendered) == rendered


def test_every_command_and_option_is_documented() -> None:
    text = (DOCS / "reference/commands.md").read_text(encoding="utf-8")
    group: Any = get_command(app)
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    assert list(sections) == list(COMMANDS)
    for name, section in sections.items():
        command = group.resolve_command(typer.Context(group), [name])[1]
        for each in (command, *getattr(command, "commands", {}).values()):
            words = {word for parameter in each.params for word in (*parameter.opts, *parameter.secondary_opts)}
            assert {word for word in words if word.startswith("-") and word not in section} == set()


@pytest.mark.parametrize("section", [Recipe, Training, Patches])
def test_every_key_of_a_section_is_documented(section: type) -> None:
    text = (DOCS / "reference/recipes.md").read_text(encoding="utf-8")
    assert [key for key in section.model_fields if f"| `{key}` |" not in text] == []


def test_values_and_defaults_of_keys_are_in_words() -> None:
    text = (DOCS / "reference/recipes.md").read_text(encoding="utf-8")
    assert "| `batch_size` | whole number above 0 | `2` | Patches (or whole cases) in a step. |" in text
    assert "| `test` | number at least 0 and below 1 | `0.15` |" in text
    assert "| `interpolation` | `linear` or `cubic` | `linear` |" in text
    assert "| `optimizer` | component | `adamw` |" in text


def test_every_component_and_library_recipe_is_documented() -> None:
    text = (DOCS / "reference/recipes.md").read_text(encoding="utf-8")
    names = [name for registry, _ in REGISTRIES.values() for name in registry.names()] + library_names()
    assert len(names) > 20
    assert [name for name in names if f"| `{name}` |" not in text] == []


def test_every_result_file_says_where_it_was_measured() -> None:
    measured = [
        content for path in (DOCS / "results").glob("*.json") if "measured" in (content := json.loads(path.read_text()))
    ]
    assert len(measured) >= 4
    for content in measured:
        assert {"processor", "cores", "torch", "date"} <= content["machine"].keys()
        assert content["measured"]
