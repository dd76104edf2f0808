import re
import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from medweave.core.errors import RecipeError, UsageError
from medweave.recipes.loader import (
    copy_recipe,
    dump_recipe,
    json_schema,
    library_file,
    library_names,
    load_recipe,
    recipe_hash,
    validate_recipe,
)
from medweave.recipes.schema import Recipe

LIBRARY = ["demo", "heart", "heart_small", "hippocampus", "reference/heart_monai", "reference/heart_unet3d"]
MAX_LINES = 80
TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "integer": int,
    "number": (int, float),
}


def schema_problems(value: Any, schema: dict[str, Any], root: dict[str, Any], where: str = "") -> list[str]:
    """Validate by the keywords of JSON Schema that decide about structure, as an editor does."""
    if "$ref" in schema:
        return schema_problems(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, where)
    if "anyOf" in schema or "oneOf" in schema:
        branches = schema.get("anyOf") or schema["oneOf"]
        found = [schema_problems(value, branch, root, where) for branch in branches]
        return [] if [] in found else [f"{where}: no branch fits", *chain(*found)]
    kind = schema.get("type")
    if kind and (not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
        return [f"{where}: {value!r} is no {kind}"]
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        return [f"{where}: {value!r} is not allowed"]
    if isinstance(value, list):
        return [p for i, v in enumerate(value) for p in schema_problems(v, schema["items"], root, f"{where}.{i}")]
    if not isinstance(value, dict):
        return []
    problems = [f"{where}: {key} is missing" for key in schema.get("required", []) if key not in value]
    others = schema.get("additionalProperties", True)
    for key, part in value.items():
        inner = schema.get("properties", {}).get(key, others)
        if inner is False:
            problems.append(f"{where}.{key}: unknown")
        elif inner is not True:
            problems += schema_problems(part, inner, root, f"{where}.{key}")
    return problems


def problems_of(*overrides: str, source: str | Path = "heart") -> list[str]:
    with pytest.raises(RecipeError, match=r"recipe .* has \d+ problems?:") as caught:
        load_recipe(source, overrides)
    return caught.value.problems


def recipe_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_library_holds_these_recipes() -> None:
    assert set(LIBRARY) <= set(library_names())
    assert len(library_names()) == len({*library_names()}) >= 5


@pytest.mark.parametrize("name", library_names())
def test_library_recipe_validates_and_is_short_and_headed(name: str) -> None:
    lines = library_file(name).read_text(encoding="utf-8").splitlines()
    assert load_recipe(name).name == name.split("/")[-1]
    assert len(lines) <= MAX_LINES
    assert all(line.startswith("# ") for line in lines[:5])
    heads = [line.split(":")[0] for line in lines if line.startswith("# ")][1:]
    system = ["# System"] if name.startswith("reference/") else []
    assert heads == [*system, "# Data", "# Command", "# Expected", "# Hardware"]


@pytest.mark.parametrize("name", library_names())
def test_json_schema_accepts_the_library(name: str) -> None:
    content = yaml.safe_load(library_file(name).read_text(encoding="utf-8"))
    assert schema_problems(content, json_schema(), json_schema()) == []


def test_json_schema_refuses_what_the_recipe_refuses() -> None:
    content = yaml.safe_load(library_file("heart").read_text(encoding="utf-8"))
    content["training"]["batchsize"] = 3
    content["data"]["inputs"]["mri"]["spatial_dims"] = 4
    assert len(schema_problems(content, json_schema(), json_schema())) == 2
    assert json_schema()["$schema"].startswith("https://json-schema.org/")


def test_schema_describes_every_field() -> None:
    sections = [json_schema(), *json_schema()["$defs"].values()]
    fields = {f"{part['title']}.{name}": field for part in sections for name, field in part["properties"].items()}
    assert len(fields) > 50
    # A section whose own description is the field's is only referred to.
    assert [name for name, field in fields.items() if not {"description", "$ref"} & field.keys()] == []


def test_unknown_recipe_is_refused_with_a_suggestion() -> None:
    with pytest.raises(
        UsageError, match=r"no recipe 'hart': .*Did you mean 'heart'\? Wanted a file, or one of .*, demo, "
    ):
        load_recipe("hart")


def test_a_file_wins_over_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    copy_recipe("heart_small", tmp_path / "heart")
    assert load_recipe("heart").patches == load_recipe("heart_small").patches


def test_copy_is_the_recipe_under_a_name_of_its_own_and_never_overwrites(tmp_path: Path) -> None:
    copy_recipe("reference/heart_monai", tmp_path / "mine.yaml")
    original = load_recipe("reference/heart_monai")
    assert load_recipe(tmp_path / "mine.yaml") == original.model_copy(update={"name": "mine"})
    with pytest.raises(UsageError, match=r"exists already \(.*mine\.yaml\)\. Fix: choose another name"):
        copy_recipe("heart_small", tmp_path / "mine.yaml")


def test_the_header_of_a_copy_says_what_it_is_and_how_to_train_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    copy_recipe("multimodal_mri", Path("1 a.yaml"))
    lines = Path("1 a.yaml").read_text(encoding="utf-8").splitlines()
    original = library_file("multimodal_mri").read_text(encoding="utf-8").splitlines()
    assert lines[0] == f"{original[0]}. A copy of the library's recipe multimodal_mri"
    assert lines[2] == "# Command:  medweave train '1 a.yaml' --data DATA/metadata.csv --output 'runs/1 a'"
    assert lines[5] == "name: 1 a"
    assert [*lines[1:2], *lines[3:5], *lines[6:]] == [*original[1:2], *original[3:5], *original[6:]]


def test_a_copy_into_a_folder_asks_for_a_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a folder, not a file .*Fix: name a new file in it"):
        copy_recipe("heart_small", tmp_path)


def test_every_problem_is_reported_at_once() -> None:
    assert problems_of(
        "training.batchsize=3",
        "training.max_epochs=many",
        "preprocessing.mri.orientaton=LPS",
        "preprocessing.mri.spacing_mm=[1,-1,1]",
        "preprocessing.mri.intensity.name=zscor",
        "data.heads.heart.kind=segmentaton",
        "patches.size_voxels=large",
        "patches.overlap=1",
        "augmentation.0={probability: 0.5}",
        "modell=x",
    ) == [
        "data.heads.heart.kind: no kind is called 'segmentaton'. Did you mean 'segmentation'? "
        "Wanted one of segmentation, classification",
        "preprocessing.mri.spacing_mm.1: input should be greater than 0, got -1",
        "preprocessing.mri.intensity.name: input should be 'zscore', 'percentile', 'range', 'minmax' or 'none', "
        "got 'zscor'",
        "preprocessing.mri.orientaton: unknown key. Did you mean 'orientation'?",
        "patches.size_voxels: input should be 'auto', got 'large'",
        "patches.overlap: input should be less than 1, got 1",
        "augmentation.0.name: required, but missing",
        "training.max_epochs: input should be a valid integer, unable to parse string as an integer, got 'many'",
        "training.batchsize: unknown key. Did you mean 'batch_size'?",
        "modell: unknown key. Did you mean 'model'?",
    ]


@pytest.mark.parametrize(
    ("override", "problems"),
    [
        (
            "data.heads.heart={kind: classification, clases: [a, b]}",
            [
                "data.heads.heart.classes: required, but missing",
                "data.heads.heart.clases: unknown key. Did you mean 'classes'?",
            ],
        ),
        (
            "data.heads.heart.structures.left_atrium=0",
            ["data.heads.heart.structures.left_atrium: input should be greater than or equal to 1, got 0"],
        ),
        (
            "data.heads.heart={kind: classification, classes: [a, a]}",
            ["data.heads.heart: a class is named twice: a"],
        ),
        (
            "data.heads.heart={kind: classification, classes: [a, b], ignore: [b]}",
            ["data.heads.heart: a class is an answer and ignored: b"],
        ),
        (
            "data.heads.heart={kind: classification, classes: [a]}",
            ["data.heads.heart: one class alone leaves nothing to tell apart"],
        ),
        (
            "data.heads={a.b: {structures: {a: 1}}}",
            ["data.heads.a.b: a name has letters, digits, _ and - only, for it is part of file names"],
        ),
        (
            "patches.size_voxels={mri: [64, -1, 64]}",
            ["patches.size_voxels.mri.1: input should be greater than 0, got -1"],
        ),
    ],
)
def test_a_problem_of_a_head_or_an_input_names_its_key(override: str, problems: list[str]) -> None:
    assert problems_of(override) == problems


def test_names_that_disagree_are_a_line_each() -> None:
    assert problems_of("losses={lung: dice_ce}") == [
        "losses: 'lung' is not one of data.heads: heart",
        "losses: 'heart' of data.heads is missing",
    ]


def test_message_names_the_recipe_and_counts() -> None:
    with pytest.raises(RecipeError, match=r"^recipe heart has 1 problem:\n  name: input should be a valid string, got"):
        load_recipe("heart", ["name=3"])


@pytest.mark.parametrize(
    ("override", "found", "value"),
    [
        ("training.max_epochs=5", lambda r: r.training.max_epochs, 5),
        ("optimizer.lr=3e-4", lambda r: r.optimizer.parameters["lr"], 3e-4),
        ("optimizer.lr=1.0e-3", lambda r: r.optimizer.parameters["lr"], 1e-3),
        ("losses.heart.weight=.5", lambda r: r.losses["heart"].parameters["weight"], 0.5),
        ("patches.size_voxels=[64, 64,32]", lambda r: r.patches.size_voxels, (64, 64, 32)),
        ("patches.size_voxels=auto", lambda r: r.patches.size_voxels, "auto"),
        ("patches.size_voxels.2=48", lambda r: r.patches.size_voxels, (112, 112, 48)),
        ("augmentation.1.std=0.4", lambda r: r.augmentation[1].parameters["std"], 0.4),
        ("augmentation.0=gamma", lambda r: r.augmentation[0].name, "gamma"),
        ("augmentation=[]", lambda r: r.augmentation, ()),
        ("training.early_stopping.patience=7", lambda r: r.training.early_stopping.patience, 7),
        ("training.early_stopping=null", None, None),
        ("training.max_time=1:30:00", lambda r: r.training.max_time, "1:30:00"),
        ("prediction.flips=true", lambda r: r.prediction.flips, True),
        ("name=a=b=c", lambda r: r.name, "a=b=c"),
        ("name='5'", lambda r: r.name, "5"),
        ("data.inputs.mri.channels=[t1=x, t2]", None, None),
        ("plugins=[my.module]", lambda r: r.plugins, ("my.module",)),
        ("preprocessing.mri.crop.above=10", lambda r: r.preprocessing["mri"].crop.above, 10),
    ],
)
def test_override_sets_one_value(override, found, value) -> None:
    if found is None:
        assert problems_of(override)
        return
    recipe = load_recipe("heart", [override])
    assert found(recipe) == value
    assert type(found(recipe)) is type(value) or found(recipe) == float(value)


def test_later_override_wins_and_the_library_stays() -> None:
    before = load_recipe("heart")
    assert load_recipe("heart", ["training.max_epochs=5", "training.max_epochs=6"]).training.max_epochs == 6
    assert load_recipe("heart") == before


def test_override_reaches_into_the_short_form() -> None:
    recipe = load_recipe("reference/heart_unet3d", ["preprocessing.mri.intensity.only_nonzero=true"])
    assert recipe.preprocessing["mri"].intensity.name == "zscore"
    assert recipe.preprocessing["mri"].intensity.only_nonzero


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.max_epochs", r"cannot read the override .training.max_epochs.: wanted dotted.key=value"),
        ("=5", r"cannot read the override .=5.: wanted dotted.key=value"),
        ("training.max_epochs=[1", r"cannot read the value of the override 'training.max_epochs=\[1'.*a YAML value"),
        ("augmentation.9.std=1", r"'augmentation.9.std=1': got 9; wanted a position below 6 in the list"),
        ("augmentation.first=1", "got first; wanted a position below 6"),
        ("training.max_epochs.x=1", "got max_epochs is [0-9]+; wanted a table there"),
    ],
)
def test_override_that_fits_nowhere_is_wrong_usage(override, message) -> None:
    with pytest.raises(UsageError, match=message):
        load_recipe("heart", [override])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: [", r"not valid YAML, line 1, column \d+: "),
        ("name: a\nname: b\n", "not valid YAML, line 2, column 1: the key 'name' is given twice"),
        ("losses:\n  heart: {name: a, name: b}\n", "not valid YAML, line 2, column 20: the key 'name' is given twice"),
        ("- 1\n- 2\n", "a recipe is a table"),
        ("", "a recipe is a table"),
        ("name: !!python/object/apply:os.getcwd []", "not valid YAML, line 1, .*could not determine a constructor"),
    ],
)
def test_file_that_is_no_recipe_is_refused(tmp_path, text, problem) -> None:
    (found,) = problems_of(source=recipe_file(tmp_path, text))
    assert re.match(problem, found)


