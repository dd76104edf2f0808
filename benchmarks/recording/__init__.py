"""What benchmarks share: state the machine, time a call, write the numbers into docs/results/, print them."""

import os
import platform
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from medweave.core.files import write_json
from medweave.runs.manifest import now

RESULTS = Path(__file__).parents[2] / "docs" / "results"


def machine_facts() -> dict[str, Any]:
    """Return what the numbers depend on beside the code."""
    return {
        "processor": _processor_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "load_at_start": round(os.getloadavg()[0], 1),
        "platform": platform.system(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "monai": version("monai"),
        "date": now()[:10],
    }


def record(
    name: str, *, title: str, conditions: str, machine: Mapping[str, Any], rows: Sequence[tuple[str, float, str]]
) -> None:
    """Write docs/results/NAME.json and print the rows.

    Args:
        name: Of the benchmark.
        title: What was measured.
        conditions: How.
        machine: `machine_facts()` from before the measurement.
        rows: Quantity, value and unit.
    """
    measured = [{"quantity": quantity, "value": float(f"{value:.4g}"), "unit": unit} for quantity, value, unit in rows]
    content = {"title": title, "conditions": conditions, "machine": machine, "measured": measured}
    write_json(RESULTS / f"{name}.json", content)
    print_rows(title, rows)


def print_rows(title: str, rows: Sequence[tuple[str, float, str]]) -> None:
    """Print quantity, value and unit of each row."""
    print(title)
    for quantity, value, unit in rows:
        print(f"  {quantity:60} {value:>10.4g} {unit}")


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peak_memory_mb() -> float:
    """Return the largest resident memory that this process has had."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage on Linux begins with the peak of the process that started this one
        (peak,) = (line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 2**10
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak_bytes / 2**20


def _processor_name() -> str:
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
