import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from medweave.runs.checksums import write_checksums
from medweave.runs.folder import RunFolder

#: Keeps its arguments and the files that they name, and whether it was given a token.
FAKE_GH = """folder="$(mktemp -d "$GH_CALLS/$1-XXXXXX")"
printf '%s\\n' "$@" > "$folder/arguments"
printf '%s' "$GH_TOKEN" > "$folder/token"
for argument in "$@"; do [ ! -f "$argument" ] || cp "$argument" "$folder"; done
"""
#: The real command with the real client, which is sent to another address.
MEDWEAVE = """exec "{python}" -c 'import sys, kagglesdk.kaggle_env as of
of._env_to_endpoint[of.KaggleEnv.PROD] = "{url}"
from medweave.cli.main import main
main()' "$@"
"""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """What a finished training leaves, as far as a pull looks at it."""
    run = RunFolder(tmp_path / "at_kaggle")
    summary = {"monitor": "val/score", "best_value": 0.91234, "best_epoch": 3, "epochs": 5, "seconds": 120.0}
    manifest = {"data_hash": "d", "recipe_hash": "r", "requested_recipe": {}, "status": "finished"}
    heads = {"heart": {"kind": "segmentation", "mean_dice": {"mean": 0.9, "ci95": [0.8, 0.95]}}}
    evaluation = {"split": "test", "n_cases": 4, "heads": heads}
    files: dict[Path, object] = {
        run.recipe: "name: heart\n",
        run.manifest: json.dumps(manifest),
        run.split: "{}",
        run.weights: "weights",
        run.last_checkpoint: "checkpoint",
        run.training_summary: json.dumps(summary),
        run.training_summary_markdown: "# heart\n\n**Best val/score: 0.9123**\n\n![](figures/training_curves.png)\n",
        run.training_curves: "picture",
        run.evaluation("test") / "summary.json": json.dumps(evaluation),
        run.evaluation("test") / "figures" / "worst.png": "picture of a patient",
        run.evaluation("test") / "report.html": "picture of a patient",
    }
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(content), encoding="utf-8")
    write_checksums(run)
    return run


@pytest.fixture
def origin(runner: Any, tmp_path: Path) -> Path:
    """The repository at GitHub, checked out on the runner."""
    origin = tmp_path / "origin.git"
    _git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(origin))
    _git(runner.checkout, "clone", "--quiet", str(origin), ".")
    (runner.checkout / ".gitignore").write_text("figures/\n")
    _git(runner.checkout, "add", ".gitignore")
    _git(runner.checkout, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "--message", "Begin")
    _git(runner.checkout, "push", "--quiet", "origin", "HEAD:main")
    return origin


@pytest.fixture
def machine(runner: Any, origin: Path, run: RunFolder, fake_kaggle: Any, tmp_path: Path) -> Any:
    """The runner of a job that was started for the kernel ada/study."""
    files = [path for path in run.path.rglob("*") if path.is_file()]
    fake_kaggle.output = {f"run/{path.relative_to(run.path).as_posix()}": path.read_bytes() for path in files}
    (tmp_path / "calls").mkdir()
    runner.program("gh", FAKE_GH)
    runner.program("medweave", MEDWEAVE.format(python=sys.executable, url=fake_kaggle.url))
    runner.values |= {
        "inputs.kernel": "ada/study",
        "github.token": "t0ken",
        "secrets.KAGGLE_API_TOKEN": fake_kaggle.token,
    }
    runner.variables |= {
        "GH_CALLS": str(tmp_path / "calls"),
        "HOME": os.environ["HOME"],
        "GITHUB_RUN_ID": "77",
        "GITHUB_RUN_ATTEMPT": "1",
        "GITHUB_SHA": _git(runner.checkout, "rev-parse", "HEAD"),
        "GITHUB_REF_NAME": "main",
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_REPOSITORY": "ada/hearts",
    }
    return runner


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def _call(tmp_path: Path, kind: str) -> tuple[list[str], Path]:
    (folder,) = (tmp_path / "calls").glob(f"{kind}-*")
    assert (folder / "token").read_text() == "t0ken"
    return (folder / "arguments").read_text().splitlines(), folder


