"""Predictions: ask for one, look how far it is, and fetch what it gave."""

import asyncio
import shutil
import uuid
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from medweave.data.case import Case
from medweave.serving.rest import pictures
from medweave.serving.rest.api_key import require_api_key
from medweave.serving.rest.job import Job
from medweave.serving.rest.openapi import DONE_RESPONSE, FORM, QUEUED_RESPONSE, binary_response, problems
from medweave.serving.rest.problem import Problem
from medweave.serving.rest.service import JobOfRequest, ModelOfRequest, Service, ServiceOfRequest
from medweave.serving.rest.status import PredictionStatus
from medweave.serving.rest.upload import receive
from medweave.serving.served_model import ServedModel

router = APIRouter(
    tags=["predictions"],
    dependencies=[Depends(require_api_key)],
    responses=problems(HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY),
)
REFUSALS = problems(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
Strict = Annotated[bool, Query(description="Refuse images that the model does not know.")]
Background = Annotated[
    bool | None, Query(description="Do not wait for the answer; by default a model of volumes does not.")
]
Head = Annotated[str | None, Query(description="Segmentation head; by default the first.")]


@router.post(
    "/models/{name}/predictions",
    openapi_extra=FORM,
    responses={200: DONE_RESPONSE, 202: {**QUEUED_RESPONSE, "model": PredictionStatus}, **REFUSALS},
)
async def predict(
    request: Request,
    response: Response,
    service: ServiceOfRequest,
    model: ModelOfRequest,
    strict: Strict = False,  # noqa: FBT002 -- by name in the address
    background: Background = None,
) -> PredictionStatus:
    """Predict a case: send its images under the names that the model tells."""
    job = await _received(request, service, model, strict=strict)
    service.store.add(job)
    service.worker.submit(job)
    if not (model.takes_volumes if background is None else background):
        await asyncio.wait([asyncio.wrap_future(job.ended)], timeout=service.limits.wait_s)
        if job.problem is not None:
            service.store.remove(job)
            raise job.problem
    described = job.describe()
    if not job.ended.done():
        response.status_code = HTTPStatus.ACCEPTED
        response.headers["Location"] = described.links.self
        response.headers["Retry-After"] = "1"
    return described


async def _received(request: Request, service: Service, model: ServedModel, *, strict: bool) -> Job:
    """Receive the images of a prediction, which has a place in the queue before."""
    service.worker.take_place()
    folder = service.store.new_folder()
    try:
        upload = await receive(request, model, folder, service.limits)
    except BaseException:
        service.worker.leave_place()
        shutil.rmtree(folder, ignore_errors=True)
        raise
    name = uuid.uuid4().hex
    case = Case(name, name, upload.images, attributes=upload.attributes)
    return Job(model, case, folder, strict, request.state.request_id)


@router.get("/predictions/{prediction_id}", responses={200: DONE_RESPONSE})
async def look(job: JobOfRequest) -> PredictionStatus:
    """Tell how far a prediction is, and its answer once it is done."""
    return job.describe()


@router.delete("/predictions/{prediction_id}", status_code=204, responses=problems(HTTPStatus.CONFLICT))
async def forget(job: JobOfRequest, service: ServiceOfRequest) -> None:
    """Remove a prediction and its images now."""
    if not job.ended.done():
        raise Problem(HTTPStatus.CONFLICT, "not-done", f"The prediction is {job.status}.")
    service.store.remove(job)


@router.get(
    "/predictions/{prediction_id}/mask",
    response_class=Response,
    responses={
        200: binary_response("application/gzip", "NIfTI, compressed, on the grid of the image."),
        **problems(HTTPStatus.CONFLICT),
    },
)
async def mask(job: JobOfRequest, service: ServiceOfRequest, head: Head = None) -> Response:
    """Return the label map of a head."""
    async with service.drawing:
        content = await run_in_threadpool(pictures.mask, job, head)
    disposition = {"Content-Disposition": f'attachment; filename="{job.job_id}.nii.gz"'}
    return Response(content, media_type="application/gzip", headers=disposition)


@router.get(
    "/predictions/{prediction_id}/overlay",
    response_class=Response,
    responses={200: binary_response("image/png", "A picture of the answer."), **problems(HTTPStatus.CONFLICT)},
)
async def overlay(job: JobOfRequest, service: ServiceOfRequest, head: Head = None) -> Response:
    """Return a picture of the answer."""
    async with service.drawing:
        content = await run_in_threadpool(pictures.overlay, job, head)
    return Response(content, media_type="image/png")
