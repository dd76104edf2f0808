import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.main import get_command

from medweave.building.check import complete_recipe
from medweave.cli.main import app
from medweave.recipes.loader import library_file, library_names, validate_recipe

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
MAX_PICTURE_BYTES = 300_000


def fenced(language: str) -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for block in re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
            yield str(page.relative_to(ROOT)), block


def commands() -> list[tuple[str, str]]:
    """Return every line that a reader may type, without its comment."""
    lines = [
        (page, line.split("#")[0].removeprefix("$ ").strip())
        for language in ("sh", "console")
        for page, block in fenced(language)
        for line in re.sub(r"\\\n\s*", "", block).splitlines()
        if language == "sh" or line.startswith("$ ")
    ]
    return [(page, line) for page, line in lines if line]


def inline() -> list[tuple[str, str]]:
    spans = [
        (str(page.relative_to(ROOT)), span)
        for page in PAGES
        for span in re.findall(r"`(medweave [a-z][^`\n]*)`", page.read_text(encoding="utf-8"))
    ]
    return sorted({(page, span) for page, span in spans if not span.endswith("…")})


def resolve(line: str) -> tuple[str, Any, list[str]]:
    group: Any = get_command(app)
    name, command, arguments = group.resolve_command(typer.Context(group), shlex.split(line)[1:])
    if hasattr(command, "commands") and arguments:
        return command.resolve_command(typer.Context(command), arguments)
    return name, command, arguments


MEDWEAVE_LINES = [(page, line) for page, line in commands() if line.startswith("medweave")]


def test_there_are_snippets() -> None:
    assert len(MEDWEAVE_LINES) > 15
    assert len(list(fenced("yaml"))) > 3
    assert len(inline()) > 5


@pytest.mark.parametrize(("page", "line"), MEDWEAVE_LINES)
def test_a_command_is_accepted(page: str, line: str) -> None:
    name, command, arguments = resolve(line)
    command.make_context(name, arguments)


@pytest.mark.parametrize(("page", "line"), MEDWEAVE_LINES)
def test_a_recipe_that_a_command_names_exists(page: str, line: str) -> None:
    name, command, arguments = resolve(line)
    recipe = command.make_context(name, arguments).params.get("recipe") or "demo"
    assert recipe in library_names() or recipe.endswith(".yaml")


@pytest.mark.parametrize(("page", "span"), inline())
def test_a_command_named_in_the_text_has_its_options(page: str, span: str) -> None:
    _, command, arguments = resolve(span)
    known = {word for parameter in command.params for word in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in arguments if word.startswith("--")} <= known


@pytest.mark.parametrize(("page", "line"), [(page, line) for page, line in commands() if line.startswith("make ")])
def test_a_make_target_exists(page: str, line: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{line.split()[1]}:", makefile, re.M)


def test_every_block_says_its_language_and_no_command_hides_in_text() -> None:
    openings = [
        (str(page.relative_to(ROOT)), fence)
        for page in PAGES
        for fence in re.findall(r"^```.*$", page.read_text(encoding="utf-8"), re.M)[::2]
    ]
    known = {f"```{language}" for language in ("sh", "console", "yaml", "toml", "python", "text")}
    assert [opening for opening in openings if opening[1] not in known] == []
    assert [page for page, block in fenced("text") if re.search(r"^(\$ )?medweave ", block, re.M)] == []


def test_other_commands_are_few_and_known() -> None:
    programs = {line.split()[0] for _, line in commands()}
    assert programs <= {"medweave", "make", "pip", "jupyter"}


@pytest.mark.parametrize(("page", "block"), list(fenced("yaml")))
def test_a_yaml_snippet_is_a_recipe_or_a_part_of_one(page: str, block: str, example_plugin: Any) -> None:
    content = yaml.safe_load(block)
    if "model" not in content:
        heart = yaml.safe_load(library_file("heart").read_text(encoding="utf-8"))
        content = heart | content | {"data": heart["data"] | content.get("data", {})}
    with example_plugin():
        assert complete_recipe(validate_recipe(content, page), page).model.encoders


@pytest.mark.parametrize(("page", "block"), list(fenced("python")))
def test_a_python_snippet_runs(page: str, block: str, example_plugin: Any) -> None:
    with example_plugin():  # what the snippet registers goes with the test
        exec(compile(block, page, "exec"), {})  # noqa: S102 -- the snippets are ours


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_pictures_are_small_and_used() -> None:
    pictures = list((ROOT / "docs" / "images").iterdir())
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert len(pictures) >= 5
    assert [picture.name for picture in pictures if picture.stat().st_size > MAX_PICTURE_BYTES] == []
    assert [picture.name for picture in pictures if f"images/{picture.name}" not in text] == []
