"""What is told of a prediction, over HTTP and in the app."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from medweave.data.case import Case
from medweave.inference.prediction import Prediction
from medweave.inference.record import done_record
from medweave.serving.served_model import ServedModel


class Part(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(extra="ignore")


class GateWarning(Part):
    """Why the model may not know an image."""

    code: str
    """For programs."""
    input_name: str
    """The input concerned."""
    message: str
    """In words."""


class Volume(Part):
    """Of a structure."""

    volume: float
    """In the unit of the head; in 2D an area."""
    standard_deviation: float | None = None
    """Over the members of the model; null with one member."""


class SegmentationAnswer(Part):
    """Of a segmentation head."""

    unit: Literal["mL", "cm²"]
    """Of the volumes."""
    structures: dict[str, Volume]
    """By name."""


class Probability(Part):
    """Of a class."""

    probability: float
    """From 0 to 1."""
    standard_deviation: float | None = None
    """Over the members of the model; null with one member."""


class ClassificationAnswer(Part):
    """Of a classification head."""

    pred_class: str
    """The likeliest class; several of a head of many labels are joined by `|`."""
    entropy_bits: float
    """0 is sure."""
    classes: dict[str, Probability]
    """By name."""


class MeasurementAnswer(Part):
    """A named number."""

    name: str
    """Of what was measured."""
    value: float | None
    """Null where it cannot be measured."""
    unit: str
    """Of the value."""


class Answer(Part):
    """What a model answers to a case."""

    gate: Literal["passed", "doubtful", "none"]
    """Whether the images are like those that the model was trained on; none: the model has no gate."""
    warnings: list[GateWarning]
    """Why they are not."""
    missing_inputs: list[str]
    """Inputs that were not sent."""
    members: int
    """Answers that were averaged."""
    classifications: dict[str, ClassificationAnswer]
    """By head."""
    segmentations: dict[str, SegmentationAnswer]
    """By head."""
    measurements: list[MeasurementAnswer]
    """From the predicted label maps."""


def answer_of(prediction: Prediction, case: Case, model: ServedModel) -> Answer:
    """Return the answer that a prediction is, in the numbers that `medweave predict` writes."""
    record: dict[str, Any] = done_record(prediction, case, model.predictor, files=(), made_by={})
    gate = "none" if model.predictor.gate is None else "doubtful" if prediction.warnings else "passed"
    return Answer.model_validate({**record, "gate": gate})
