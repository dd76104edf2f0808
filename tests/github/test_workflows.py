import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
#: What a job may do beyond reading, and why.
WRITES = {
    ("docs.yml", "publish"): {"pages": "write", "id-token": "write"},
    ("release.yml", "publish"): {"id-token": "write"},
    ("release.yml", "announce"): {"contents": "write"},
    ("sync-kaggle.yml", "sync"): {"contents": "write", "pull-requests": "write"},
}
Workflows = dict[str, dict[Any, Any]]


def _jobs(workflows: Workflows) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for file, workflow in workflows.items():
        for name, job in workflow["jobs"].items():
            yield file, name, job


def _steps(workflows: Workflows) -> list[tuple[str, dict[str, Any]]]:
    return [(file, step) for file, _, job in _jobs(workflows) for step in job["steps"]]


def _validate(*files: Path) -> "subprocess.CompletedProcess[str]":
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.github-workflows",
        *map(str, files),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_workflow_is_there_and_fits_the_schema() -> None:
    assert [path.name for path in FILES] == ["ci.yml", "docs.yml", "release.yml", "sync-kaggle.yml"]
    done = _validate(*FILES)
    assert (done.returncode, done.stdout.strip()) == (0, "ok -- validation done")


def test_the_schema_refuses_a_misspelled_key(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text((FOLDER / "ci.yml").read_text(encoding="utf-8").replace("runs-on", "run-on"), encoding="utf-8")
    done = _validate(broken)
    assert done.returncode == 1
    assert "run-on" in done.stdout


def test_no_input_is_written_into_a_shell_command(workflows: Workflows) -> None:
    scripts = [(file, step["run"]) for file, step in _steps(workflows) if "run" in step]
    assert len(scripts) > 12
    assert [file for file, script in scripts if "${{" in script] == []


def test_every_script_is_bash_without_mistakes_of_syntax(workflows: Workflows) -> None:
    if sys.platform == "win32":
        pytest.skip("bash there may be that of a Linux subsystem")
    for file, step in _steps(workflows):
        if "run" in step:
            checked = subprocess.run(["bash", "-n", "-c", step["run"]], capture_output=True, text=True, check=False)
            assert checked.stderr == "", file


def test_every_action_is_pinned_to_a_major_version(workflows: Workflows) -> None:
    used = {step["uses"] for _, step in _steps(workflows) if "uses" in step}
    assert len(used) > 5
    assert [action for action in used if not re.fullmatch(r"[\w-]+/[\w-]+@(release/)?v\d+", action)] == []


def test_a_job_may_do_what_it_needs_and_no_more(workflows: Workflows) -> None:
    assert {file: flow["permissions"] for file, flow in workflows.items()} == {
        "ci.yml": {"contents": "read"},
        "docs.yml": {"contents": "read"},
        "release.yml": {"contents": "read"},
        "sync-kaggle.yml": {},
    }
    own = {(file, name): job["permissions"] for file, name, job in _jobs(workflows) if "permissions" in job}
    assert own == WRITES


def test_only_the_job_that_pushes_keeps_the_token_in_its_checkout(workflows: Workflows) -> None:
    kept = [
        file
        for file, step in _steps(workflows)
        if step.get("uses", "").startswith("actions/checkout") and step.get("with", {}).get("persist-credentials", True)
    ]
    assert kept == ["sync-kaggle.yml"]


def test_a_secret_is_seen_by_one_step_alone(workflows: Workflows) -> None:
    assert [file for file in FILES if "secrets." in file.read_text(encoding="utf-8")] == [FOLDER / "sync-kaggle.yml"]
    steps = [
        step for _, step in _steps(workflows) if any("secrets." in value for value in step.get("env", {}).values())
    ]
    assert [step["env"] for step in steps] == [{"KAGGLE_API_TOKEN": "${{ secrets.KAGGLE_API_TOKEN }}"}]
    assert (FOLDER / "sync-kaggle.yml").read_text(encoding="utf-8").count("secrets.") == 1


def test_no_job_runs_forever_or_beside_itself(workflows: Workflows) -> None:
    assert [(file, name) for file, name, job in _jobs(workflows) if job["timeout-minutes"] > 90] == []
    assert [file for file, workflow in workflows.items() if not workflow["concurrency"]["group"]] == []


def test_tests_run_on_three_systems_and_three_pythons(workflows: Workflows) -> None:
    job = workflows["ci.yml"]["jobs"]["test"]
    assert job["strategy"]["matrix"] == {
        "os": ["ubuntu-latest", "macos-latest", "windows-latest"],
        "python": ["3.11", "3.12", "3.13"],
    }
    assert job["steps"][-1]["run"] == 'python -m pytest -n auto -m "not slow and not gpu and not browser"'


def test_kaggles_kernel_is_asked_for(workflows: Workflows) -> None:
    started = workflows["sync-kaggle.yml"][True]  # YAML 1.1 reads the key `on` as true
    assert list(started) == ["workflow_dispatch"]
    assert started["workflow_dispatch"]["inputs"]["kernel"]["required"] is True


def test_publishing_needs_no_password_and_a_tried_wheel(workflows: Workflows) -> None:
    jobs = workflows["release.yml"]["jobs"]
    assert (jobs["publish"]["needs"], jobs["test"]["needs"], jobs["announce"]["needs"]) == ("test", "build", "publish")
    assert jobs["publish"]["steps"][-1] == {"uses": "pypa/gh-action-pypi-publish@release/v1"}
