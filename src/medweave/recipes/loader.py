"""Finding, reading, overriding and validating recipes."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from shlex import quote
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from medweave.core.errors import RecipeError, UsageError, did_you_mean
from medweave.core.files import write_text
from medweave.recipes.data import ClassificationHead, SegmentationHead
from medweave.recipes.problems import is_of_another_branch, is_union_branch
from medweave.recipes.schema import Recipe

#: Section of each kind of head.
HEADS: dict[str, type[BaseModel]] = {"segmentation": SegmentationHead, "classification": ClassificationHead}
LIBRARY = Path(str(files("medweave.recipes"))) / "library"


class _Yaml(yaml.SafeLoader):
    """YAML with the numbers of version 1.2 (1e-4 is one, 1:30:00 is none), which refuses a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 -- PyYAML's
        """Return the table of a node."""
        keys: list[Any] = []
        for key, _ in node.value:
            if key.value in keys:
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {key.value!r} is given twice", problem_mark=key.start_mark
                )
            keys.append(key.value)
        return super().construct_mapping(node, deep)


_Yaml.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":int", ":float"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Yaml.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"[-+]?[0-9]+$"), list("-+0123456789"))
_Yaml.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?((\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|\.(inf|Inf|INF))$|\.(nan|NaN|NAN)$"),
    list("-+.0123456789"),
)


def library_names() -> list[str]:
    """Return the names of the library's recipes ("heart", "reference/heart_monai"), sorted."""
    return sorted(path.relative_to(LIBRARY).with_suffix("").as_posix() for path in LIBRARY.rglob("*.yaml"))


def library_file(name: str) -> Path:
    """Return the file of a library recipe.

    Raises:
        UsageError: The library has no such recipe.
    """
    names = library_names()
    if name not in names:
        raise UsageError(
            f"no recipe {name!r}: neither a file nor in the library.{did_you_mean(name, names)}",
            wanted=f"a file, or one of {', '.join(names)}",
        )
    return LIBRARY / f"{name}.yaml"


def copy_recipe(name: str, destination: Path) -> None:
    """Copy a library recipe to a file of one's own, never over an existing one.

    Its name, and the command in its header, become those of the file; the header says what it is a copy of.
    """
    if destination.is_dir():
        raise UsageError("a folder, not a file", where=destination, fix="name a new file in it, as my_study.yaml.")
    if destination.exists():
        raise UsageError("the file exists already", where=destination, fix="choose another name.")
    write_text(destination, "".join(f"{line}\n" for line in _lines_of_copy(name, destination)))


def _lines_of_copy(name: str, destination: Path) -> Iterator[str]:
    """Yield the lines of a library recipe as a recipe of one's own."""
    purpose, *lines = library_file(name).read_text(encoding="utf-8").splitlines()
    yield f"{purpose}. A copy of the library's recipe {name}"
    for line in lines:
        if line.startswith("# Command:"):
            call, _, _ = line.partition("--output ")
            own = call.replace(f" {name} ", f" {quote(str(destination))} ")
            yield f"{own}--output {quote(f'runs/{destination.stem}')}"
        elif line.startswith("name: "):
            yield yaml.safe_dump({"name": destination.stem}, allow_unicode=True).rstrip()
        else:
            yield line


def load_recipe(source: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Load a recipe from the library or a file and apply dotted overrides.

    Args:
        source: A library name or the path of a YAML file; a file wins.
        overrides: Each `dotted.key=value`, the value in YAML ("training.max_epochs=5", "patches.size_voxels=[64,64]").

    Raises:
        RecipeError: The recipe has problems; all of them are in the error.
        UsageError: There is no such recipe, or an override cannot be read.
    """
    return validate_recipe(read_content(source, overrides), source)


def read_content(source: str | Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Read a recipe from the library or a file and apply dotted overrides, without validating it.

    Raises:
        RecipeError: The file holds no table.
        UsageError: There is no such recipe, or an override cannot be read.
    """
    path = Path(source) if Path(source).is_file() else library_file(str(source))
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Yaml)  # noqa: S506 -- a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise RecipeError(source, [f"not valid YAML{place}: {error.problem}"]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(source, ["not a text file in YAML"]) from error
    if not isinstance(content, dict):
        raise RecipeError(source, ["a recipe is a table of keys and values"])
    for override in overrides:
        _apply(content, override)
    return content


