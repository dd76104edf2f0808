"""Recipes and commands that are wrong: exit code 2, nothing written."""

import pytest


def _train(*changes):
    return ["train", "heart_small", "--data", "study", "--output", "new", *changes]


def test_unknown_keys_are_all_listed_with_suggestions(study, refuse):
    says = [
        "recipe heart_small has 2 problems:",
        "data.split.trian: unknown key. Did you mean 'train'?",
        "training.max_epoch: unknown key. Did you mean 'max_epochs'?",
    ]
    refuse(*_train("training.max_epoch=3", "data.split.trian=1"), code=2, says=says, fix=False)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("training.max_epochs=three", "training.max_epochs: input should be a valid integer"),
        ("optimizer.lr=fast", "optimizer.lr: input should be a valid number"),
        (
            "losses.heart.name=dise_ce",
            "losses.heart.name: unknown loss 'dise_ce'. Did you mean 'dice_ce'? Wanted one of",
        ),
        ("data.layout=acdcc", "data.layout.name: unknown layout 'acdcc'"),
        ("preprocessing.mri.spacing_mm=[1,1]", "preprocessing.mri.spacing_mm: input 'mri' has 3 axes, got [1.0, 1.0]"),
    ],
)
def test_a_wrong_value_is_named_with_its_key(change, says, study, refuse):
    refuse(*_train(change), code=2, says=["recipe heart_small has 1 problem:", says], fix=False)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("training.max_epochs", "cannot read the override 'training.max_epochs': wanted dotted.key=value"),
        ("=3", "cannot read the override '=3'"),
        ("optimizer.lr.x=1", "got lr is 0.003; wanted a table there"),
        ("training.max_epochs=[1", "wanted a YAML value"),
    ],
)
def test_an_override_that_cannot_be_applied_is_shown(change, says, study, refuse):
    refuse(*_train(change), code=2, says=[says], fix=False)


@pytest.mark.parametrize("command", [["check"], ["recipes", "show"], ["recipes", "copy"]], ids=" ".join)
def test_an_unknown_recipe_suggests_one(command, refuse):
    further = ["mine.yaml"] if command[-1] == "copy" else []
    says = ["no recipe 'hart'", "Did you mean 'heart'? Wanted a file, or one of"]
    refuse(*command, "hart", *further, code=2, says=says, fix=False)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"name: [1", "not valid YAML, line 1, column 9: expected ',' or ']'"),
        (b"- a\n- b\n", "a recipe is a table of keys and values"),
        (b"\x1f\x8b\x00", "not a text file in YAML"),
        (b"", "a recipe is a table of keys and values"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(content, says, tmp_path, refuse):
    (tmp_path / "mine.yaml").write_bytes(content)
    refuse("check", "mine.yaml", code=2, says=["recipe mine.yaml has 1 problem:", says], fix=False)


def test_an_unknown_command_suggests_one(refuse):
    refuse("trian", code=2, says=["no command 'trian'. Did you mean 'train'? Fix: `medweave --help` lists them."])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "heart_small", "--dta", "x"], ["error: No such option: --dta", "--data", "medweave train --help"]),
        (["train", "heart_small", "--output", "x"], ["Missing option '--data'"]),
        (["evaluate"], ["error: Missing argument 'model'. Fix: `medweave evaluate --help` tells what it takes."]),
        (["evaluate", "run", "--split", "train"], ["'--split': 'train' is not one of 'val', 'test'"]),
        (["recipes", "shw"], ["No such command 'shw'. Did you mean 'show'?"]),
        (["--bogus"], ["No such option: --bogus", "medweave --help"]),
    ],
)
def test_wrong_usage_says_what_is_there(arguments, says, refuse):
    refuse(*arguments, code=2, says=says)


def test_an_unknown_layout_lists_those_there_are(study, refuse):
    refuse("inspect", "study", "--layout", "mds", code=2, says=["unknown layout 'mds'. Did you mean 'msd'?"], fix=False)
