"""Which models there are."""

from http import HTTPStatus

from fastapi import APIRouter, Depends

from medweave.serving.rest.api_key import require_api_key
from medweave.serving.rest.openapi import problems
from medweave.serving.rest.service import ModelOfRequest, ServiceOfRequest
from medweave.serving.served_model import ModelDescription, ModelSummary

router = APIRouter(
    prefix="/models",
    tags=["models"],
    dependencies=[Depends(require_api_key)],
    responses=problems(HTTPStatus.UNAUTHORIZED),
)


@router.get("")
async def list_models(service: ServiceOfRequest) -> list[ModelSummary]:
    """List the models."""
    return [
        ModelSummary(**model.description.model_dump(include={*ModelSummary.model_fields}))
        for model in service.models.values()
    ]


@router.get("/{name}", responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY))
async def describe_model(model: ModelOfRequest) -> ModelDescription:
    """Tell the inputs, classes, structures, version, hash and card of a model."""
    return model.description
