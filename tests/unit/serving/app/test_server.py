from pathlib import Path

import pytest

from medweave.core.errors import DataError, RunError, UsageError
from medweave.serving.app import server
from medweave.serving.app.settings import AppSettings


@pytest.fixture
def started(monkeypatch):
    calls = []
    monkeypatch.setattr(server.cli, "main", lambda arguments, standalone_mode: calls.append(arguments))
    return calls


def test_streamlit_is_bound_to_this_machine_and_tells_nobody(started, picture_bundle):
    told = []
    settings = AppSettings((picture_bundle,))
    server.serve(settings, host="127.0.0.1", port=8502, on_start=told.append)
    (arguments,) = started
    assert told == ["http://127.0.0.1:8502"]
    assert arguments[:2] == ["run", str(server.SCRIPT)]
    assert arguments[-2:] == ["--", settings.to_argument()]
    assert {
        "--server.address=127.0.0.1",
        "--server.port=8502",
        "--server.headless=true",
        "--browser.gatherUsageStats=false",
        "--client.showErrorDetails=none",
        "--server.allowedHosts=localhost",
        "--server.allowedHosts=127.0.0.1",
        "--server.maxUploadSize=500",
    } <= set(arguments)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.org"])  # noqa: S104
def test_other_machines_may_not_reach_it(started, picture_bundle, host):
    with pytest.raises(UsageError, match="asks nobody for a password"):
        server.serve(AppSettings((picture_bundle,)), host=host, port=8501)
    assert started == []


def test_what_is_absent_is_told_before_the_server_starts(started, picture_bundle, tmp_path):
    with pytest.raises(RunError, match="run folder not found"):
        server.serve(AppSettings((picture_bundle,), runs=(tmp_path / "run",)), host="::1", port=1)
    with pytest.raises(DataError, match="data folder not found"):
        server.serve(AppSettings((picture_bundle,), data=(tmp_path / "data",)), host="::1", port=1)
    with pytest.raises(RunError):
        server.serve(AppSettings((Path("nothing"),)), host="::1", port=1)
    assert started == []
