"""Fixtures that several test folders share."""

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from medweave.cli.main import main
from medweave.phantoms.heart import write_heart_study

SHARED_DATA = Path(__file__).parents[1] / "../shared/data"

# What medweave.inference.backends.torch does before its first convolution; some tests run one before it, and the
# faulty kernels would then end the whole process.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_FP16")


@pytest.fixture(scope="session")
def heart_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six small phantom cases in MSD layout; do not write into it."""
    root = tmp_path_factory.mktemp("heart_study")
    write_heart_study(root, n_cases=6, seed=0, size_voxels=(32, 32, 24))
    return root


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real example data; skips the test where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real example data are not on this machine")
    return SHARED_DATA.resolve()


@dataclass(frozen=True)
class Finished:
    """What a command left behind: its exit code and all that it wrote to its two streams."""

    code: int
    stdout: str
    stderr: str


def _call(patch: pytest.MonkeyPatch, arguments: tuple[object, ...]) -> int:
    """Run the command line in this process, with logging and environment as in a process of its own."""
    patch.setattr(sys, "argv", ["medweave", *map(str, arguments)])
    patch.setattr(logging.getLogger(), "handlers", [])
    patch.setattr(logging.getLogger(), "level", logging.WARNING)
    patch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    with warnings.catch_warnings(), pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture
def medweave(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Finished]:
    """Run the command line and return what it left behind."""

    def run(*arguments: object) -> Finished:
        capfd.readouterr()
        return Finished(_call(monkeypatch, arguments), *capfd.readouterr())

    return run


@pytest.fixture(scope="session")
def prepare_with() -> Callable[..., None]:
    """Run a command line that must succeed, for fixtures that live longer than a test."""

    def run(*arguments: object) -> None:
        with pytest.MonkeyPatch.context() as patch:
            assert _call(patch, arguments) == 0, arguments

    return run


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what tests preprocess out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDWEAVE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny_overrides() -> tuple[str, ...]:
    """What makes the recipe `heart_small` train in a second."""
    return (
        "training.max_epochs=1",
        "training.loader_workers=0",
        "model.encoders.mri.channels=[4,8,8]",
        "preprocessing.mri.spacing_mm=[8,8,8]",
    )


@pytest.fixture(scope="session")
def tiny_run(
    tmp_path_factory: pytest.TempPathFactory,
    heart_study: Path,
    tiny_overrides: tuple[str, ...],
    prepare_with: Callable[..., None],
) -> Path:
    """A run of one epoch on `heart_study`; copy it before changing it."""
    folder = tmp_path_factory.mktemp("tiny") / "run"
    prepare_with("train", "heart_small", "--data", heart_study, "--output", folder, *tiny_overrides)
    return folder
