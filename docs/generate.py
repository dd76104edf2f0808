"""Fills the generated parts of the documentation: `python docs/generate.py`.

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`. The names are the keys of `PARTS`; what they hold
comes from the recipe schema, the registered components, the command line, the files in docs/results/ and the example
of a plug-in.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import typer
from typer.main import get_command

from medweave.cli.main import COMMANDS, app
from medweave.core.files import read_json, write_text
from medweave.recipes.loader import json_schema, library_file, library_names
from medweave.workflows.describe import components

DOCS = Path(__file__).parent
EXAMPLE = DOCS.parent / "examples" / "plugin"
BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
HELP_WIDTH = 100

Schema = Mapping[str, Any]


def main() -> None:
    """Rewrite every page."""
    for page in pages():
        write_text(page, render(page.read_text(encoding="utf-8")))


def pages() -> list[Path]:
    """Return the files that may hold generated parts."""
    return [*sorted(DOCS.rglob("*.md")), DOCS.parent / "README.md"]


def render(page: str) -> str:
    """Return a page with its generated parts as they should be now."""
    return BLOCK.sub(lambda match: f"{match[1]}\n{PARTS[match[2]]()}\n{match[3]}", page)


def recipe_keys() -> str:
    """Return a table for each section of a recipe."""
    schema = json_schema()
    return "\n".join(_sections("", schema, definitions=schema["$defs"]))


def _sections(prefix: str, section: Schema, *, definitions: Mapping[str, Schema]) -> Iterator[str]:
    title = f"`{prefix}`" if prefix else "Top level"
    kind = section["properties"].get("kind", {}).get("const")
    title += f" ({kind})" if kind else ""
    yield f"### {title}\n\n{section.get('description', '')}\n\n| key | value | default | meaning |"
    yield "| --- | --- | --- | --- |"
    inner = []
    for name, entry in section["properties"].items():
        default = "required" if name in section.get("required", ()) else _default(entry.get("default"))
        targets, suffix = _subsections(entry)
        # Pydantic leaves out a key's description that equals its section's.
        meaning = entry.get("description") or definitions.get("".join(targets), {}).get("description", "")
        yield f"| `{name}` | {_values(entry)} | {default} | {_escaped(meaning)} |"
        path = f"{prefix}.{name}{suffix}".removeprefix(".")
        inner += [(path, definitions[target]) for target in targets if target != "Component"]
    yield ""
    for path, subsection in inner:
        yield from _sections(path, subsection, definitions=definitions)


def _subsections(entry: Schema) -> tuple[list[str], str]:
    """Return the names of the sections that an entry may hold, and what follows its key in the dotted path."""
    for option in (entry, *entry.get("anyOf", ())):
        values = option.get("additionalProperties")
        inner = values.get("oneOf", [values]) if isinstance(values, dict) else []
        names = [of["$ref"].rsplit("/", 1)[1] for of in (option, *inner) if "$ref" in of]
        if names:
            return names, ".NAME" if inner else ""
    return [], ""


def _values(entry: Schema) -> str:
    """Say in words which values a key takes."""
    if any(option.get("$ref", "").endswith("/Component") for option in entry.get("anyOf", ())):
        return "component"
    if "anyOf" in entry or "oneOf" in entry:
        return " or ".join(dict.fromkeys(_values(option) for option in entry.get("anyOf") or entry["oneOf"]))
    if "$ref" in entry:
        return "component" if entry["$ref"].endswith("/Component") else "section"
    if "const" in entry or "enum" in entry:
        return " or ".join(f"`{value}`" for value in entry.get("enum", (entry.get("const"),)))
    kind = entry.get("type")
    if kind == "array":
        return f"list of {_plural(_values(entry['items']))}{_range(entry, 'minItems', 'maxItems', unit=' entries')}"
    if kind == "object":
        return f"table: name to {_values(entry['additionalProperties'])}"
    if kind == "string" and "pattern" in entry:
        return "text of a fixed form"
    words = {"integer": "whole number", "number": "number", "boolean": "`true` or `false`", "string": "text"}
    word = words.get(str(kind), "`null`")
    low, high = entry.get("minimum"), entry.get("maximum")
    bounds = [f"at least {low}" if low is not None else "", f"at most {high}" if high is not None else ""]
    bounds += [f"above {entry['exclusiveMinimum']}" if "exclusiveMinimum" in entry else ""]
    bounds += [f"below {entry['exclusiveMaximum']}" if "exclusiveMaximum" in entry else ""]
    return " ".join([word, " and ".join(bound for bound in bounds if bound)]).strip()


def _plural(words: str) -> str:
    return re.sub(r"^(whole number|number|text|component)", r"\1s", words).replace("texts", "names")


def _range(entry: Schema, lower: str, upper: str, *, unit: str) -> str:
    if lower not in entry or upper not in entry:
        return ""
    return f", {entry[lower]} to {entry[upper]}{unit}"


def _default(value: Any) -> str:
    if isinstance(value, dict):
        return f"`{value['name']}`" if "name" in value and len(value) == 1 else "see below"
    if isinstance(value, list):
        return f"`[{', '.join(map(str, value))}]`"
    return "`null`" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def recipe_components() -> str:
    """Return a table of the registered components of each kind, each followed by its parameters."""
    lines = []
    for kind, entries in components().items():
        title = kind.capitalize().replace("_", " ")
        lines += [f"### {title}\n", "| name | parameter | default | meaning |", "| --- | --- | --- | --- |"]
        for entry in entries:
            lines.append(f"| `{entry.name}` | | | **{_escaped(entry.summary)}** |")
            lines += [
                f"| | `{name}` | `{parameter.default_in_yaml}` | {_escaped(parameter.meaning)} |"
                for name, parameter in entry.parameters.items()
            ]
        lines.append("")
    return "\n".join(lines)


def library() -> str:
    """Return a table of the library's recipes from their headers."""
    lines = ["| recipe | purpose | data | hardware |", "| --- | --- | --- | --- |"]
    for name in library_names():
        lines_of_file = library_file(name).read_text(encoding="utf-8").splitlines()
        header = [line.removeprefix("# ") for line in lines_of_file if line.startswith("# ")]
        facts = dict(re.split(r":\s+", line, maxsplit=1) for line in header[1:])
        lines.append(f"| `{name}` | {_escaped(header[0])} | {facts['Data']} | {facts['Hardware']} |")
    return "\n".join([*lines, ""])


