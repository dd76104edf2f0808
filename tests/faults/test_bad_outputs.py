"""Outputs that cannot be written or are taken: nothing that is there is touched."""

import pytest

IMAGE = "study/imagesTr/heart_000.nii.gz"
WRITING = {
    "train": ["train", "heart_small", "--data", "study"],
    "predict": ["predict", "run", IMAGE],
    "inspect": ["inspect", "study"],
    "demo": ["demo"],
}


@pytest.fixture(autouse=True)
def _existing(study, run, tmp_path):
    (tmp_path / "file").write_text("dear")
    (tmp_path / "filled").mkdir()
    (tmp_path / "filled/thesis.txt").write_text("dear")


@pytest.mark.parametrize("command", WRITING.values(), ids=WRITING)
@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("filled", "the output folder is not empty (filled). Fix: choose a new folder or empty this one."),
        ("file", "cannot use the output folder (file): got a file in the place of a folder"),
        ("file/below", "cannot use the output folder (file/below): got a file in the place of a folder"),
    ],
)
def test_a_command_never_writes_into_what_is_there(command, output, says, refuse):
    refuse(*command, "--output", output, code=1, says=[says])


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("filled", "the output folder holds something that is no evaluation (filled)"),
        ("file", "cannot write (file): got a file in the place of a folder"),
        ("file/below", "cannot write (file/below): got a file in the place of a folder"),
    ],
)
def test_an_evaluation_replaces_nothing_but_an_evaluation(output, says, refuse):
    refuse("evaluate", "run", "--output", output, code=1, says=[says])


def test_a_recipe_is_not_copied_onto_a_file(refuse):
    refuse("recipes", "copy", "heart_small", "file", code=2, says=["the file exists already (file)"])
    refuse("recipes", "copy", "heart_small", "file/x.yaml", code=1, says=["cannot write (file/x.yaml)"])
