"""Fixtures that several test folders share."""

import base64
import importlib
import json
import locale
import logging
import os
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.error import URLError
from urllib.parse import unquote
from urllib.request import urlopen

import numpy as np
import onnx
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from medweave.cli.main import main
from medweave.core.files import write_json, write_text
from medweave.data.study import InputSource, TargetSource
from medweave.inference.bundle import BundleFolder
from medweave.inference.bundle_description import BundleDescription, NetworkDescription, TrainingFacts
from medweave.inference.prediction import ClassificationHeadInfo, SegmentationHeadInfo
from medweave.inference.predictor import WindowSettings
from medweave.phantoms.heart import write_heart_study
from medweave.preprocessing.intensity import IntensityNormalisation
from medweave.preprocessing.pipeline import Preprocessor
from medweave.recipes.section import Component
from medweave.runs.evaluation_folder import EvaluationFolder
from medweave.runs.folder import RunFolder

# Of several test processes each has its share of the cores; threads that outnumber them wait for one another.
if test_processes := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
    os.environ.setdefault("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // test_processes, 1)))

SHARED_DATA = Path(__file__).parents[1] / "../shared/data"
EXAMPLE_PLUGIN = Path(__file__).parents[1] / "examples/plugin"

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


@contextmanager
def _example_plugin() -> Iterator[Path]:
    from medweave.building.check import REGISTRIES

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLE_PLUGIN / "src")
        for registry, _ in REGISTRIES.values():
            patch.setattr(registry, "_components", {name: registry.get(name) for name in registry.names()})
        yield EXAMPLE_PLUGIN
    for name in [name for name in sys.modules if name.partition(".")[0] == "medweave_example"]:
        del sys.modules[name]


@pytest.fixture(scope="session")
def example_plugin() -> Callable[[], AbstractContextManager[Path]]:
    """Let Python find the modules of examples/plugin; what they register goes when the context ends."""
    return _example_plugin


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


