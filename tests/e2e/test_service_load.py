"""Many clients of a real process of the service: all are answered as long as there are places, and its memory keeps."""

import http.client
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import urlsplit

import httpx2
import numpy as np
import psutil
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

CLIENTS, REQUESTS, QUEUE_LENGTH = 16, 160, 4
#: Beyond the level after the first requests of so many clients.
MEMORY_BYTES = 48 * 2**20
HEADERS = {"Content-Type": "multipart/form-data; boundary=x"}


def form(bright: int) -> bytes:
    """Return an upload of 200 x 200 pixels, so many of them bright."""
    values, stream = np.zeros(40_000, np.uint8), io.BytesIO()
    values[:bright] = 200
    Image.fromarray(values.reshape(200, 200)).save(stream, "PNG")
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    return head + stream.getvalue() + b"\r\n--x--\r\n"


@pytest.fixture
def service(start_service: Callable[..., AbstractContextManager[Any]], picture_bundle: object) -> Iterator[Any]:
    with start_service(picture_bundle, "--queue-length", CLIENTS) as started:
        yield started


def test_no_request_of_sixteen_clients_fails_and_each_gets_its_own_answer(service: Any) -> None:
    address, server = f"{service.address}/models/xray/predictions", psutil.Process(service.process.pid)
    with httpx2.Client(timeout=60) as client, ThreadPoolExecutor(CLIENTS) as pool:

        def ask(number: int) -> tuple[int, float]:
            response = client.post(address, content=form(100 * number), headers=HEADERS)
            client.delete(f"{service.address}{response.json()['links']['self']}").raise_for_status()
            areas = response.json()["answer"]["segmentations"]["areas"]
            return response.status_code, areas["structures"]["bright"]["volume"]

        list(pool.map(ask, range(CLIENTS)))
        memory_before = server.memory_info().rss
        answers = list(pool.map(ask, range(REQUESTS)))
    assert answers == [(200, number) for number in range(REQUESTS)]  # 100 pixels of 1 mm² are 1 cm²
    assert server.memory_info().rss - memory_before < MEMORY_BYTES
    assert [path for path in service.temporary.rglob("*") if path.is_file()] == []


def begin(address: str, content: bytes) -> http.client.HTTPConnection:
    """Send all of an upload but its last byte."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    connection.putrequest("POST", "/models/xray/predictions")
    for name, value in {**HEADERS, "Content-Length": str(len(content))}.items():
        connection.putheader(name, value)
    connection.endheaders(content[:-1])
    return connection


def wait_for_places(address: str, taken: int) -> None:
    ends = time.monotonic() + 30
    while f"medweave_queue_length {float(taken)}" not in httpx2.get(f"{address}/metrics").text:
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_a_full_queue_answers_at_once_when_to_come_again_and_loses_nobody(
    start_service: Callable[..., AbstractContextManager[Any]], picture_bundle: object
) -> None:
    with start_service(picture_bundle, "--queue-length", QUEUE_LENGTH) as service:
        begun = [begin(service.address, form(100 * number)) for number in range(QUEUE_LENGTH)]
        wait_for_places(service.address, QUEUE_LENGTH)
        address = f"{service.address}/models/xray/predictions"
        refused = [httpx2.post(address, content=form(0), headers=HEADERS) for _ in range(3)]
        for each in refused:
            assert (each.status_code, each.headers["content-type"]) == (503, "application/problem+json")
            assert re.fullmatch("[1-9][0-9]*", each.headers["retry-after"])
            assert each.json()["type"] == "urn:medweave:problem:queue-full"
        for number, connection in enumerate(begun):
            connection.send(b"\n")
            answer = json.loads(connection.getresponse().read())
            connection.close()
            assert answer["answer"]["segmentations"]["areas"]["structures"]["bright"]["volume"] == number
        assert httpx2.post(address, content=form(0), headers=HEADERS).status_code == 200