def test_summary_and_curves_are_committed_with_the_score(
    machine: Any, workflows: Any, origin: Path, run: RunFolder
) -> None:
    done = machine.run(workflows["sync-kaggle.yml"]["jobs"]["sync"])
    assert done.returncode == 0, done.stdout

    branch = "kaggle-ada-study-77-1"
    assert _git(origin, "log", "-1", "--format=%an: %s", branch) == (
        "github-actions[bot]: Add the training of ada/study: best val/score 0.9123 in epoch 3 of 5"
    )
    added = _git(origin, "diff", "--name-only", "main", branch).splitlines()
    folder = "results/kaggle/ada/study"
    assert added == [f"{folder}/figures/training_curves.png", f"{folder}/training_summary.md"]
    assert _git(origin, "show", f"{branch}:{added[1]}") == run.training_summary_markdown.read_text().strip()


def test_the_pull_request_tells_the_score_and_where_the_weights_are(
    machine: Any, workflows: Any, tmp_path: Path
) -> None:
    assert machine.run(workflows["sync-kaggle.yml"]["jobs"]["sync"]).returncode == 0
    arguments, folder = _call(tmp_path, "pr")
    assert arguments[:6] == ["pr", "create", "--head", "kaggle-ada-study-77-1", "--base", "main"]
    assert arguments[-2:] == ["--title", "Training of ada/study: best val/score 0.9123 in epoch 3 of 5"]
    message = (folder / "message.md").read_text(encoding="utf-8")
    assert "- test: heart Dice 0.900 (0.800 to 0.950), 4 cases\n" in message
    assert message.endswith("Weights: https://github.example/ada/hearts/releases/tag/kaggle-ada-study-77-1\n")
    assert machine.summary.startswith("# ada/study\n\n- best val/score 0.9123 in epoch 3 of 5\n")
    assert "**Best val/score: 0.9123**" in machine.summary
    assert "![" not in machine.summary


def test_the_weights_go_into_a_release_without_checkpoints_and_pictures(
    machine: Any, workflows: Any, tmp_path: Path
) -> None:
    assert machine.run(workflows["sync-kaggle.yml"]["jobs"]["sync"]).returncode == 0
    arguments, folder = _call(tmp_path, "release")
    assert arguments[:3] == ["release", "create", "kaggle-ada-study-77-1"]
    assert arguments[4:7] == ["--prerelease", "--target", machine.variables["GITHUB_SHA"]]
    with tarfile.open(folder / "run.tar.gz") as archive:
        names = {member.name for member in archive if member.isfile()}
    assert names == {
        "run/recipe.yaml",
        "run/manifest.json",
        "run/split.json",
        "run/model.safetensors",
        "run/training_summary.json",
        "run/training_summary.md",
        "run/figures/training_curves.png",
        "run/evaluation/test/summary.json",
    }


def test_a_second_start_for_the_same_run_adds_nothing(
    machine: Any, workflows: Any, origin: Path, tmp_path: Path
) -> None:
    job = workflows["sync-kaggle.yml"]["jobs"]["sync"]
    assert machine.run(job).returncode == 0
    _git(machine.checkout, "push", "--quiet", "origin", "HEAD:main")
    _git(machine.checkout, "fetch", "--quiet")
    _git(machine.checkout, "switch", "--quiet", "--detach", "origin/main")
    for path in (tmp_path / "runner" / "temp").iterdir():
        path.rename(tmp_path / path.name)
    machine.values = {name: value for name, value in machine.values.items() if not name.startswith("steps.")}

    assert machine.run(job).returncode == 0

    assert "Nothing is new" in machine.summary
    assert len(list((tmp_path / "calls").iterdir())) == 2


@pytest.mark.parametrize("kernel", ["ada/study; touch stolen", "$(touch stolen)", "../../ada/study"])
def test_an_input_that_is_no_kernel_does_nothing(
    kernel: str, machine: Any, workflows: Any, origin: Path, tmp_path: Path
) -> None:
    machine.values["inputs.kernel"] = kernel
    done = machine.run(workflows["sync-kaggle.yml"]["jobs"]["sync"])
    assert done.returncode == 2
    assert "error: not the name of a kernel at Kaggle" in done.stdout
    assert not list(tmp_path.rglob("stolen"))
    assert _git(origin, "branch", "--format=%(refname:short)") == "main"


def test_a_kernel_that_failed_opens_nothing_and_no_log_shows_the_token(
    machine: Any, workflows: Any, fake_kaggle: Any, tmp_path: Path
) -> None:
    fake_kaggle.state, fake_kaggle.failure = "ERROR", "out of memory"
    done = machine.run(workflows["sync-kaggle.yml"]["jobs"]["sync"])
    assert done.returncode == 1
    assert "got error, out of memory; wanted complete" in done.stdout
    assert fake_kaggle.token not in done.stdout
    assert list((tmp_path / "calls").iterdir()) == []