def _write_graph(path: Path, name: str, *, spatial_dims: int, threshold: float) -> None:
    """Write a network: twice the image beyond a threshold is the logit of `bright`, and its mean tells the side."""
    floats, shape = TensorProto.FLOAT, ["batch", 1, *"xyz"[:spatial_dims]]
    nodes = [
        helper.make_node("Sub", [f"image.{name}", "threshold"], ["above"]),
        helper.make_node("Mul", ["above", "two"], ["areas"]),
        helper.make_node("ReduceMean", [f"image.{name}", "axes"], [f"features.{name}"], keepdims=0),
        helper.make_node("MatMul", [f"features.{name}", "signs"], ["side"]),
    ]
    graph = helper.make_graph(
        nodes,
        "by_hand",
        [helper.make_tensor_value_info(f"image.{name}", floats, shape)],
        [
            helper.make_tensor_value_info("areas", floats, shape),
            helper.make_tensor_value_info("side", floats, ["batch", 2]),
            helper.make_tensor_value_info(f"features.{name}", floats, ["batch", 1]),
        ],
        [
            numpy_helper.from_array(np.array(threshold, np.float32), "threshold"),
            numpy_helper.from_array(np.array(2, np.float32), "two"),
            numpy_helper.from_array(np.arange(2, 2 + spatial_dims), "axes"),
            numpy_helper.from_array(np.array([[0.01, -0.01]], np.float32), "signs"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)


def _write_bundle(path: Path, *, preprocessor: Preprocessor, threshold: float) -> Path:
    """Write a sound bundle of one input that is called as its folder."""
    folder, name, spatial_dims = BundleFolder(path), path.name, preprocessor.spatial_dims
    folder.path.mkdir()
    _write_graph(folder.path / "model.onnx", name, spatial_dims=spatial_dims, threshold=threshold)
    write_text(folder.model_card, f"# {name}\n")
    description = BundleDescription(
        name="by hand",
        created="2026-01-01T00:00:00+00:00",
        versions={"medweave": "0.1.0"},
        training=TrainingFacts(
            data_hash="d" * 64, recipe_hash="r" * 64, cases={"train": 3}, versions={}, git_commit=None, finished=None
        ),
        network=NetworkDescription(
            files=("model.onnx",),
            opset=18,
            precision="float32",
            inputs=(name,),
            size_divisors={name: (1,) * spatial_dims},
        ),
        layout=Component(name="table"),
        inputs={name: InputSource(("image",), preprocessor)},
        window=WindowSettings(size_voxels={name: (8,) * spatial_dims}),
        segmentations={"areas": SegmentationHeadInfo({"bright": 1}, "sigmoid", name, "image")},
        classifications={"side": ClassificationHeadInfo(("left", "right"))},
        targets={"side": TargetSource("side", ("left", "right"))},
        measurements=Component(name="volumes"),
        files=folder.checksums(),
    )
    write_json(folder.description, description.model_dump(mode="json"))
    return path


@pytest.fixture(scope="session")
def picture_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of a model of pictures, `xray`, whose network is written by hand; do not write into it."""
    preprocessor = Preprocessor(spatial_dims=2, intensity=IntensityNormalisation(method="none"))
    return _write_bundle(tmp_path_factory.mktemp("bundles") / "xray", preprocessor=preprocessor, threshold=0)


@pytest.fixture(scope="session")
def volume_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of a model of volumes, `mri`, that finds what is a deviation brighter than the mean."""
    preprocessor = Preprocessor(intensity=IntensityNormalisation(method="zscore"))
    return _write_bundle(tmp_path_factory.mktemp("bundles") / "mri", preprocessor=preprocessor, threshold=1)


@pytest.fixture(scope="session")
def browsed_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a run and of its evaluation that are looked at, written by hand; do not write into it."""
    run = RunFolder(tmp_path_factory.mktemp("browsed") / "run")
    folder = EvaluationFolder(run.evaluation("test"))
    folder.figures.mkdir(parents=True)
    write_text(run.recipe, "name: heart\n")
    write_text(run.metrics, "epoch,train/loss,val/loss,val/score\n1,0.9,,\n2,0.7,0.8,0.5\n3,0.6,,\n4,0.5,0.6,0.75\n")
    found = {"recipe": "heart", "monitor": "val/score", "best_value": 0.75, "best_epoch": 4, "epochs": 4, "seconds": 90}
    write_json(run.training_summary, found)
    interval = {"mean": 0.8, "ci95": [0.7, 0.9]}
    heads = {
        "heart": {"kind": "segmentation", "structures": {"lv": {"dice": {**interval, "worst": 0.4}, "missed": 1}}},
        "side": {
            "kind": "classification",
            "multi_label": False,
            "classes": ["left", "right"],
            "accuracy": interval,
            "roc_auc": {"mean": None, "ci95": [None, None]},
            "confusion_matrix": [[3, 1], [0, 4]],
        },
    }
    write_json(folder.summary, {"split": "test", "n_cases": 8, "n_subjects": 7, "heads": heads})
    rows = "".join(f"c{number},s{number},heart,lv,0.{9 - number}0,{number}.5,-1.25\n" for number in range(3))
    write_text(folder.per_case, f"case_id,subject_id,head,structure,dice,hd95_mm,volume_error_ml\n{rows}")
    rows = "a,a,left,left,0.9,0.1\nb,b,left,right,0.2,0.8\nc,c,right,right,0.4,0.6\n"
    write_text(folder.classification("side"), f"case_id,subject_id,true_class,pred_class,prob_left,prob_right\n{rows}")
    write_text(folder.report, "<!doctype html><h1>Report of the run</h1>")
    sitk.WriteImage(sitk.Image(8, 8, sitk.sitkUInt8), str(folder.figures / "heart_worst_c2.png"))
    return run.path


@pytest.fixture(scope="session")
def write_dicom_slice() -> Callable[..., None]:
    """Write a slice of an MRI series as a DICOM file, at a place, with further tags."""

    def write(path: Path, values: NDArray[np.int16], *, spacing_mm: tuple[float, float], **tags: str) -> None:
        image = sitk.GetImageFromArray(values)
        image.SetSpacing(spacing_mm)
        defaults = {
            "0008|0016": "1.2.840.10008.5.1.4.1.1.4",
            "0008|0018": f"1.2.3.{int.from_bytes(path.name.encode())}"[:64],
            "0008|0060": "MR",
            "0020|000d": "1.2",
            "0020|000e": "1.2.3",
            "0020|0037": "1\\0\\0\\0\\1\\0",
        }
        for key, value in {**defaults, **tags}.items():
            image.SetMetaData(key, value)
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.SetFileName(str(path))
        before = locale.setlocale(locale.LC_ALL)
        writer.Execute(image)
        locale.setlocale(locale.LC_ALL, before)  # GDCM's writer sets C, in which Python reads text as ASCII

    return write


@dataclass(frozen=True)
class StartedService:
    """A process of the service.

    Attributes:
        process: The process.
        address: Where it answers.
        temporary: Folder of its temporary files.
        log: What it wrote to standard error.
    """

    process: subprocess.Popen[bytes]
    address: str
    temporary: Path
    log: Path


@pytest.fixture(scope="session")
def start_service(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., AbstractContextManager[StartedService]]:
    """Start a real process of the service, by models and options."""

    @contextmanager
    def start(*arguments: object) -> Iterator[StartedService]:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        folder = tmp_path_factory.mktemp("service")
        temporary = folder / "temporary"
        temporary.mkdir()
        environment = {**os.environ, "TMPDIR": str(temporary)}
        environment.pop("MEDWEAVE_API_KEY", None)
        command = [sys.executable, "-m", "medweave", "serve", *map(str, arguments), "--port", str(port)]
        log = folder / "log.txt"
        with log.open("wb") as stream, subprocess.Popen(command, env=environment, stderr=stream) as process:
            try:
                address = f"http://127.0.0.1:{port}"
                _wait_until_ready(f"{address}/ready", process)
                yield StartedService(process, address, temporary, log)
            finally:
                process.kill()

    return start


def _wait_until_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + 120
    while time.monotonic() < ends and process.poll() is None:
        try:
            with urlopen(address, timeout=5):  # noqa: S310 -- of this machine
                return
        except (URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"{address} is not answered; exit code {process.poll()}")


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
