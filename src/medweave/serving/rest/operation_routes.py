"""What who runs the service asks: whether it lives, whether it takes requests, and how it does."""

from http import HTTPStatus

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel

from medweave.serving.rest.api_key import require_api_key
from medweave.serving.rest.metrics import CONTENT_TYPE
from medweave.serving.rest.openapi import binary_response, problems
from medweave.serving.rest.problem import Problem
from medweave.serving.rest.service import ServiceOfRequest

router = APIRouter(tags=["operation"])


class State(BaseModel):
    """The state of the service."""

    status: str
    """ok or ready."""


@router.get("/health")
async def health() -> State:
    """Tell that the process lives; needs no key."""
    return State(status="ok")


@router.get("/ready", responses=problems(HTTPStatus.SERVICE_UNAVAILABLE))
async def ready(service: ServiceOfRequest) -> State:
    """Tell whether predictions are taken; needs no key."""
    if not service.worker.is_ready:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "not-ready", "Predictions are not taken now.")
    return State(status="ready")


@router.get(
    "/metrics",
    dependencies=[Depends(require_api_key)],
    response_class=Response,
    responses={200: binary_response("text/plain", "Counts."), **problems(HTTPStatus.UNAUTHORIZED)},
)
async def metrics(service: ServiceOfRequest) -> Response:
    """Tell the counts in the text format of Prometheus."""
    return Response(service.metrics.text(), media_type=CONTENT_TYPE)
