"""From uploaded images to everything that the page shows of them; nothing of it stays on disk."""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import BinaryIO

import SimpleITK as sitk

from medweave import __version__
from medweave.core.errors import DataError
from medweave.data.case import Case
from medweave.inference.prediction import Prediction, SegmentationHeadInfo
from medweave.inference.writers.attention import write_attention
from medweave.inference.writers.nifti import NiftiWriter
from medweave.inference.writers.overlay import OverlayWriter
from medweave.inference.writers.picture import write_picture
from medweave.preprocessing.geometry import Grid
from medweave.preprocessing.readers.medical import read_channels, read_label_map
from medweave.serving.admission import Admission
from medweave.serving.answer import Answer, answer_of
from medweave.serving.app.example import example_case
from medweave.serving.limits import Limits
from medweave.serving.served_model import ServedModel
from medweave.serving.uploaded_case import read_uploaded, without_paths
from medweave.serving.watch import TimeIsUpError, count_passes

#: One prediction at a time, whoever asks: a model can be used by one thread only.
PREDICTING = Lock()

OnProgress = Callable[[float], None]


@dataclass(frozen=True)
class ShownSegmentation:
    """A predicted label map with the image that it lies on.

    Attributes:
        info: What the labels mean.
        image: First channel of the image.
        label_map: On its grid.
        nifti: The image as compressed NIfTI; empty in 2D.
        mask: The label map as compressed NIfTI.
        overlay: Picture with outlines, PNG.
        truth: True label map, where it is known.
    """

    info: SegmentationHeadInfo
    image: sitk.Image
    label_map: sitk.Image
    nifti: bytes = field(repr=False)
    mask: bytes = field(repr=False)
    overlay: bytes = field(repr=False)
    truth: sitk.Image | None = None


@dataclass(frozen=True)
class ShownPrediction:
    """What the page shows of a prediction.

    Attributes:
        model: Name of the model.
        answer: In numbers.
        document: The same as JSON, to keep.
        segmentations: By head.
        picture: The image under its classes, PNG; None where there are structures or heat maps.
        attention: Pictures, PNG, of where the network looked, by head and input.
        can_explain: Whether the model can tell where it looks.
    """

    model: str
    answer: Answer
    document: str
    segmentations: Mapping[str, ShownSegmentation]
    picture: bytes | None
    attention: Mapping[str, bytes]
    can_explain: bool


def predict_upload(
    model: ServedModel,
    images: Mapping[str, BinaryIO],
    *,
    attributes: Mapping[str, str] | None = None,
    limits: Limits,
    on_progress: OnProgress,
) -> ShownPrediction:
    """Predict uploaded images.

    Args:
        model: That predicts.
        images: Uploaded files by image name.
        attributes: Further facts of the case, as text ("height_cm").
        limits: What they must keep.
        on_progress: Called with the share that is done.

    Raises:
        DataError: An image is refused or cannot be used, or the prediction takes too long.
    """
    with _private_folder() as folder:
        admission = Admission(folder, limits)
        admitted = {name: admission.admit(file, name, model.preprocessors[name]) for name, file in images.items()}
        case = Case("upload", "upload", admitted, attributes=attributes or {})
        return _predict(model, case, folder, limits=limits, on_progress=on_progress)


def predict_example(model: ServedModel, *, limits: Limits, on_progress: OnProgress) -> ShownPrediction:
    """Predict an example that is drawn for the model; arguments and errors are as of `predict_upload`."""
    with _private_folder() as folder:
        case = replace(example_case(model, folder), case_id="example", targets={})
        return _predict(model, case, folder, limits=limits, on_progress=on_progress)


def read_truth(content: BinaryIO, shown: ShownSegmentation, model: ServedModel, *, limits: Limits) -> sitk.Image:
    """Read an uploaded true label map of a head.

    Raises:
        DataError: It is refused, cannot be used, or does not lie on the image's grid.
    """
    name = shown.info.image_name
    with _private_folder() as folder:
        path = Admission(folder, limits).admit(content, name, model.preprocessors[name])
        try:
            truth = read_label_map(
                path, spatial_dims=shown.label_map.GetDimension(), merged_values=shown.info.merged_values
            )
        except DataError as error:
            raise without_paths(error, Case("truth", "truth", {"mask": path})) from error
    difference = Grid.of(shown.label_map).difference(Grid.of(truth))
    if difference:
        raise DataError(
            "the mask does not lie on the image's grid", got=difference, fix="give the mask of this very image."
        )
    return truth


@contextmanager
def _private_folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="medweave-app-") as name:  # for its owner alone
        yield Path(name)


def _predict(
    model: ServedModel, case: Case, folder: Path, *, limits: Limits, on_progress: OnProgress
) -> ShownPrediction:
    predictor = model.predictor
    with PREDICTING:
        read = read_uploaded(predictor, case)
        model.watch.start(seconds=limits.job_s, passes=count_passes(predictor, read.inputs), on_progress=on_progress)
        try:
            (outputs,) = predictor.run([read.inputs])
            prediction = predictor.complete(read, outputs, explain=predictor.can_explain)
        except TimeIsUpError as error:
            raise DataError(
                "the prediction took longer than it may", wanted=f"at most {limits.job_s:g} s", fix="send less."
            ) from error
        except DataError as error:
            raise without_paths(error, case) from error
    return _shown(model, case, prediction, folder)


def _shown(model: ServedModel, case: Case, prediction: Prediction, folder: Path) -> ShownPrediction:
    answer = answer_of(prediction, case, model)
    source, heads = model.predictor.source, model.predictor.segmentation_heads
    attention = {
        path.stem.removeprefix(f"{case.case_id}_").replace("_attention_", ", "): path.read_bytes()
        for head in prediction.classifications
        for path in write_attention(prediction, head, case=case, source=source, segmentation_heads=heads, folder=folder)
    }
    pictures = write_picture(prediction, case=case, source=source, folder=folder)
    return ShownPrediction(
        model=model.name,
        answer=answer,
        document=json.dumps(
            {
                "model": model.name,
                "model_sha256": model.description.sha256,
                "medweave": __version__,
                "answer": answer.model_dump(mode="json", exclude_none=True),
            },
            indent=2,
        ),
        segmentations={
            head: _segmentation(prediction, head, case=case, info=heads[head], folder=folder)
            for head in prediction.segmentations
        },
        picture=pictures[0].read_bytes() if pictures else None,
        attention=attention,
        can_explain=model.predictor.can_explain,
    )


def _segmentation(
    prediction: Prediction, head: str, *, case: Case, info: SegmentationHeadInfo, folder: Path
) -> ShownSegmentation:
    label_map = prediction.segmentations[head].label_map
    spatial_dims = label_map.GetDimension()
    path = case.images[info.image_name]
    (mask,) = NiftiWriter().write(prediction, head, case=case, info=info, folder=folder)
    (overlay,) = OverlayWriter().write(prediction, head, case=case, info=info, folder=folder)
    truth_path = case.label_maps.get(info.image_name)
    truth = truth_path and read_label_map(truth_path, spatial_dims=spatial_dims, merged_values=info.merged_values)
    return ShownSegmentation(
        info,
        read_channels(path, spatial_dims=spatial_dims)[0],
        label_map,
        nifti=_compressed(path) if spatial_dims == 3 else b"",
        mask=mask.read_bytes(),
        overlay=overlay.read_bytes(),
        truth=truth,
    )


def _compressed(path: Path) -> bytes:
    content = path.read_bytes()
    return content if path.suffix == ".gz" else gzip.compress(content, compresslevel=1)
