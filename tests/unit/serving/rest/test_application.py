"""The service as a whole: hostile uploads, many at a time, and its own description of itself."""

import gzip
import re
import struct
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from medweave.serving.limits import Limits


@pytest.fixture
def hostile(picture, encode, nifti):
    """Broken and malicious files by what is wrong with them."""
    sound = nifti(np.zeros((8, 8, 8), np.float32))

    def with_header(at, form, *values):
        return sound[:at] + struct.pack(form, *values) + sound[at + struct.calcsize(form) :]

    jpeg = encode(np.arange(10_000, dtype=np.uint8).reshape(100, 100) % 7, "JPEG")
    return {
        "nothing": b"",
        "text": b"hello",
        "zeros": bytes(1000),
        "zip": b"PK\x03\x04" + bytes(1000),
        "gif": b"GIF89a" + bytes(1000),
        "script": b"<script>alert(1)</script>" * 20,
        "truncated png": picture[:-20],
        "png without pixels": picture[:33],
        "png of 2^31 pixels a side": picture[:16] + struct.pack(">II", 2**31 - 1, 2**31 - 1) + picture[24:],
        "png of no width": picture[:16] + struct.pack(">II", 0, 4) + picture[24:],
        "truncated jpeg": jpeg[: len(jpeg) // 2],
        "jpeg of nothing": b"\xff\xd8\xff" + bytes(100),
        "truncated nifti": sound[:-100],
        "nifti header alone": sound[:352],
        "truncated gzip": gzip.compress(sound)[:-30],
        "gzip of text": gzip.compress(b"hello"),
        "gzip bomb": gzip.compress(bytes(20_000_000)),
        "gzip bomb behind a sound header": gzip.compress(sound + bytes(20_000_000)),
        "damaged gzip": b"\x1f\x8b\x08\x00" + bytes(300),
        "huge sizes": with_header(40, "<8h", 3, 32767, 32767, 32767, 1, 1, 1, 1),
        "negative sizes": with_header(40, "<8h", 3, -8, 8, 8, 1, 1, 1, 1),
        "no axes": with_header(40, "<8h", 0, 0, 0, 0, 0, 0, 0, 0),
        "unknown type": with_header(70, "<2h", 999, 7),
        "no spacing": with_header(80, "<3f", 0, 0, 0),
        "spacing of nan": with_header(80, "<3f", np.nan, 1, 1),
        "spacing of a kilometre": with_header(80, "<3f", 1e6, 1e6, 1e6),
        "voxels before the header": with_header(108, "<f", 0),
        "voxels behind the end": with_header(108, "<f", 1e8),
        "scale of nan": with_header(112, "<f", np.nan),
        "nan voxels": nifti(np.full((8, 8, 8), np.nan, np.float32)),
        "infinite voxels": nifti(np.full((8, 8, 8), np.inf, np.float32)),
        "picture to volumes": picture,
        "complex numbers": with_header(70, "<2h", 32, 64),
    }


NAMES = [
    "../../etc/passwd",
    "/etc/passwd",
    "..\\..\\x.nii",
    "a\x00b.nii",
    "x" * 5000,
    "Jane Doe.nii.gz",
    "|rm -rf",
    "ü.png",
]


def test_every_hostile_upload_is_refused_with_a_problem_and_the_service_lives(client, hostile, picture):
    assert len(hostile) > 30
    root = client.app.state.service.store.root
    outcomes = {}
    for number, (what, content) in enumerate(hostile.items()):
        model = "xray" if re.search("png|jpeg", what) else "heart"
        name = NAMES[number % len(NAMES)]
        response = client.post(f"/models/{model}/predictions?background=false", files={"image": (name, content)})
        outcomes[what] = response.status_code
        assert response.headers["content-type"] == "application/problem+json", (what, response.text)
        assert "Traceback" not in response.text
        assert str(root) not in response.text
        assert list(root.iterdir()) == [], what
    assert {what: status for what, status in outcomes.items() if status not in (400, 413, 415, 422)} == {}
    assert client.get("/ready").status_code == 200
    assert client.post("/models/xray/predictions", files={"image": picture}).status_code == 200


def test_memory_is_back_to_its_level_after_many_bombs(client, hostile):
    bombs = [content for what, content in hostile.items() if "bomb" in what or "huge" in what]
    assert len(bombs) == 3

    def send():
        for bomb in bombs:
            assert client.post("/models/heart/predictions", files={"image": bomb}).status_code in (413, 415)

    send()
    before = psutil.Process().memory_info().rss
    for _ in range(10):
        send()
    assert psutil.Process().memory_info().rss - before < 30_000_000


def test_many_at_a_time_are_all_answered_and_further_ones_told_to_come_again(make_client, picture, served, monkeypatch):
    client = make_client(limits=Limits(queue_length=4))
    gate = threading.Event()
    read = served["xray"].predictor.read
    monkeypatch.setattr(served["xray"].predictor, "read", lambda case: gate.wait(20) and read(case))

    def ask(_):
        return client.post("/models/xray/predictions", files={"image": picture})

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, number) for number in range(8)]
        ends = time.monotonic() + 20
        while sum(each.done() for each in asked) < 4 and time.monotonic() < ends:
            time.sleep(0.01)
        gate.set()
        responses = [each.result() for each in asked]
    statuses = sorted(response.status_code for response in responses)
    assert statuses == [200] * 4 + [503] * 4
    refused = [response for response in responses if response.status_code == 503]
    assert all(int(response.headers["retry-after"]) >= 1 for response in refused)


def test_answers_go_when_their_time_is_over(make_client, picture):
    client = make_client(limits=Limits(keep_s=0.2))
    address = client.post("/models/xray/predictions", files={"image": picture}).json()["links"]["self"]
    ends = time.monotonic() + 10
    while client.get(address).status_code != 404:
        assert time.monotonic() < ends
        time.sleep(0.02)
    assert list(client.app.state.service.store.root.iterdir()) == []


def test_no_pages_are_served_that_load_scripts_from_elsewhere(client):
    assert [client.get(path).status_code for path in ("/docs", "/redoc")] == [404, 404]


def test_a_bundle_is_served_where_there_is_no_pytorch(picture_bundle, tmp_path, picture):
    (tmp_path / "a.png").write_bytes(picture)
    program = f"""
import sys
for package in ("torch", "monai", "pytorch_lightning", "torchmetrics", "safetensors", "sklearn", "pandas", "imagehash"):
    sys.modules[package] = None
from pathlib import Path
from starlette.testclient import TestClient
import medweave.serving.rest.server
from medweave.serving.rest.application import create_application
from medweave.serving.served_model import load_models
app = create_application(load_models([Path({str(picture_bundle)!r})]))
with TestClient(app, base_url="http://127.0.0.1") as client:
    found = client.post("/models/xray/predictions", files={{"image": open({str(tmp_path / "a.png")!r}, "rb")}})
    assert client.get(found.json()["links"]["overlays"]["areas"]).status_code == 200
    print(found.status_code)
"""
    source = Path(__file__).parents[4] / "src"
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(source), "PATH": ""},
    )
    assert result.stdout == "200\n", result.stderr
