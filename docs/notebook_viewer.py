"""Makes the picture of NiiVue in a notebook: `python docs/notebook_viewer.py [MODEL]`; needs the extra browser.

Opens predict_and_view.ipynb in JupyterLab, in Debian's Chromium, and runs all its cells.
"""

import importlib.util
import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from urllib.error import URLError
from urllib.request import urlopen

import nbformat
import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

STEM = "predict_and_view"
START_S = 180.0
#: Root has no sandbox, and the viewer needs WebGL where there is no graphics card.
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
#: A kernel that answers; cells that are run before are dropped.
IS_READY = """() => {
  const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
  return kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
RUN_ALL = "() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }"
#: Where a user's settings and files would be found.
FOLDERS = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "TMPDIR")


def main() -> None:
    """Take the picture."""
    tour = tour_of_notebooks()
    parameters = {"MODEL": str(Path(sys.argv[1]).resolve())} if len(sys.argv) > 1 else {}
    with tempfile.TemporaryDirectory() as folder, lab(Path(folder), parameters) as address, sync_playwright() as api:
        browser = api.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1200, "height": 1400})
        content = picture_of_viewer(page, address, timeout_s=tour.TIMEOUT_S)
        browser.close()
    tour.keep(content, tour.IMAGES / "notebook_viewer.png")


def tour_of_notebooks() -> ModuleType:
    """Return the module docs/notebooks.py."""
    spec = importlib.util.spec_from_file_location("tour_of_notebooks", Path(__file__).with_name("notebooks.py"))
    if spec is None or spec.loader is None:
        raise FileNotFoundError
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def lab(folder: Path, parameters: Mapping[str, object]) -> Iterator[str]:
    """Serve the notebook by JupyterLab, to this machine alone and without the settings of a user.

    Args:
        folder: New folder, for all that is written.
        parameters: Of the notebook, that it has other values of.
    """
    tour = tour_of_notebooks()
    nbformat.write(tour.with_parameters(tour.NOTEBOOKS / f"{STEM}.ipynb", parameters), folder / f"{STEM}.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"]
    command += [
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={address.rpartition(':')[2]}",
        "--IdentityProvider.token=",
    ]
    command += [f"--ServerApp.root_dir={folder}", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    own = {name: folder / name.lower() for name in FOLDERS}
    for path in own.values():
        path.mkdir()
    environment = {**os.environ, **{name: str(path) for name, path in own.items()}}
    with subprocess.Popen(command, env=environment) as server:
        try:
            _wait_for(f"{address}/api", server)
            yield address
        finally:
            server.terminate()


def picture_of_viewer(page: Page, address: str, *, timeout_s: float) -> bytes:
    """Run the notebook in a page and return the picture (PNG) of the viewer, when it shows the mask.

    Raises:
        TimeoutError: It never does.
    """
    page.set_default_timeout(1000 * timeout_s)
    page.goto(f"{address}/doc/tree/{STEM}.ipynb")
    page.wait_for_function(IS_READY)
    page.evaluate(RUN_ALL)
    canvas = page.locator("canvas").first
    canvas.scroll_into_view_if_needed()
    ends = time.monotonic() + timeout_s
    while time.monotonic() < ends:
        content = canvas.screenshot()
        if share_of_mask(content) > 0:
            return content
        time.sleep(1)
    raise TimeoutError("the viewer shows no mask")


def share_of_mask(content: bytes) -> float:
    """Return the share of pixels that have the hue of the first structure; the red crosshair has another."""
    with Image.open(io.BytesIO(content)) as picture:
        red, green, blue = np.asarray(picture.convert("RGB")).astype(int).transpose(2, 0, 1)
    return float(np.mean((red > green + 20) & (green > blue + 40)))


def _wait_for(address: str, server: "subprocess.Popen[bytes]") -> None:
    ends = time.monotonic() + START_S
    while server.poll() is None and time.monotonic() < ends:
        try:
            with urlopen(address, timeout=5):  # noqa: S310 -- of this machine
                return
        except (URLError, OSError):
            time.sleep(0.3)
    raise TimeoutError(f"JupyterLab did not start: {server.poll()}")


if __name__ == "__main__":
    main()
