import yaml

from medweave.building.check import complete_recipe
from medweave.recipes.loader import load_recipe


def test_sound_recipe_exits_0(medweave) -> None:
    finished = medweave("check", "heart")
    assert (finished.code, finished.stdout, finished.stderr) == (0, "heart: no problems\n", "")


def test_full_recipe_is_yaml_with_every_default(medweave) -> None:
    finished = medweave("check", "reference/heart_unet3d", "training.max_epochs=3", "--full")
    expected = complete_recipe(load_recipe("reference/heart_unet3d", ["training.max_epochs=3"]), "x")
    assert finished.code == 0
    assert yaml.safe_load(finished.stdout) == expected.model_dump(mode="json")


def test_problems_exit_2_and_are_all_listed(medweave) -> None:
    finished = medweave("check", "heart", "training.batchsize=3", "patches.overlap=1")
    assert (finished.code, finished.stdout) == (2, "")
    assert finished.stderr == (
        "error: recipe heart has 2 problems:\n"
        "  patches.overlap: input should be less than 1, got 1\n"
        "  training.batchsize: unknown key. Did you mean 'batch_size'?\n"
    )


def test_unknown_recipe_exits_2_with_a_suggestion(medweave) -> None:
    finished = medweave("check", "hart")
    assert finished.code == 2
    assert "no recipe 'hart': neither a file nor in the library. Did you mean 'heart'?" in finished.stderr


def test_data_that_do_not_fit_exit_1(medweave, tmp_path) -> None:
    finished = medweave("check", "heart", "--data", tmp_path / "gone")
    assert finished.code == 1
    assert finished.stderr.startswith("error: data folder not found (")
    assert len(finished.stderr.splitlines()) == 1


def test_with_data_the_files_are_next(medweave, heart_study) -> None:
    finished = medweave("check", "heart", "--data", heart_study)
    assert finished.stdout == f"heart: no problems\nnext: medweave inspect {heart_study} --recipe heart\n"
