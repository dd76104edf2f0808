"""A picture of a case of which only classes are told."""

from pathlib import Path

from medweave.data.case import Case
from medweave.data.study import StudySource
from medweave.inference.prediction import Prediction
from medweave.inference.writers.drawing import draw_overlay
from medweave.inference.writers.words import picture_title
from medweave.preprocessing.readers.medical import read_channels


def write_picture(prediction: Prediction, *, case: Case, source: StudySource, folder: Path) -> list[Path]:
    """Write `<case_id>_overlay.png`, the first image that the case has under its answers.

    A case with structures, or with a heat map of where the network looked, has pictures of those instead.
    """
    if prediction.segmentations or any(answer.attention for answer in prediction.classifications.values()):
        return []
    entry = next(source.inputs[name] for name in source.inputs if source.has_input(case, name))
    image = read_channels(case.images[entry.image_names[0]], spatial_dims=entry.preprocessor.spatial_dims)[0]
    path = folder / f"{case.case_id}_overlay.png"
    return [draw_overlay(path, image, None, structures={}, title=picture_title(prediction, case, None))]
