"""Masks and overlays of a prediction, made when they are asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import SimpleITK as sitk

from medweave.inference.prediction import Prediction
from medweave.inference.writers.nifti import NiftiWriter
from medweave.inference.writers.overlay import OverlayWriter
from medweave.inference.writers.picture import write_picture
from medweave.serving.rest.job import Job
from medweave.serving.rest.problem import Problem


def store_label_maps(prediction: Prediction, folder: Path) -> Prediction:
    """Move the label maps of a prediction from memory to a folder, uncompressed, which is quick."""
    segmentations = {}
    for position, (head, found) in enumerate(prediction.segmentations.items()):
        sitk.WriteImage(found.label_map, str(_label_map(folder, position)))
        segmentations[head] = replace(found, label_map=sitk.Image())
    return replace(prediction, segmentations=segmentations)


def mask(job: Job, head: str | None) -> bytes:
    """Return the label map of a head as compressed NIfTI.

    Raises:
        Problem: The prediction has no such label map, or its time is over.
    """
    with _explained(job):
        prediction, head = _restored(job), _head(job, head)
        if head is None:
            raise Problem(HTTPStatus.NOT_FOUND, "no-mask", "This model has no structures.")
        info = job.model.predictor.segmentation_heads[head]
        return _content(NiftiWriter().write(prediction, head, case=job.case, info=info, folder=job.folder))


def overlay(job: Job, head: str | None) -> bytes:
    """Return a picture of the structures of a head, or of the image where there are only classes, as PNG.

    Raises:
        Problem: The prediction has no such head, or its time is over.
    """
    with _explained(job):
        prediction, head = _restored(job), _head(job, head)
        if head is None:
            source = job.model.predictor.source
            return _content(write_picture(prediction, case=job.case, source=source, folder=job.folder))
        info = job.model.predictor.segmentation_heads[head]
        return _content(OverlayWriter().write(prediction, head, case=job.case, info=info, folder=job.folder))


@contextmanager
def _explained(job: Job) -> Iterator[None]:
    """Say of whatever fails since the folder was removed in the meantime that the answer is not kept any more."""
    try:
        yield
    except Exception as error:
        if job.folder.is_dir():
            raise
        raise Problem(HTTPStatus.NOT_FOUND, "unknown-prediction", "The answer is not kept any more.") from error


def _head(job: Job, head: str | None) -> str | None:
    heads = list(job.answer.segmentations) if job.answer else []
    if head is None:
        return heads[0] if heads else None
    if head not in heads:
        raise Problem(
            HTTPStatus.NOT_FOUND, "unknown-head", f"The prediction has label maps of: {', '.join(heads) or 'no head'}."
        )
    return head


def _restored(job: Job) -> Prediction:
    """Return the prediction with its label maps."""
    if job.status != "done" or job.prediction is None:
        raise Problem(HTTPStatus.CONFLICT, "not-done", f"The prediction is {job.status}.")
    segmentations = {
        head: replace(found, label_map=sitk.ReadImage(str(_label_map(job.folder, position))))
        for position, (head, found) in enumerate(job.prediction.segmentations.items())
    }
    return replace(job.prediction, segmentations=segmentations)


def _label_map(folder: Path, position: int) -> Path:
    return folder / f"label_map_{position}.nii"


def _content(paths: list[Path]) -> bytes:
    """Return the only file, which is not kept: what is asked for twice is made twice."""
    (path,) = paths
    content = path.read_bytes()
    path.unlink()
    return content