def test_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(b"\xff\xfe\x00\x81")
    assert problems_of(source=path) == ["not a text file in YAML"]


def test_numbers_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    text = library_file("heart").read_text(encoding="utf-8")
    path = recipe_file(tmp_path, text.replace("lr: 2.0e-3", "lr: 2e-3").replace("batch_size: 2,", "max_time: 0:45:00,"))
    recipe = load_recipe(path)
    assert recipe.optimizer.parameters["lr"] == 2e-3
    assert recipe.training.max_time == "0:45:00"


@pytest.mark.parametrize("name", library_names())
def test_dump_writes_every_default_and_comes_back(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    text = dump_recipe(recipe)
    again = load_recipe(recipe_file(tmp_path, text))
    assert dump_recipe(again) == text
    assert recipe_hash(again) == recipe_hash(recipe)
    assert yaml.safe_load(text).keys() == Recipe.model_fields.keys()


def test_hash_changes_with_any_value_and_with_nothing_else(tmp_path: Path) -> None:
    text = library_file("heart").read_text(encoding="utf-8")
    reordered = yaml.safe_dump(yaml.safe_load(text), sort_keys=True)
    assert recipe_hash(load_recipe(recipe_file(tmp_path, reordered))) == recipe_hash(load_recipe("heart"))
    changes = ["optimizer.lr=1", "training.seed=1", "augmentation.0.scale=0.3", "data.split.seed=1"]
    assert len({recipe_hash(load_recipe("heart", [change])) for change in ["name=heart", *changes]}) == 5


def test_content_is_validated_under_the_name_of_its_source() -> None:
    with pytest.raises(RecipeError, match=r"recipe manifest\.json has 4 problems:\n  name: required, but missing"):
        validate_recipe({}, "manifest.json")


def test_reading_recipes_imports_no_torch() -> None:
    program = (
        "import sys; from medweave.recipes import loader; loader.load_recipe('heart'); print('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"
