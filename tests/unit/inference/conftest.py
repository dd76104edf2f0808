"""A bundle whose network is written by hand: logits are twice the image, and its mean tells the side."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import SimpleITK as sitk
from onnx import TensorProto, helper, numpy_helper

from medweave.core.files import write_json
from medweave.data.case import Case
from medweave.data.study import InputSource, TargetSource
from medweave.inference.bundle import BundleFolder
from medweave.inference.bundle_description import BundleDescription, MeasuredHead, NetworkDescription, TrainingFacts
from medweave.inference.prediction import ClassificationHeadInfo, SegmentationHeadInfo
from medweave.inference.predictor import WindowSettings
from medweave.measurement_classifiers.classifier import LinearScores, MeasurementClassifier
from medweave.preprocessing.geometry import Grid, to_image
from medweave.preprocessing.intensity import IntensityNormalisation
from medweave.preprocessing.pipeline import Preprocessor
from medweave.recipes.section import Component

CLASSIFIER = MeasurementClassifier(
    method="by hand",
    classes=["small", "large"],
    measurements=["heart_blood_volume"],
    medians=[0.5],
    means=[0.0],
    scales=[1.0],
    shares=[0.5, 0.5],
    scores=LinearScores([[-1.0], [1.0]], [0.5, -0.5]),
)


def write_graph(path: Path) -> None:
    """Write the network of one input `mri`."""
    floats, shape = TensorProto.FLOAT, ["batch", 1, "x", "y", "z"]
    nodes = [
        helper.make_node("Mul", ["image.mri", "two"], ["heart"]),
        helper.make_node("ReduceMean", ["image.mri", "axes"], ["features.mri"], keepdims=0),
        helper.make_node("MatMul", ["features.mri", "signs"], ["side"]),
    ]
    graph = helper.make_graph(
        nodes,
        "by_hand",
        [helper.make_tensor_value_info("image.mri", floats, shape)],
        [
            helper.make_tensor_value_info("heart", floats, shape),
            helper.make_tensor_value_info("side", floats, ["batch", 2]),
            helper.make_tensor_value_info("features.mri", floats, ["batch", 1]),
        ],
        [
            numpy_helper.from_array(np.array(2, np.float32), "two"),
            numpy_helper.from_array(np.array([2, 3, 4]), "axes"),
            numpy_helper.from_array(np.array([[1, -1]], np.float32), "signs"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, path)


def describe() -> BundleDescription:
    """Describe the model, with no file in it yet."""
    return BundleDescription(
        name="by hand",
        created="2026-01-01T00:00:00+00:00",
        versions={"medweave": "0.1.0"},
        training=TrainingFacts(
            data_hash="d" * 64, recipe_hash="r" * 64, cases={"train": 3}, versions={}, git_commit=None, finished=None
        ),
        network=NetworkDescription(
            files=("model.onnx",), opset=18, precision="float32", inputs=("mri",), size_divisors={"mri": (2, 2, 2)}
        ),
        layout=Component(name="msd"),
        inputs={"mri": InputSource(("image",), Preprocessor(intensity=IntensityNormalisation(method="none")))},
        window=WindowSettings(size_voxels={"mri": (8, 8, 8)}),
        segmentations={"heart": SegmentationHeadInfo({"blood": 3}, "sigmoid", "mri", "image")},
        classifications={"side": ClassificationHeadInfo(("left", "right"), temperature=2.0)},
        targets={"side": TargetSource("side", ("left", "right")), "size": TargetSource("size", ("small", "large"))},
        measurements=Component(name="volumes"),
        measured_heads={
            "size": MeasuredHead(head="size", classes=("small", "large"), classifier="measurement_classifier_size.json")
        },
        files={},
    )


def seal(folder: BundleFolder, description: BundleDescription) -> None:
    """Write bundle.json with the hashes of the files that are there."""
    complete = description.model_copy(update={"files": folder.checksums()})
    write_json(folder.description, complete.model_dump(mode="json"))


@pytest.fixture
def bundle(tmp_path: Path) -> BundleFolder:
    """A sound bundle, which a test may damage."""
    folder = BundleFolder(tmp_path / "bundle")
    folder.path.mkdir()
    write_graph(folder.path / "model.onnx")
    CLASSIFIER.save(folder.measurement_classifier("size"))
    seal(folder, describe())
    return folder


@pytest.fixture
def reseal() -> Callable[[BundleFolder, BundleDescription], None]:
    """Write the description of a bundle anew."""
    return seal


@pytest.fixture
def bundle_case(tmp_path: Path) -> Case:
    """An image of odd size: 1 in one half, -1 in the other, but for a few voxels."""
    values = np.where(np.arange(5)[:, None, None] < 3, 1.0, -1.0) * np.ones((5, 4, 3))
    image = to_image(values.astype(np.float32), Grid((5, 4, 3), (2.0, 2.0, 2.5), (0.0,) * 3, tuple(np.eye(3).ravel())))
    sitk.WriteImage(image, str(tmp_path / "image.nii.gz"))
    return Case("c1", "s1", images={"image": tmp_path / "image.nii.gz"})
