import importlib
import json
import re
import signal
from pathlib import Path

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings

from medweave.core.errors import UsageError
from medweave.serving.limits import Limits
from medweave.serving.rest import server


def form(name, content):
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="a"\r\n\r\n'.encode()
    return head + content + b"\r\n--x--\r\n"


def ask(address, data=None):
    headers = {"Content-Type": "multipart/form-data; boundary=x"} if data else {}
    response = httpx2.request("POST" if data else "GET", address, content=data, headers=headers, timeout=30)
    return response.status_code, response.content


@pytest.fixture
def service(start_service, picture_bundle):
    with start_service(picture_bundle) as started:
        yield started


def test_a_process_answers_and_ends_in_good_order_when_it_is_told_to(service, picture):
    address = service.address
    status, content = ask(f"{address}/models/xray/predictions", form("image", picture))
    found = json.loads(content)
    assert (status, found["status"]) == (200, "done")
    assert ask(address + found["links"]["masks"]["areas"])[0] == 200
    assert ask(f"{address}/models/xray/predictions", form("image", b"text"))[0] == 415
    assert len(list(service.temporary.glob("medweave-serve-*/*"))) == 1

    service.process.send_signal(signal.SIGTERM)
    code, log = service.process.wait(30), service.log.read_text(encoding="utf-8")
    assert code == 0, log
    assert list(service.temporary.glob("medweave-*")) == []
    assert "1 model at http://127.0.0.1" in log
    assert "Traceback" not in log
    assert re.search(r"INFO request=\w{32} method=POST route=/models/\{name\}/predictions status=200 ms=", log)


def test_an_open_address_without_a_key_is_refused_before_a_model_is_loaded(monkeypatch):
    monkeypatch.delenv("MEDWEAVE_API_KEY", raising=False)
    with pytest.raises(UsageError, match="MEDWEAVE_API_KEY"):
        server.serve([Path("nothing")], host="0.0.0.0", port=1, limits=Limits())  # noqa: S104


def test_addresses_are_written_as_a_browser_takes_them(monkeypatch, picture_bundle):
    said, ran = [], []
    monkeypatch.setattr(server.uvicorn, "run", lambda app, **options: ran.append((app, options)))
    monkeypatch.setattr(server.signal, "signal", lambda *_: None)
    server.serve([picture_bundle], host="::1", port=81, limits=Limits(job_s=7.5), on_start=said.append)
    ((app, options),) = ran
    app.state.service.close()
    assert said == ["http://[::1]:81"]
    assert (options["host"], options["port"], options["timeout_graceful_shutdown"]) == ("::1", 81, 8)


@pytest.mark.slow
def test_the_service_keeps_what_its_own_description_promises(service, picture):
    schemathesis = pytest.importorskip("schemathesis")
    checks = importlib.import_module("schemathesis.specs.openapi.checks")
    address = service.address
    promised = [
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_headers_conformance,
        checks.response_schema_conformance,
        schemathesis.checks.not_a_server_error,
    ]
    operations = [found.ok() for found in schemathesis.openapi.from_url(f"{address}/openapi.json").get_all_operations()]
    assert len(operations) == 10
    for operation in operations:

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=operation.as_strategy())
        def keeps_its_promises(case):
            if "name" in case.path_parameters and case.operation.method == "post":
                case.path_parameters["name"] = "xray"
            case.call_and_validate(checks=promised)

        keeps_its_promises()
    assert ask(f"{address}/models/xray/predictions", form("image", picture))[0] == 200
