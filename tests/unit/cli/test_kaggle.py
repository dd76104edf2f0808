import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medweave.core.files import write_json
from medweave.runs.checksums import write_checksums
from medweave.runs.folder import RunFolder
from medweave.workflows import kaggle_train
from medweave.workflows.train import TrainingResult


def test_a_dry_run_prints_the_kernel_and_pushes_nothing(
    no_kaggle_account: None, medweave: Callable[..., Any], tmp_path: Path
) -> None:
    output = tmp_path / "kernel"
    done = medweave("kaggle", "push", "reference/heart_monai", "--data", "owner/heart", "--dry-run", "--output", output)
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"kernel owner/medweave-heart-monai in {output}",
        "dry run: nothing was pushed",
    ]
    assert json.loads((output / "kernel-metadata.json").read_text())["dataset_sources"] == ["owner/heart"]


def test_a_push_says_where_it_runs_and_what_to_do_next(
    fake_kaggle: Any, medweave: Callable[..., Any], tmp_path: Path
) -> None:
    done = medweave("kaggle", "push", "heart_small", "--data", "owner/heart", "--output", tmp_path / "kernel")
    assert done.code == 0
    assert done.stdout.splitlines()[1:] == [
        f"version 1 runs at {fake_kaggle.url}/code/ada/medweave-heart-small",
        "next: medweave kaggle status ada/medweave-heart-small",
    ]


def test_a_push_without_an_account_is_one_line(
    no_kaggle_account: None, medweave: Callable[..., Any], tmp_path: Path
) -> None:
    done = medweave("kaggle", "push", "heart_small", "--data", "owner/heart", "--output", tmp_path / "kernel")
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: no credentials for Kaggle were found. Fix: run `kaggle auth login`")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "kernel").exists()


@pytest.mark.parametrize(
    ("state", "failure", "lines"),
    [
        ("ERROR", "out of memory", ["ada/study: error: out of memory"]),
        ("COMPLETE", None, ["ada/study: complete", "next: medweave kaggle pull ada/study --output RUN"]),
    ],
)
def test_status_tells_the_state(
    state: str, failure: str | None, lines: list[str], fake_kaggle: Any, medweave: Callable[..., Any]
) -> None:
    fake_kaggle.state, fake_kaggle.failure = state, failure
    assert medweave("kaggle", "status", "ada/study").stdout.splitlines() == lines


def test_a_pull_tells_the_scores(
    fake_kaggle: Any, tiny_run: Path, medweave: Callable[..., Any], tmp_path: Path
) -> None:
    run = RunFolder(Path(shutil.copytree(tiny_run, tmp_path / "run")))
    heads = {
        "heart": {"kind": "segmentation", "mean_dice": {"mean": 0.8768, "ci95": [0.8, 0.9]}},
        "stage": {"kind": "classification", "balanced_accuracy": {"mean": 0.75, "ci95": [None, None]}},
        "unseen": {"kind": "classification", "balanced_accuracy": None},
    }
    write_json(run.evaluation("test") / "summary.json", {"split": "test", "n_cases": 4, "heads": heads})
    write_checksums(run)
    files = [path for path in run.path.rglob("*") if path.is_file()]
    fake_kaggle.output = {f"run/{path.relative_to(run.path).as_posix()}": path.read_bytes() for path in files}

    done = medweave("kaggle", "pull", "ada/study", "--output", tmp_path / "pulled")

    summary = json.loads(run.training_summary.read_text())
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"best val/score {summary['best_value']:.4f} in epoch 1 of 1",
        "test: heart Dice 0.877 (0.800 to 0.900), 4 cases",
        "test: stage balanced accuracy 0.750, 4 cases",
        f"{summary['seconds'] / 60:.1f} minutes; {tmp_path / 'pulled'}",
    ]


def test_training_there_is_given_all_that_was_asked(
    medweave: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, object] = {}

    def run(recipe: str, **arguments: object) -> TrainingResult:
        given.update(arguments, recipe=recipe)
        return TrainingResult(RunFolder(Path("run")), {"monitor": "val/score", "best_value": 0.5})

    monkeypatch.setattr(kaggle_train, "run", run)
    where = ("--data", "owner/heart", "--folder", "training", "--output", "run", "--input", tmp_path)
    done = medweave("kaggle", "train", "heart_small", *where, "training.max_epochs=1")

    assert done.stdout.splitlines()[0] == "run: best val/score 0.5000"
    del given["on_progress"]
    assert given == {
        "recipe": "heart_small",
        "data_set": "owner/heart",
        "data_folder": "training",
        "output": Path("run"),
        "input_root": tmp_path,
        "overrides": ["training.max_epochs=1"],
    }


def test_a_damaged_run_is_one_line(
    fake_kaggle: Any, tiny_run: Path, medweave: Callable[..., Any], tmp_path: Path
) -> None:
    run = RunFolder(Path(shutil.copytree(tiny_run, tmp_path / "run")))
    write_checksums(run)
    fake_kaggle.output = {f"run/{run.checksums.name}": run.checksums.read_bytes()}
    done = medweave("kaggle", "pull", "ada/study", "--output", tmp_path / "pulled")
    assert done.code == 1
    assert done.stderr.startswith("error: the run has not arrived whole: got absent: ")
    assert len(done.stderr.splitlines()) == 1
