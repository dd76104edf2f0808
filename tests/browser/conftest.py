"""A server of the app, and a browser to open it with."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from medweave.phantoms.chest_xray import write_chest_xray_study

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "out" / "browser"
START_S = 180.0
#: Root has no sandbox, and the viewer needs WebGL where there is no graphics card.
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]


@pytest.fixture(scope="session")
def radiograph(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A picture and its mask: real where the example data are there, or else a phantom."""
    root = ROOT / "../shared/data/cxr_lungs_4class"
    if not root.is_dir():
        root = tmp_path_factory.mktemp("radiographs")
        write_chest_xray_study(root, n_cases=12, share_without_mask=0.0)
    picture = sorted((root / "Normal" / "images").glob("*.png"))[0]
    return picture.resolve(), (root / "Normal" / "masks" / picture.name).resolve()


@pytest.fixture(scope="session")
def volume(heart_study: Path) -> tuple[Path, Path]:
    """A volume and its label map: real where the example data are there, or else a phantom."""
    root = ROOT / "../shared/data/msd_hippocampus"
    root = root if root.is_dir() else heart_study
    volume = sorted((root / "imagesTr").glob("*.nii.gz"))[0]
    return volume.resolve(), (root / "labelsTr" / volume.name).resolve()


@pytest.fixture(scope="session")
def address(picture_bundle: Path, volume_bundle: Path, browsed_run: Path, heart_study: Path) -> Iterator[str]:
    """Where the app is served, by a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "medweave", "app", picture_bundle, volume_bundle]
    command += ["--run", browsed_run, "--data", heart_study, "--port", port]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen([str(part) for part in command], env=environment) as server:
        try:
            _wait_for(f"http://127.0.0.1:{port}/_stcore/health", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _wait_for(address: str, server: "subprocess.Popen[bytes]") -> None:
    ends = time.monotonic() + START_S
    while time.monotonic() < ends and server.poll() is None:
        try:
            with urlopen(address, timeout=5):  # noqa: S310 -- of this machine
                return
        except (URLError, OSError):
            time.sleep(0.3)
    pytest.fail(f"the app did not start: {server.poll()}")


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """Chromium without a window."""
    api = pytest.importorskip("playwright.sync_api", reason="the browser tests need `make test-browser`")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium on this machine: apt-get install chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: "Browser", request: pytest.FixtureRequest) -> "Iterator[Page]":
    """A page that may fetch nothing from elsewhere, and leaves a picture of itself under out/browser."""
    elsewhere: list[str] = []
    page = browser.new_page(viewport={"width": 1200, "height": 1500})
    page.set_default_timeout(120_000)

    def note(url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")):
            elsewhere.append(url)

    page.on("request", lambda found: note(found.url))
    yield page
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{request.node.name.removeprefix('test_')}.png")
    page.close()
    assert elsewhere == []
