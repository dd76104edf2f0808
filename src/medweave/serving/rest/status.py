"""How far a prediction is, as a client is told."""

from typing import Literal

from pydantic import BaseModel

from medweave.serving.answer import Answer
from medweave.serving.rest.problem import ProblemDocument


class Links(BaseModel):
    """Where the rest of an answer is."""

    self: str
    """The prediction."""
    masks: dict[str, str] = {}
    """Label map of each segmentation head, NIfTI on the grid of the image."""
    overlays: dict[str, str] = {}
    """Picture of each segmentation head, PNG; of a model without one, of its classes under "classes"."""


Status = Literal["queued", "running", "done", "failed"]


class PredictionStatus(BaseModel):
    """A prediction and how far it is."""

    id: str
    """A random name, which only the client that asked knows."""
    model: str
    """That answers."""
    model_sha256: str
    """Of its weights."""
    status: Status
    """queued, running, done or failed."""
    progress: float
    """From 0 to 1."""
    created: str
    """When it was asked for, in UTC."""
    answer: Answer | None = None
    """Once it is done."""
    problem: ProblemDocument | None = None
    """Why it failed."""
    links: Links
    """Masks and overlays once it is done."""
