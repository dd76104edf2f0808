import ast
import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from medweave.core.errors import RecipeError, RunError, UsageError
from medweave.recipes.loader import load_recipe, recipe_hash
from medweave.workflows import kaggle_push


def _constants(script: Path) -> dict[str, Any]:
    tree = ast.parse(script.read_text(encoding="utf-8"))
    return {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def test_a_dry_run_writes_what_kaggle_needs_without_client_account_or_network(
    no_kaggle_account: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kaggle", None)
    monkeypatch.setattr("socket.socket.connect", None)

    push = kaggle_push.run("heart_small", data_set="owner/heart", output=tmp_path / "kernel", dry_run=True)

    assert (push.kernel, push.pushed) == ("owner/medweave-heart-small", None)
    assert sorted(path.name for path in push.folder.iterdir()) == ["kernel-metadata.json", "train.py"]
    assert json.loads((push.folder / "kernel-metadata.json").read_text()) == {
        "id": "owner/medweave-heart-small",
        "title": "medweave heart small",
        "code_file": "train.py",
        "language": "python",
        "kernel_type": "script",
        "is_private": True,
        "enable_gpu": True,
        "machine_shape": "NvidiaTeslaT4",
        "enable_tpu": False,
        "enable_internet": True,
        "dataset_sources": ["owner/heart"],
        "competition_sources": [],
        "kernel_sources": [],
    }


def test_the_recipe_travels_with_its_overrides(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    content = yaml.safe_load(yaml.safe_dump(load_recipe("heart_small").model_dump(mode="json")))
    own.write_text(yaml.safe_dump(content | {"name": 'Études \\ """ $HOME ${x}'}, allow_unicode=True), "utf-8")
    overrides = ["training.max_epochs=3", "optimizer.lr=1e-3"]

    push = kaggle_push.run(own, data_set="owner/heart", output=tmp_path / "k", overrides=overrides, dry_run=True)

    there = tmp_path / "there.yaml"
    there.write_text(_constants(push.folder / "train.py")["RECIPE"], encoding="utf-8")
    assert recipe_hash(load_recipe(there)) == recipe_hash(load_recipe(own, overrides))
    assert load_recipe(there).training.max_epochs == 3
    assert push.kernel == "owner/medweave-tudes-home-x"


def test_the_script_installs_and_then_trains_in_kaggles_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    push = kaggle_push.run(
        "heart_small",
        data_set="owner/heart",
        data_folder="a b/training",
        output=tmp_path / "kernel",
        requirements=["medweave[train] @ git+https://example.org/medweave", "my_plugin"],
        dry_run=True,
    )
    commands: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda command, *, check: commands.append(command) if check else None)
    monkeypatch.chdir(tmp_path)

    runpy.run_path(str(push.folder / "train.py"))

    assert load_recipe(tmp_path / "recipe.yaml") == load_recipe("heart_small")
    train = ["recipe.yaml", "--data", "owner/heart", "--output", "run", "--folder", "a b/training"]
    assert [command[:2] for command in commands] == [[sys.executable, "-m"]] * 2
    assert [command[2:] for command in commands] == [
        ["pip", "install", "--quiet", "medweave[train] @ git+https://example.org/medweave", "my_plugin"],
        ["medweave", "--verbose", "kaggle", "train", *train],
    ]


def test_a_push_belongs_to_the_account_and_leaves_no_credentials(
    fake_kaggle: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    push = kaggle_push.run("heart_small", data_set="owner/heart", output=tmp_path / "kernel", gpu="NvidiaTeslaL4")

    (sent,) = fake_kaggle.pushed
    assert push.kernel == sent["slug"] == "ada/medweave-heart-small"
    assert push.pushed is not None
    assert push.pushed.url == f"{fake_kaggle.url}/code/ada/medweave-heart-small"
    assert sent["text"] == (push.folder / "train.py").read_text(encoding="utf-8")
    assert sent["datasetDataSources"] == ["owner/heart"]
    assert (sent["enableGpu"], sent["enableInternet"], sent["isPrivate"]) == (True, True, True)
    assert sent["machineShape"] == "NvidiaTeslaL4"
    written = "".join(path.read_text(encoding="utf-8") for path in push.folder.iterdir())
    assert fake_kaggle.key not in written + caplog.text + str(sent)


def test_this_version_is_installed_by_default(tmp_path: Path) -> None:
    from medweave import __version__

    push = kaggle_push.run("heart_small", data_set="owner/heart", output=tmp_path / "kernel", dry_run=True)
    assert _constants(push.folder / "train.py")["REQUIREMENTS"] == [f"medweave[train]=={__version__}"]


def test_a_mistake_in_the_recipe_is_found_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"losses\.heart.*'dice_cee'.*Did you mean 'dice_ce'"):
        kaggle_push.run(
            "heart_small",
            data_set="owner/heart",
            output=tmp_path / "kernel",
            overrides=["losses.heart.name=dice_cee"],
            dry_run=True,
        )
    assert not (tmp_path / "kernel").exists()


def test_a_taken_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.py").touch()
    with pytest.raises(RunError, match="not empty"):
        kaggle_push.run("heart_small", data_set="owner/heart", output=tmp_path, dry_run=True)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"data_set": "heart"}, r"not the name of a data set.*got 'heart'.*wanted OWNER/NAME"),
        ({"kernel": "kernel"}, r"not the name of a kernel.*got 'kernel'"),
        ({"kernel": "ada/abc"}, r"name of this length: got 'abc', 3 characters; wanted 5 to 50"),
        ({"kernel": f"ada/{'x' * 51}"}, r"51 characters; wanted 5 to 50.*--kernel OWNER/NAME"),
    ],
)
def test_names_that_kaggle_would_not_take_are_refused(names: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        kaggle_push.run("heart_small", **{"data_set": "owner/heart", **names}, output=tmp_path / "k", dry_run=True)
    assert not (tmp_path / "k").exists()
