"""Fixtures that several test folders share."""

import base64
import importlib
import json
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote

import pytest

from medweave.cli.main import main
from medweave.phantoms.heart import write_heart_study

SHARED_DATA = Path(__file__).parents[1] / "../shared/data"

# What medweave.inference.backends.torch does before its first convolution; some tests run one before it, and the
# faulty kernels would then end the whole process.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_FP16")


@pytest.fixture(scope="session")
def heart_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six small phantom cases in MSD layout; do not write into it."""
    root = tmp_path_factory.mktemp("heart_study")
    write_heart_study(root, n_cases=6, seed=0, size_voxels=(32, 32, 24))
    return root


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real example data; skips the test where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real example data are not on this machine")
    return SHARED_DATA.resolve()


@dataclass(frozen=True)
class Finished:
    """What a command left behind: its exit code and all that it wrote to its two streams."""

    code: int
    stdout: str
    stderr: str


def _call(patch: pytest.MonkeyPatch, arguments: tuple[object, ...]) -> int:
    """Run the command line in this process, with logging and environment as in a process of its own."""
    patch.setattr(sys, "argv", ["medweave", *map(str, arguments)])
    patch.setattr(logging.getLogger(), "handlers", [])
    patch.setattr(logging.getLogger(), "level", logging.WARNING)
    patch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    with warnings.catch_warnings(), pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture
def medweave(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Finished]:
    """Run the command line and return what it left behind."""

    def run(*arguments: object) -> Finished:
        capfd.readouterr()
        return Finished(_call(monkeypatch, arguments), *capfd.readouterr())

    return run


@pytest.fixture(scope="session")
def prepare_with() -> Callable[..., None]:
    """Run a command line that must succeed, for fixtures that live longer than a test."""

    def run(*arguments: object) -> None:
        with pytest.MonkeyPatch.context() as patch:
            assert _call(patch, arguments) == 0, arguments

    return run


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what tests preprocess out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDWEAVE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny_overrides() -> tuple[str, ...]:
    """What makes the recipe `heart_small` train in a second."""
    return (
        "training.max_epochs=1",
        "training.loader_workers=0",
        "model.encoders.mri.channels=[4,8,8]",
        "preprocessing.mri.spacing_mm=[8,8,8]",
    )


@pytest.fixture(scope="session")
def tiny_run(
    tmp_path_factory: pytest.TempPathFactory,
    heart_study: Path,
    tiny_overrides: tuple[str, ...],
    prepare_with: Callable[..., None],
) -> Path:
    """A run of one epoch on `heart_study`; copy it before changing it."""
    folder = tmp_path_factory.mktemp("tiny") / "run"
    prepare_with("train", "heart_small", "--data", heart_study, "--output", folder, *tiny_overrides)
    return folder


@dataclass
class FakeKaggle:
    """A server that answers Kaggle's client as Kaggle does, over HTTP, and keeps what it was sent."""

    user: str = "ada"
    key: str = "s3cret-key-of-ada"
    token: str = "KGAT_s3cret-token-of-ada"  # noqa: S105 -- of nobody
    url: str = ""
    state: str = "COMPLETE"
    failure: str | None = None
    #: What a push is answered with, besides its address and version.
    answer: dict[str, object] = field(default_factory=dict)
    output: dict[str, bytes] = field(default_factory=dict)
    archives: dict[str, bytes] = field(default_factory=dict)
    pushed: list[dict[str, object]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def reply(self, call: str, body: dict[str, object]) -> dict[str, object] | str:
        """Return the answer to a call, or the address that it is sent on to; raise KeyError for what is absent."""
        self.calls.append(call)
        if call == "IntrospectToken":
            return {"active": body["token"] == self.token, "username": self.user}
        if call == "SaveKernel":
            self.pushed.append(body)
            return {"url": f"{self.url}/code/{body['slug']}", "versionNumber": len(self.pushed), **self.answer}
        if call == "DownloadDataset":
            name = f"{body['ownerSlug']}/{body['datasetSlug']}"
            return f"{self.url}/archives/{name}" if self.archives[name] else ""
        if f"{body['userName']}/{body['kernelSlug']}" != "ada/study":
            raise KeyError
        if call == "GetKernelSessionStatus":
            return {"status": self.state, "failureMessage": self.failure}
        start, size = int(body.get("pageToken") or 0), int(body["pageSize"])
        names = sorted(self.output)
        return {
            "files": [{"url": f"{self.url}/output/{name}", "fileName": name} for name in names[start : start + size]],
            "nextPageToken": str(start + size) if start + size < len(names) else "",
            "log": "what the kernel printed",
        }


class _KaggleHandler(BaseHTTPRequestHandler):
    kaggle: FakeKaggle

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        account = base64.b64encode(f"{self.kaggle.user}:{self.kaggle.key}".encode()).decode()
        if self.headers.get("Authorization") not in (f"Basic {account}", f"Bearer {self.kaggle.token}"):
            self._send(401, json.dumps({"code": 401, "message": "Unauthenticated"}).encode())
            return
        try:
            reply = self.kaggle.reply(self.path.rpartition("/")[2], body)
        except KeyError:
            self._send(404, json.dumps({"code": 404, "message": "Not found"}).encode())
            return
        if isinstance(reply, str):
            self._send(302, b"", location=reply)
        else:
            self._send(200, json.dumps(reply).encode())

    def do_GET(self) -> None:
        kind, _, name = unquote(self.path).lstrip("/").partition("/")
        content = {"output": self.kaggle.output, "archives": self.kaggle.archives}[kind][name]
        self._send(200, content, kind="application/octet-stream")

    def _send(self, code: int, content: bytes, *, kind: str = "application/json", location: str = "") -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def no_kaggle_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which nobody has signed in to Kaggle."""
    for name in [name for name in os.environ if name.startswith("KAGGLE_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(home / ".kaggle"))


@pytest.fixture
def fake_kaggle(no_kaggle_account: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKaggle]:
    """A local Kaggle with an account that is signed in to; the client is changed in nothing but the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _KaggleHandler)
    kaggle = FakeKaggle(url=f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass = type("Handler", (_KaggleHandler,), {"kaggle": kaggle})
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv("KAGGLE_USERNAME", kaggle.user)
    monkeypatch.setenv("KAGGLE_KEY", kaggle.key)
    environment = importlib.import_module("kagglesdk.kaggle_env")
    monkeypatch.setitem(environment._env_to_endpoint, environment.KaggleEnv.PROD, kaggle.url)
    yield kaggle
    server.shutdown()
    server.server_close()
