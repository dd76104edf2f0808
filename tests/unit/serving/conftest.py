"""A bundle of pictures whose network is written by hand, a run of volumes, and images to send them."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import SimpleITK as sitk
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from medweave.core.files import write_json, write_text
from medweave.data.study import InputSource, TargetSource
from medweave.inference.bundle import BundleFolder
from medweave.inference.bundle_description import BundleDescription, NetworkDescription, TrainingFacts
from medweave.inference.prediction import ClassificationHeadInfo, SegmentationHeadInfo
from medweave.inference.predictor import WindowSettings
from medweave.preprocessing.intensity import IntensityNormalisation
from medweave.preprocessing.pipeline import Preprocessor
from medweave.recipes.section import Component
from medweave.serving.served_model import ServedModel, load_model, load_models


def write_graph(path: Path) -> None:
    """Write a network: twice the image is the logit of `bright`, and its mean tells the side."""
    floats, shape = TensorProto.FLOAT, ["batch", 1, "x", "y"]
    nodes = [
        helper.make_node("Mul", ["image.xray", "two"], ["areas"]),
        helper.make_node("ReduceMean", ["image.xray", "axes"], ["features.xray"], keepdims=0),
        helper.make_node("MatMul", ["features.xray", "signs"], ["side"]),
    ]
    graph = helper.make_graph(
        nodes,
        "by_hand",
        [helper.make_tensor_value_info("image.xray", floats, shape)],
        [
            helper.make_tensor_value_info("areas", floats, shape),
            helper.make_tensor_value_info("side", floats, ["batch", 2]),
            helper.make_tensor_value_info("features.xray", floats, ["batch", 1]),
        ],
        [
            numpy_helper.from_array(np.array(2, np.float32), "two"),
            numpy_helper.from_array(np.array([2, 3]), "axes"),
            numpy_helper.from_array(np.array([[0.01, -0.01]], np.float32), "signs"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)


@pytest.fixture(scope="session")
def picture_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound bundle of a model of pictures, called `xray`; do not write into it."""
    folder = BundleFolder(tmp_path_factory.mktemp("bundles") / "xray")
    folder.path.mkdir()
    write_graph(folder.path / "model.onnx")
    write_text(folder.model_card, "# xray\n")
    description = BundleDescription(
        name="by hand",
        created="2026-01-01T00:00:00+00:00",
        versions={"medweave": "0.1.0"},
        training=TrainingFacts(
            data_hash="d" * 64, recipe_hash="r" * 64, cases={"train": 3}, versions={}, git_commit=None, finished=None
        ),
        network=NetworkDescription(
            files=("model.onnx",), opset=18, precision="float32", inputs=("xray",), size_divisors={"xray": (1, 1)}
        ),
        layout=Component(name="table"),
        inputs={
            "xray": InputSource(
                ("image",), Preprocessor(spatial_dims=2, intensity=IntensityNormalisation(method="none"))
            )
        },
        window=WindowSettings(size_voxels={"xray": (8, 8)}),
        segmentations={"areas": SegmentationHeadInfo({"bright": 1}, "sigmoid", "xray", "image")},
        classifications={"side": ClassificationHeadInfo(("left", "right"))},
        targets={"side": TargetSource("side", ("left", "right"))},
        measurements=Component(name="volumes"),
        files=folder.checksums(),
    )
    write_json(folder.description, description.model_dump(mode="json"))
    return folder.path


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
