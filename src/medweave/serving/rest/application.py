"""The application: every address, around one service."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from medweave import __version__
from medweave.serving.limits import Limits
from medweave.serving.rest import model_routes, operation_routes, prediction_routes
from medweave.serving.rest.job_store import JobStore
from medweave.serving.rest.metrics import Metrics
from medweave.serving.rest.openapi import DESCRIPTION
from medweave.serving.rest.problem import answer_with_problems
from medweave.serving.rest.request_log import RequestLog
from medweave.serving.rest.service import Service
from medweave.serving.rest.worker import Worker
from medweave.serving.served_model import ServedModel

#: Between two looks for what is older than it may be.
MAX_SWEEP_S = 30.0


def create_application(
    models: Mapping[str, ServedModel], *, limits: Limits | None = None, api_key: str | None = None
) -> FastAPI:
    """Create the application; its worker starts now and ends with it.

    Args:
        models: By name.
        limits: What is refused.
        api_key: That requests must show. Without one, only requests that name this machine as their host are answered.
    """
    limits, metrics = limits or Limits(), Metrics()
    service = Service(models, limits, api_key, metrics, JobStore(limits), Worker(limits, metrics))

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        sweeping = asyncio.create_task(_sweep(service.store))
        try:
            yield
        finally:
            sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await sweeping
            await run_in_threadpool(service.close)

    # Its pages of documentation would load scripts from elsewhere.
    app = FastAPI(
        title="medweave", version=__version__, description=DESCRIPTION, docs_url=None, redoc_url=None, lifespan=life
    )
    app.state.service = service
    for routes in (operation_routes, model_routes, prediction_routes):
        app.include_router(routes.router)
    app.add_middleware(RequestLog, metrics=metrics, needs_loopback=api_key is None)
    answer_with_problems(app)
    return app


async def _sweep(store: JobStore) -> None:
    while True:
        await asyncio.sleep(min(store.limits.keep_s / 4, MAX_SWEEP_S))
        store.sweep()
