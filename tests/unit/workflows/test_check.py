from pathlib import Path

import pytest

from medweave.building.check import complete_recipe
from medweave.core.errors import DataError, RecipeError
from medweave.phantoms.heart import write_heart_study
from medweave.recipes.loader import load_recipe
from medweave.workflows import check


def test_recipe_comes_back_complete() -> None:
    checked = check.run("heart", data=None, overrides=["training.max_epochs=3"])
    assert checked == complete_recipe(load_recipe("heart", ["training.max_epochs=3"]), "heart")
    assert checked.optimizer.parameters == {"lr": 2e-3, "weight_decay": 1e-2}


def test_recipe_that_fits_its_data_is_accepted(heart_study: Path) -> None:
    assert check.run("reference/heart_monai", data=heart_study).name == "heart_monai"


def test_problems_of_the_recipe_come_first() -> None:
    with pytest.raises(RecipeError, match=r"recipe heart has 1 problem:\n  optimizer\.name: unknown optimizer 'adm'"):
        check.run("heart", data=Path("/absent"), overrides=["optimizer=adm"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.inputs.mri.channels=[flair]", "no case has the image 'flair' of input 'mri' .*got images image"),
        ("data.layout=msd", None),
    ],
)
def test_names_that_the_data_lack_are_refused(heart_study: Path, override: str, message: str | None) -> None:
    overrides = [override, "data.heads.heart.of=null"]
    if message is None:
        assert check.run("heart", data=heart_study, overrides=overrides).data.layout.name == "msd"
        return
    with pytest.raises(DataError, match=message):
        check.run("heart", data=heart_study, overrides=overrides)


def test_too_few_cases_are_refused(tmp_path: Path) -> None:
    write_heart_study(tmp_path, n_cases=2, seed=0, size_voxels=(16, 16, 12))
    with pytest.raises(DataError, match=r"too few subjects to split: got 2 subjects with labels; wanted at least 3"):
        check.run("heart", data=tmp_path)
    halves = ["data.split.train=0.5", "data.split.val=0.5", "data.split.test=0"]
    assert check.run("heart", data=tmp_path, overrides=halves).data.split.test == 0


def test_absent_data_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data folder not found \(.*gone\)"):
        check.run("heart", data=tmp_path / "gone")