def commands() -> str:
    """Return the help of every command."""
    group: Any = get_command(app)
    lines = [_help("medweave", group)]
    for name in COMMANDS:
        command = group.resolve_command(_context("medweave", group), [name])[1]
        lines += [f"## {name}\n", _help(f"medweave {name}", command)]
        lines += [_help(f"medweave {name} {inner}", each) for inner, each in getattr(command, "commands", {}).items()]
    return "\n".join(lines)


def _help(title: str, command: Any) -> str:
    return f"```text\n{command.get_help(_context(title, command))}\n```\n"


def _context(title: str, command: Any) -> typer.Context:
    return typer.Context(command, info_name=title, terminal_width=HELP_WIDTH)


def measurements() -> str:
    """Return a table for each file in docs/results/."""
    lines = []
    for path in sorted((DOCS / "results").glob("*.json")):
        content = read_json(path)
        if "measured" not in content:
            continue
        machine = content["machine"]
        lines += [f"### {content['title']}\n", f"{content['conditions'][0].upper()}{content['conditions'][1:]}.\n"]
        lines += ["| quantity | value |", "| --- | ---: |"]
        lines += [f"| {row['quantity']} | {row['value']:g} {row['unit']} |" for row in content["measured"]]
        lines.append(
            f"\n{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, load "
            f"{machine['load_at_start']} at the start; Python {machine['python']}, PyTorch {machine['torch']}, MONAI "
            f"{machine['monai']}; {machine['date']}; `benchmarks/{path.stem}.py`.\n"
        )
    return "\n".join(lines)


