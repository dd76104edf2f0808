import shutil
import subprocess
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest

from medweave import __version__
from medweave.recipes.loader import library_names

ROOT = Path(__file__).parents[2]
SOURCES = ("src", "pyproject.toml", "constraints.txt", "README.md", "LICENSE")


@pytest.fixture
def machine(runner: Any) -> Any:
    """A runner with the sources checked out at the tag of this version."""
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / name, runner.checkout / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, runner.checkout)
    changelog = (
        f"# Changelog\n\n## [Unreleased]\n\n- Soon.\n\n## [{__version__}]\n\n- A thing.\n\n## [0.0.1]\n\n- Old.\n"
    )
    (runner.checkout / "CHANGELOG.md").write_text(changelog, encoding="utf-8")
    runner.variables |= {"GITHUB_REF_NAME": f"v{__version__}", "GITHUB_REPOSITORY": "ada/hearts"}
    return runner


@pytest.fixture
def installed_packages(tmp_path: Path) -> Path:
    """What is installed here, but neither medweave nor pip, for an environment that cannot fetch anything."""
    folder = tmp_path / "packages"
    folder.mkdir()
    for path in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not path.name.startswith(("medweave", "__editable__", "pip")) and path.suffix != ".pth":
            (folder / path.name).symlink_to(path)
    return folder


def _only(job: dict[str, Any], *names: str) -> dict[str, Any]:
    steps = [step for step in job["steps"] if step.get("name") in names]
    assert len(steps) == len(names)
    return {"steps": steps}


CHECK = "Check that the tag is the version, and that the changelog tells of it"


def test_a_tag_that_is_not_the_version_stops_the_release(machine: Any, workflows: Any) -> None:
    machine.variables["GITHUB_REF_NAME"] = "v9.9.9"
    done = machine.run(_only(workflows["release.yml"]["jobs"]["build"], CHECK))
    assert done.returncode == 1
    assert f"::error::the tag is v9.9.9, the version in pyproject.toml {__version__}" in done.stdout


def test_a_changelog_without_the_version_stops_the_release(machine: Any, workflows: Any) -> None:
    (machine.checkout / "CHANGELOG.md").write_text("## [Unreleased]\n\n- Soon.\n")
    done = machine.run(_only(workflows["release.yml"]["jobs"]["build"], CHECK))
    assert done.returncode == 1
    assert f"::error::CHANGELOG.md has no section [{__version__}]" in done.stdout


def test_the_release_is_made_of_the_wheel_and_the_versions_notes(machine: Any, workflows: Any, tmp_path: Path) -> None:
    jobs = workflows["release.yml"]["jobs"]
    assert machine.run(_only(jobs["build"], CHECK)).returncode == 0
    assert (machine.checkout / "notes" / "notes.md").read_text() == "\n- A thing.\n\n"
    (machine.checkout / "dist").mkdir()
    (machine.checkout / "dist" / "a.whl").touch()
    machine.values["github.token"] = "t0ken"
    machine.program("gh", f'printf "%s\\n" "$GH_TOKEN" "$@" > "{tmp_path}/called"\n')
    assert machine.run(jobs["announce"]).returncode == 0
    assert (tmp_path / "called").read_text().splitlines() == [
        *("t0ken", "release", "create", f"v{__version__}", "dist/a.whl", "--repo", "ada/hearts", "--verify-tag"),
        *("--title", f"medweave {__version__}", "--notes-file", "notes/notes.md"),
    ]


@pytest.mark.slow
def test_the_wheel_is_built_and_works_where_nothing_else_of_the_sources_is(
    machine: Any, workflows: Any, installed_packages: Path
) -> None:
    jobs = workflows["release.yml"]["jobs"]
    built = machine.run(jobs["build"])
    assert built.returncode == 0, built.stdout
    (wheel,) = (machine.checkout / "dist").glob("*.whl")
    assert len(list((machine.checkout / "dist").glob("*.tar.gz"))) == 1
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"medweave/recipes/library/{name}.yaml" for name in library_names()} <= names
    assert "medweave/py.typed" in names

    shutil.rmtree(machine.checkout / "src")
    machine.variables |= {
        "PYTHONPATH": str(installed_packages),
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "MEDWEAVE_CACHE": str(machine.folder / "cache"),
    }
    tried = machine.run(jobs["test"])

    assert tried.returncode == 0, tried.stdout
    assert tried.stdout.splitlines()[0] == __version__
    assert (machine.checkout / "run" / "evaluation" / "test" / "report.html").is_file()
    where = "import medweave; print(medweave.__file__)"
    found = subprocess.run(
        [machine.checkout / "clean/bin/python", "-c", where],
        env=machine.variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(found.stdout.strip()).is_relative_to(machine.checkout / "clean")