def validate_recipe(content: Mapping[str, Any], source: object) -> Recipe:
    """Validate the content of a recipe.

    Raises:
        RecipeError: It has problems; all of them are in the error.
    """
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        problems = [problem for problem in error.errors() if not is_of_another_branch(problem)]
        raise RecipeError(source, [line for problem in problems for line in _describe(problem)]) from error


def dump_recipe(recipe: Recipe) -> str:
    """Return the recipe as YAML with every default written out."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, width=120, allow_unicode=True)


def recipe_hash(recipe: Recipe) -> str:
    """Return the hash of everything in the recipe that changes the result of a training."""
    content = json.dumps(recipe.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of recipes, for editors."""
    return Recipe.model_json_schema() | {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def _apply(content: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise UsageError(f"cannot read the override {override!r}", wanted="dotted.key=value")
    try:
        value = yaml.load(text, _Yaml)  # noqa: S506 -- a SafeLoader
    except yaml.YAMLError as error:
        raise UsageError(f"cannot read the value of the override {override!r}", wanted="a YAML value") from error
    *parents, last = key.split(".")
    target: Any = content
    for parent in parents:
        target = _child(target, parent, override)
    if isinstance(target, list):
        target[_position(target, last, override)] = value
    else:
        target[last] = value


def _child(target: Any, name: str, override: str) -> Any:
    if isinstance(target, list):
        return target[_position(target, name, override)]
    child = target.get(name)
    if isinstance(child, str):  # the short form `name` of `{name: …}`
        child = {"name": child}
    if child is None:
        child = {}
    if not isinstance(child, dict | list):
        raise UsageError(f"cannot apply the override {override!r}", got=f"{name} is {child!r}", wanted="a table there")
    target[name] = child
    return child


def _position(target: list[Any], name: str, override: str) -> int:
    if not name.isdigit() or int(name) >= len(target):
        raise UsageError(
            f"cannot apply the override {override!r}", got=name, wanted=f"a position below {len(target)} in the list"
        )
    return int(name)


def _describe(problem: ErrorDetails) -> Iterator[str]:
    location = [str(part) for part in problem["loc"]]
    tag = _place_of_kind(location)
    named = [part for place, part in enumerate(location) if not is_union_branch(part) and place != tag]
    key = ".".join(part for part in named if part != "[key]")  # pydantic's mark of a table's key
    if problem["type"] == "extra_forbidden":
        yield f"{key}: unknown key.{did_you_mean(location[-1], _fields_at(location[:-1]))}"
    elif problem["type"] == "missing":
        yield f"{key}: required, but missing"
    elif problem["type"] == "union_tag_invalid":
        kind = problem["ctx"]["tag"]
        yield f"{key}.kind: no kind is called {kind!r}.{did_you_mean(kind, HEADS)} Wanted one of {', '.join(HEADS)}"
    elif problem["type"] == "value_error":
        for line in str(problem["ctx"]["error"]).splitlines():
            yield f"{key}: {line}" if key else line
    else:
        yield f"{key}: {problem['msg'][0].lower()}{problem['msg'][1:]}, got {problem['input']!r}"


def _place_of_kind(location: Sequence[str]) -> int | None:
    """Return where a location holds the kind of a head, which pydantic puts behind the head's name."""
    return 3 if tuple(location[:2]) == ("data", "heads") and len(location) > 3 and location[3] in HEADS else None


def _fields_at(location: Sequence[str]) -> list[str]:
    """Return the field names of the section at a location of the schema."""
    model: Any = Recipe
    for place, part in enumerate(location):
        model = HEADS[part] if place == _place_of_kind(location) else _member(model, part)
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _member(annotation: Any, part: str) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(part)
        return _without_wrappers(field.annotation) if field else None
    arguments = get_args(annotation)
    return _without_wrappers(arguments[-1] if get_origin(annotation) is dict else arguments[0]) if arguments else None


def _without_wrappers(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        members = [_without_wrappers(member) for member in get_args(annotation)]
        return next((m for m in members if isinstance(m, type) and issubclass(m, BaseModel)), members[0])
    return annotation
