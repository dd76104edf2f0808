"""A folder of 500 radiographs with a bundle, and of 50: pictures per second and peak memory."""

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bundle_latency import RECIPE, SIZE_PIXELS, WITHOUT_TORCH, draw_radiograph, write_bundle
from recording import machine_facts, record

COUNTS = (50, 500)


def main() -> None:
    machine = machine_facts()
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_bundle(folder / "bundle")
        rows = []
        for count in COUNTS:
            draw_radiographs(folder / f"{count}", count)
            seconds, peak_mb = predict(folder / "bundle", folder / f"{count}", folder / f"out_{count}")
            rows += [
                (f"{count} radiographs: all of it", seconds, "s"),
                (f"{count} radiographs: throughput", count / seconds, "a second"),
                (f"{count} radiographs: peak memory", peak_mb, "MB"),
            ]
    record(
        "folder_of_radiographs",
        title="A folder of radiographs with a bundle",
        conditions=f"{SIZE_PIXELS[0]}x{SIZE_PIXELS[1]} pixels, recipe `{RECIPE}` with random weights, float32; "
        "`medweave predict` in a process without PyTorch, label map, overlay and record of each picture written",
        machine=machine,
        rows=rows,
    )


def draw_radiographs(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        draw_radiograph(folder / f"{number:03}.png", seed=number)


def predict(bundle: Path, images: Path, output: Path) -> tuple[float, float]:
    """Return the seconds of the command and its peak memory in MB."""
    command = [sys.executable, "-c", WITHOUT_TORCH, "predict", str(bundle), str(images), "--output", str(output)]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{command} ended with {os.waitstatus_to_exitcode(status)}")
    return seconds, usage.ru_maxrss / 2**10


if __name__ == "__main__":
    main()
