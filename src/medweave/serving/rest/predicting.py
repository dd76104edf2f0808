"""From the images of some predictions of one model to their answers, or to why there is none."""

from collections.abc import Iterator, Sequence
from http import HTTPStatus

from medweave.core.errors import DataError
from medweave.core.logging import get_logger
from medweave.inference.batching import batches
from medweave.inference.case_inputs import CaseInputs
from medweave.inference.predictor import Outputs
from medweave.serving.answer import answer_of
from medweave.serving.limits import Limits
from medweave.serving.rest.job import Job
from medweave.serving.rest.metrics import Metrics
from medweave.serving.rest.pictures import store_label_maps
from medweave.serving.rest.problem import Problem, internal_problem
from medweave.serving.uploaded_case import read_uploaded, without_paths
from medweave.serving.watch import TimeIsUpError, count_passes

logger = get_logger(__name__)


def predict_jobs(jobs: Sequence[Job], *, limits: Limits, metrics: Metrics) -> Iterator[tuple[Job, Problem | None]]:
    """Predict, and yield each job once it has its answer, or with its problem; nothing is raised.

    Args:
        jobs: Of one model.
        limits: Time of a batch.
        metrics: Are told the sizes of the batches.
    """
    read: list[tuple[Job, CaseInputs]] = []
    for job in jobs:
        job.status = "running"
        try:
            read.append((job, _read(job)))
        except Exception as error:  # noqa: BLE001 -- one request must not end the service
            yield job, _problem(error, job)
    position = 0
    predictor = jobs[0].model.predictor
    for batch in batches([inputs for _, inputs in read], takes_whole_cases=predictor.takes_whole_cases):
        members = read[position : position + len(batch)]
        position += len(batch)
        metrics.batch_cases.labels(jobs[0].model.name).observe(len(members))
        try:
            outputs = _run(members, limits)
        except Exception as error:  # noqa: BLE001
            yield from ((job, _problem(error, job)) for job, _ in members)
            continue
        for (job, inputs), of_case in zip(members, outputs, strict=True):
            try:
                _complete(job, inputs, of_case)
            except Exception as error:  # noqa: BLE001
                yield job, _problem(error, job)
            else:
                yield job, None


def _read(job: Job) -> CaseInputs:
    found = read_uploaded(job.model.predictor, job.case)
    _refuse_doubtful(job, found.warnings)
    return found


def _run(members: Sequence[tuple[Job, CaseInputs]], limits: Limits) -> list[Outputs]:
    def tell(progress: float) -> None:
        for job, _ in members:
            job.progress = progress

    model, inputs = members[0][0].model, [found.inputs for _, found in members]
    model.watch.start(seconds=limits.job_s, passes=count_passes(model.predictor, inputs[0]), on_progress=tell)
    return model.predictor.run(inputs)


def _complete(job: Job, inputs: CaseInputs, outputs: Outputs) -> None:
    prediction = job.model.predictor.complete(inputs, outputs)
    _refuse_doubtful(job, prediction.warnings)
    answer = answer_of(prediction, job.case, job.model)
    job.prediction = store_label_maps(prediction, job.folder)
    job.answer = answer


def _refuse_doubtful(job: Job, warnings: Sequence[object]) -> None:
    if job.strict and warnings:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "unlike-training-images",
            f"{'; '.join(map(str, warnings))}. Send an image of the kind that the model knows, or ask without strict.",
        )


def _problem(error: Exception, job: Job) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, TimeIsUpError):
        return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "prediction-too-slow", "The prediction took longer than it may.")
    if isinstance(error, DataError):
        return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "unusable-image", str(without_paths(error, job.case)))
    logger.error("request=%s prediction=%s failed", job.request_id, job.job_id, exc_info=error)
    return internal_problem()
