"""How long `medweave --help` takes: it must not import PyTorch."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from recording import machine_facts, record

RUNS = 10


def main() -> None:
    machine = machine_facts()
    seconds = timed([str(Path(sys.executable).with_name("medweave")), "--help"])
    python = timed([sys.executable, "-c", "pass"])
    record(
        "help_latency",
        title="`medweave --help`",
        conditions=f"{RUNS} runs, each a process",
        machine=machine,
        rows=[
            ("best", min(seconds), "s"),
            ("median", median(seconds), "s"),
            ("of which Python's own start, median", median(python), "s"),
        ],
    )


def timed(command: Sequence[str]) -> list[float]:
    """Return the seconds of each run of a command."""
    durations = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        durations.append(time.perf_counter() - start)
    return durations


if __name__ == "__main__":
    main()
