import importlib.metadata
import json
import platform
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch

from medweave import __version__
from medweave.core.errors import DataError
from medweave.core.files import write_json
from medweave.runs import manifest


def new() -> dict[str, object]:
    return manifest.new_manifest(
        seed=7, device="cpu", recipe_hash="r1", requested_recipe={"name": "study"}, data_hash="d1"
    )


def test_versions_are_those_that_run() -> None:
    found = manifest.describe_environment()
    assert found["python"] == platform.python_version()
    assert found["platform"] == platform.platform()
    assert found["versions"]["numpy"] == np.__version__
    assert found["versions"]["torch"] == importlib.metadata.version("torch") == torch.__version__
    assert found["versions"]["medweave"] == __version__
    assert found["versions"].keys() == set(manifest.PACKAGES)


def test_package_that_is_absent_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "PACKAGES", ("numpy", "no-such-package"))
    assert manifest.describe_environment()["versions"] == {"numpy": np.__version__, "no-such-package": None}


def test_commit_is_that_of_the_checkout_that_holds_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    monkeypatch.setattr(manifest, "__file__", str(tmp_path / "manifest.py"))
    assert manifest.describe_environment()["git_commit"] is None
    git("init")
    git("commit", "--allow-empty", "-m", "x")
    assert manifest.describe_environment()["git_commit"] == git("rev-parse", "HEAD")


def test_machine_without_git_has_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert manifest.describe_environment()["git_commit"] is None


def test_new_manifest_says_how_the_run_came_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/somewhere/bin/medweave", "train", "heart"])
    content = new()
    assert content["command"] == ["medweave", "train", "heart"]
    assert (content["status"], content["finished"]) == ("running", None)
    assert (content["seed"], content["device"]) == (7, "cpu")
    assert (content["recipe_hash"], content["data_hash"]) == ("r1", "d1")
    assert content["requested_recipe"] == {"name": "study"}
    assert content.items() >= manifest.describe_environment().items()
    json.dumps(content, allow_nan=False)


def test_time_is_in_utc() -> None:
    assert abs(datetime.fromisoformat(manifest.now()) - datetime.now(UTC)) < timedelta(seconds=5)
    assert manifest.now().endswith("+00:00")


def test_written_manifest_comes_back(tmp_path: Path) -> None:
    content = new()
    write_json(tmp_path / "manifest.json", content)
    assert manifest.read_manifest(tmp_path / "manifest.json") == content


@pytest.mark.parametrize("content", [[], {}, {"status": "running"}])
def test_file_that_is_no_manifest_is_refused(content: object, tmp_path: Path) -> None:
    write_json(tmp_path / "manifest.json", content)
    with pytest.raises(DataError, match=r"not the manifest of a run \(.*manifest\.json\): wanted at least data_hash"):
        manifest.read_manifest(tmp_path / "manifest.json")
