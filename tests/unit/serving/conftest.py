"""A loaded bundle of pictures and a loaded run of volumes, and images to send them."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from medweave.serving.served_model import ServedModel, load_model, load_models


@pytest.fixture(scope="session")
def served(picture_bundle: Path, tiny_run: Path) -> dict[str, ServedModel]:
    """The loaded models: `xray`, and the run of volumes `heart`."""
    return {**load_models([picture_bundle]), "heart": load_model(tiny_run, name="heart")}


@pytest.fixture(scope="session")
def picture() -> bytes:
    """A PNG of 6 x 4 pixels, half black and half 200."""
    values = np.zeros((4, 6), np.uint8)
    values[:, 3:] = 200
    return encoded(values)


@pytest.fixture(scope="session")
def volume(heart_study: Path) -> bytes:
    """A phantom heart, gzipped NIfTI."""
    return sorted((heart_study / "imagesTr").glob("*.nii.gz"))[0].read_bytes()


@pytest.fixture
def nifti(tmp_path: Path) -> Callable[..., bytes]:
    """Return the bytes of a NIfTI file of some voxels."""

    def write(values: Any, *, spacing_mm: tuple[float, ...] = (1.0, 1.0, 1.0), suffix: str = ".nii") -> bytes:
        image = sitk.GetImageFromArray(np.asarray(values))
        image.SetSpacing(spacing_mm)
        path = tmp_path / f"written{suffix}"
        sitk.WriteImage(image, str(path))
        return path.read_bytes()

    return write


def encoded(values: Any, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, kind)
    return stream.getvalue()


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    """Return the bytes of a picture, PNG or JPEG."""
    return encoded
