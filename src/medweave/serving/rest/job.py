"""A prediction that was asked for."""

from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from medweave.data.case import Case
from medweave.inference.prediction import Prediction
from medweave.runs.manifest import now
from medweave.serving.answer import Answer
from medweave.serving.rest.problem import Problem
from medweave.serving.rest.status import Links, PredictionStatus, Status
from medweave.serving.served_model import ServedModel


@dataclass
class Job:
    """A prediction that was asked for, and once it is done its answer.

    Attributes:
        model: That answers.
        case: Its images on disk, and facts about it, under a random name.
        folder: Private to the prediction, with its images and what is made of them.
        strict: Refuse images that the model does not know.
        request_id: Of the request that asked, for the log.
        created: When it was asked for.
        status: How far it is.
        progress: From 0 to 1.
        answer: Once it is done.
        prediction: The same with its label maps on disk, for pictures.
        problem: Why it failed.
        ended: Resolved once it is done or has failed.
        ended_s: Monotonic time of that.
        disk_bytes: Of the folder at that time.
    """

    model: ServedModel
    case: Case
    folder: Path
    strict: bool
    request_id: str
    created: str = field(default_factory=now)
    status: Status = "queued"
    progress: float = 0.0
    answer: Answer | None = None
    prediction: Prediction | None = None
    problem: Problem | None = None
    ended: Future[None] = field(default_factory=Future)
    ended_s: float = 0.0
    disk_bytes: int = 0

    @property
    def job_id(self) -> str:
        """Its name in addresses, random."""
        return self.case.case_id

    def describe(self) -> PredictionStatus:
        """Return what a client is told."""
        return PredictionStatus(
            id=self.job_id,
            model=self.model.name,
            model_sha256=self.model.description.sha256,
            status=self.status,
            progress=round(self.progress, 3),
            created=self.created,
            answer=self.answer if self.status == "done" else None,
            problem=self.problem.document(self.request_id) if self.problem else None,
            links=self._links(),
        )

    def _links(self) -> Links:
        address = f"/predictions/{self.job_id}"
        if self.answer is None or self.status != "done":
            return Links(self=address)
        heads = list(self.answer.segmentations)
        return Links(
            self=address,
            masks={head: f"{address}/mask?head={head}" for head in heads},
            overlays={head: f"{address}/overlay?head={head}" for head in heads} or {"classes": f"{address}/overlay"},
        )
