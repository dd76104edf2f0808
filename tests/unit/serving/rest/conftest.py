"""A service around the bundle and the run."""

from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient

from medweave.serving.limits import Limits
from medweave.serving.rest.application import create_application
from medweave.serving.served_model import ServedModel

#: As a loopback client names the service.
ADDRESS = "http://127.0.0.1"
LIMITS = Limits(upload_mb=2, decompressed_mb=4, pixels=100_000, voxels=500_000, queue_length=4, wait_s=20)


@pytest.fixture
def make_client(served: dict[str, ServedModel]) -> Iterator[Callable[..., TestClient]]:
    """Start a service, in this process, that ends with the test."""
    clients = []

    def make(*, limits: Limits = LIMITS, api_key: str | None = None) -> TestClient:
        app = create_application(served, limits=limits, api_key=api_key)
        client = TestClient(app, base_url=ADDRESS, raise_server_exceptions=False)
        client.__enter__()
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(make_client: Callable[..., TestClient]) -> TestClient:
    """A client of a service with small limits."""
    return make_client()