def scores() -> str:
    """Return a row for each structure of each run in docs/results/scores/."""
    lines = [
        "| recipe | structure | test cases | Dice | worst | NSD at 2 mm | HD95 (mm) | training |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for folder in sorted((DOCS / "results" / "scores").iterdir()):
        summary, training = read_json(folder / "summary.json"), read_json(folder / "training_summary.json")
        minutes = f"{training['seconds'] / 60:.0f} min, {training['epochs']} epochs"
        heads = {task: head for task, head in summary["heads"].items() if head["kind"] == "segmentation"}
        for task, head in heads.items():
            suffix = f" ({task})" if len(heads) > 1 else ""
            for name, values in head["structures"].items():
                others = (f"{values['dice']['worst']:.3f}", _interval(values["nsd_2mm"]))
                others += (_interval(values["hd95_mm"], digits=2), minutes)
                lines.append(_score_row(folder.name, name.replace("_", " ") + suffix, values["dice"], others))
            if len(head["structures"]) > 1:
                lines.append(_score_row(folder.name, f"mean{suffix}", head["mean_dice"], ("",) * 4))
    return "\n".join(lines)


def class_scores() -> str:
    """Return a row for each class head of each run in docs/results/scores/."""
    metrics = ("accuracy", "balanced_accuracy", "macro_f1", "roc_auc", "ece")
    lines = [
        "| recipe | task | cases | accuracy | balanced accuracy | macro F1 | ROC AUC | calibration error |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for folder in sorted((DOCS / "results" / "scores").iterdir()):
        for task, head in read_json(folder / "summary.json")["heads"].items():
            if head["kind"] != "classification":
                continue
            lines.append(_class_row(folder.name, task, head, metrics))
            patterns = head.get("by_missing_inputs") or {}
            lines += [
                _class_row("", f"{task}, {'all inputs' if name == 'complete' else name}", part, metrics)
                for name, part in patterns.items()
            ]
    return "\n".join(lines)


def holdouts() -> str:
    """Return a row for each fourth epoch of the trainings in docs/results/holdouts/chest_xray.csv, over the splits."""
    names = {"val/accuracy_finding": "accuracy", "val/auc_finding": "ROC AUC", "val/dice": "Dice of the lungs"}
    with (DOCS / "results" / "holdouts" / "chest_xray.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [f"| epoch | {' | '.join(names.values())} |", "| ---: |" + " ---: |" * len(names)]
    for epoch in ("8", "12", "16", "20", "24", "28"):
        values = {name: [float(row[name]) for row in rows if row["epoch"] == epoch] for name in names}
        cells = (f"{mean(column):.3f} ({min(column):.3f} to {max(column):.3f})" for column in values.values())
        lines.append(f"| {epoch} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _class_row(recipe: str, task: str, values: Mapping[str, Any], metrics: Sequence[str]) -> str:
    cells = [_interval(values[name]) if values.get(name) else "" for name in metrics]
    count = values.get("n_cases", values.get("n", ""))
    return f"| {f'`{recipe}`' if recipe else ''} | {_escaped(task)} | {count} | {' | '.join(cells)} |"


def _interval(value: Mapping[str, Any], *, digits: int = 3) -> str:
    if value["mean"] is None:
        return "undefined"
    low, high = value["ci95"]
    return f"{value['mean']:.{digits}f}" + (f" ({low:.{digits}f} to {high:.{digits}f})" if low is not None else "")


def _score_row(recipe: str, structure: str, dice: Mapping[str, Any], others: tuple[str, ...]) -> str:
    return f"| `{recipe}` | {structure} | {dice['n']} | {_interval(dice)} | {' | '.join(others)} |"


def example(file: str, *, language: str = "python") -> Callable[[], str]:
    """Return the part that shows a file of the example of a plug-in."""
    return lambda: f"```{language}\n{(EXAMPLE / file).read_text(encoding='utf-8').rstrip()}\n```"


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


PARTS: dict[str, Callable[[], str]] = {
    "scores": scores,
    "class_scores": class_scores,
    "holdouts": holdouts,
    "recipe_keys": recipe_keys,
    "recipe_components": recipe_components,
    "library": library,
    "commands": commands,
    "measurements": measurements,
    "example_layout": example("src/medweave_example/paired_files.py"),
    "example_encoder": example("src/medweave_example/separable.py"),
    "example_head": example("src/medweave_example/summed_pyramid.py"),
    "example_loss": example("src/medweave_example/log_cosh_dice.py"),
    "example_recipe": example("recipe.yaml", language="yaml"),
    "example_tests": example("tests/test_components.py"),
    "example_package": example("pyproject.toml", language="toml"),
}

if __name__ == "__main__":
    main()
