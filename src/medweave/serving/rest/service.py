"""What the requests share."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request

from medweave.serving.limits import Limits
from medweave.serving.rest.job import Job
from medweave.serving.rest.job_store import JobStore
from medweave.serving.rest.metrics import Metrics
from medweave.serving.rest.problem import Problem
from medweave.serving.rest.worker import Worker
from medweave.serving.served_model import ServedModel


@dataclass(frozen=True)
class Service:
    """What the requests share.

    Attributes:
        models: By name.
        limits: What is refused.
        api_key: That a request must show; None where none is needed.
        metrics: Counts.
        store: Predictions that are remembered.
        worker: Predicts.
        drawing: Held by who makes a mask or an overlay: one at a time, for they cost as much as a prediction.
    """

    models: Mapping[str, ServedModel]
    limits: Limits
    api_key: str | None
    metrics: Metrics
    store: JobStore
    worker: Worker
    drawing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    def close(self) -> None:
        """Finish what runs and remove every file."""
        self.worker.close()
        self.store.close()


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


ServiceOfRequest = Annotated[Service, Depends(_service)]


def _model(name: str, service: ServiceOfRequest) -> ServedModel:
    if name not in service.models:
        raise Problem(HTTPStatus.NOT_FOUND, "unknown-model", f"The models here are: {', '.join(service.models)}.")
    return service.models[name]


def _job(prediction_id: str, service: ServiceOfRequest) -> Job:
    return service.store.get(prediction_id)


ModelOfRequest = Annotated[ServedModel, Depends(_model)]
JobOfRequest = Annotated[Job, Depends(_job)]
