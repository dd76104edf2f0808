"""Executes the notebooks on phantoms and keeps their pictures: `python docs/notebooks.py [NAME …]`, some minutes.

Each picture of docs/how-to/notebooks.md is an output of a cell, which `PICTURES` names.
"""

import base64
import io
import math
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from queue import Empty
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from PIL import Image

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "notebooks"
IMAGES = ROOT / "docs" / "images"
#: Notebook, cell and position among the pictures of that cell.
PICTURES = {
    "notebook_histograms": ("explore_data", "histograms", -1),
    "notebook_slices": ("explore_data", "slices", 0),
    "notebook_batch": ("train_one_epoch", "batch", 0),
    "notebook_panels": ("inspect_results", "panels", 0),
    "notebook_probability": ("inspect_results", "probability", 0),
    "notebook_sure": ("predict_and_view", "sure", 0),
}
PICTURE_WIDTH = 1200
TIMEOUT_S = 1200
LOOK_AGAIN_S = 1.0
WIDGET, WIDGETS = "application/vnd.jupyter.widget-view+json", "application/vnd.jupyter.widget-state+json"


def main() -> None:
    """Execute the notebooks that are named, or all, and rewrite their pictures."""
    names = {path.stem: path for path in notebooks()}
    unknown = [name for name in sys.argv[1:] if name not in names]
    if unknown:
        sys.exit(f"error: no notebook {', '.join(unknown)}; there are {', '.join(names)}")
    for path in [names[name] for name in sys.argv[1:] or names]:
        print(path.name, flush=True)  # noqa: T201 -- a script
        with tempfile.TemporaryDirectory() as work:
            executed = execute(path, {}, work=Path(work))
        for name, (stem, cell, position) in PICTURES.items():
            if stem == path.stem:
                keep(pictures(executed, cell)[position], IMAGES / f"{name}.png")


def notebooks() -> list[Path]:
    """Return the notebooks, sorted."""
    return sorted(NOTEBOOKS.glob("*.ipynb"))


def with_parameters(path: Path, parameters: Mapping[str, object]) -> NotebookNode:
    """Return a notebook in which some names of its cell of parameters have other values, as papermill does it."""
    notebook = nbformat.read(path, as_version=4)
    source = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    position = next(i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ()))
    notebook.cells.insert(position + 1, new_code_cell(source, id="injected"))
    return notebook


class PatientClient(NotebookClient):
    """Looks for a reply each second.

    For widgets nbclient writes to the socket that it awaits a cell's reply on, and can then miss that it has come until
    the cell's time is over (nbclient issue 312).
    """

    async def async_start_new_kernel_client(self) -> Any:
        """Start a kernel, and return a client of it that looks again."""
        client = await super().async_start_new_kernel_client()
        wait_once = client.shell_channel.get_msg

        async def wait(timeout: float | None = None) -> Any:
            end = math.inf if timeout is None else time.monotonic() + timeout
            while True:
                try:
                    return await wait_once(timeout=max(min(LOOK_AGAIN_S, end - time.monotonic()), 0))
                except Empty:
                    if time.monotonic() >= end:
                        raise

        client.shell_channel.get_msg = wait
        return client


def execute(path: Path, parameters: Mapping[str, object], *, work: Path) -> NotebookNode:
    """Return a notebook with the outputs of all its cells.

    Args:
        path: The notebook, which stays as it is.
        parameters: As for `with_parameters`.
        work: Its temporary folders are made in here.

    Raises:
        CellExecutionError: A cell raised an error.
    """
    notebook = with_parameters(path, parameters)
    client = PatientClient(notebook, timeout=TIMEOUT_S, resources={"metadata": {"path": str(path.parent)}})
    client.execute(env={**os.environ, "TMPDIR": str(work)})
    return notebook


def cell_of(notebook: NotebookNode, name: str) -> NotebookNode:
    """Return the cell that has an id."""
    return next(cell for cell in notebook.cells if cell.id == name)


def pictures(notebook: NotebookNode, cell: str) -> list[bytes]:
    """Return the pictures (PNG) that a cell shows, those of its widgets included."""
    outputs = list(cell_of(notebook, cell).outputs)
    for output in list(outputs):
        shown = output.get("data", {}).get(WIDGET)
        outputs += widget_outputs(notebook, shown["model_id"]) if shown else []
    data = [output["data"]["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    return [base64.b64decode(content) for content in data]


def widget_outputs(notebook: NotebookNode, model_id: str) -> list[dict[str, Any]]:
    """Return what a widget, or those that it holds, captured of outputs."""
    state = notebook.metadata.widgets[WIDGETS]["state"][model_id]["state"]
    children = [child.removeprefix("IPY_MODEL_") for child in state.get("children", ())]
    return [*state.get("outputs", ()), *(output for child in children for output in widget_outputs(notebook, child))]


def keep(content: bytes, target: Path) -> None:
    """Write a picture, reduced to the width that a page shows."""
    with Image.open(io.BytesIO(content)) as picture:
        if picture.width > PICTURE_WIDTH:
            picture.thumbnail((PICTURE_WIDTH, picture.height))
        picture.convert("RGB").quantize(128).save(target, optimize=True)


if __name__ == "__main__":
    main()
