"""The workflows, and a runner for the shell steps of their jobs."""

import os
import re
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
#: How GitHub calls `shell: bash`.
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
NOT_EMPTY = re.compile(r"(steps\.\w+\.outputs\.\w+) != ''")


@pytest.fixture(scope="session")
def workflows() -> dict[str, dict[Any, Any]]:
    """The content of each workflow by its file's name."""
    return {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yml"))}


@dataclass
class Runner:
    """Runs the `run` steps of a job one after the other, as GitHub does, with programs of its own in front of the PATH.

    Attributes:
        folder: Everything lies in it: `checkout` (the working directory), `temp`, `bin`.
        values: What expressions stand for.
        variables: Environment of every step.
    """

    folder: Path
    values: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("checkout", "temp", "bin"):
            (self.folder / name).mkdir()
        inherited = {name: os.environ[name] for name in ("LANG", "HOME", "OMP_NUM_THREADS") if name in os.environ}
        self.variables = {
            **inherited,
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "RUNNER_TEMP": str(self.folder / "temp"),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
            **self.variables,
        }

    @property
    def checkout(self) -> Path:
        return self.folder / "checkout"

    @property
    def summary(self) -> str:
        return (self.folder / "summary.md").read_text(encoding="utf-8")

    def program(self, name: str, script: str) -> None:
        """Put a program in front of the PATH."""
        path = self.folder / "bin" / name
        path.write_text(f"#!/usr/bin/env bash\n{script}", encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def run(self, job: dict[str, Any]) -> "subprocess.CompletedProcess[str]":
        """Run the steps until one fails, and return how the last that ran has ended."""
        done: subprocess.CompletedProcess[str] | None = None
        printed = ""
        for step in job["steps"]:
            if "run" not in step or not self._applies(step):
                continue
            variables = {**self.variables, **self._resolved(job.get("env", {})), **self._resolved(step.get("env", {}))}
            done = subprocess.run(
                [*BASH, step["run"]], cwd=self.checkout, env=variables, capture_output=True, text=True, check=False
            )
            printed += done.stdout + done.stderr
            if done.returncode:
                break
            self._take_outputs(step.get("id", ""))
        assert done is not None
        done.stdout = printed
        return done

    def _applies(self, step: dict[str, Any]) -> bool:
        if "if" not in step:
            return True
        named = NOT_EMPTY.fullmatch(step["if"])
        assert named, step["if"]
        return self.values.get(named[1], "") != ""

    def _resolved(self, variables: dict[str, str]) -> dict[str, str]:
        return {
            name: re.sub(r"\$\{\{ (.+?) \}\}", lambda found: self.values[found[1]], value)
            for name, value in variables.items()
        }

    def _take_outputs(self, step_id: str) -> None:
        written = self.folder / "output"
        for line in written.read_text(encoding="utf-8").splitlines() if written.exists() else []:
            name, _, value = line.partition("=")
            self.values[f"steps.{step_id}.outputs.{name}"] = value
        written.unlink(missing_ok=True)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A machine of GitHub's on which `python -m pip install` of the job's own tools does nothing."""
    if sys.platform == "win32" or shutil.which("bash") is None:
        pytest.skip("the jobs that this runs are for Linux")
    (tmp_path / "runner").mkdir()
    runner = Runner(tmp_path / "runner")
    runner.program("python", f'[ "$1 $2" = "-m pip" ] || exec "{sys.executable}" "$@"\n')
    return runner
