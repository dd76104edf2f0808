"""A bundle behind `medweave serve`: latency and requests per second by number of clients, peak memory, overhead.

`python benchmarks/service.py [BUNDLE IMAGE]`; without them a chest X-ray network with random weights.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

import httpx2
import psutil
from bundle_latency import RECIPE, SIZE_PIXELS, WITHOUT_TORCH, draw_radiograph, timed, write_bundle
from recording import machine_facts, record

from medweave.data.case import Case
from medweave.inference.bundle import load_bundle

CLIENTS = (1, 4, 16)
#: Requests in a round of each number of clients; the numbers take turns, so that a noisy minute spoils none alone.
REQUESTS, ROUNDS = 48, 3
PAIRS, WARM_UP = 40, 3
START_S, ANSWER_S = 120, 120


def main() -> None:
    machine = machine_facts()
    with TemporaryDirectory() as name:
        if len(sys.argv) > 1:
            bundle, picture = Path(sys.argv[1]), Path(sys.argv[2])
            what = f"bundle `{bundle.name}`, {picture.suffix.removeprefix('.').upper()}"
        else:
            bundle, picture = Path(name) / "bundle", Path(name) / "radiograph.png"
            write_bundle(bundle)
            draw_radiograph(picture)
            what = f"{SIZE_PIXELS[0]}x{SIZE_PIXELS[1]} pixels, recipe `{RECIPE}` with random weights, float32"
        with server(bundle) as (process, address):
            busy = Busy(process)
            rows = overhead(bundle, picture, address)
            rows += [("peak memory of the server, 1 client", peak_memory_mb(process), "MB"), *load(picture, address)]
            rows += [
                (f"peak memory of the server, {max(CLIENTS)} clients", peak_memory_mb(process), "MB"),
                ("requests that failed", failed(address), ""),
                ("cores that other programs took meanwhile", busy.others(), ""),
            ]
    record(
        "service",
        title="A bundle behind the service",
        conditions=f"{what}; a server process without PyTorch, clients on the same machine; {ROUNDS} rounds of "
        f"{REQUESTS} requests for each number of clients, in turns; the overhead is the median over "
        f"{PAIRS} pairs of a request and a prediction by the Predictor, in turns",
        machine=machine,
        rows=rows,
    )


@contextmanager
def server(bundle: Path) -> Iterator[tuple[int, str]]:
    """Start a server; yield its process id and the address of the model."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    arguments = ["serve", str(bundle), "--port", str(port), "--queue-length", str(2 * max(CLIENTS))]
    environment = {name: value for name, value in os.environ.items() if name != "MEDWEAVE_API_KEY"}
    command = [sys.executable, "-c", WITHOUT_TORCH, *arguments]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until_ready(process, f"http://127.0.0.1:{port}/ready")
            yield process.pid, f"http://127.0.0.1:{port}/models/{bundle.resolve().name}/predictions"
        finally:
            process.terminate()


def wait_until_ready(process: subprocess.Popen[bytes], address: str) -> None:
    ends = time.monotonic() + START_S
    while time.monotonic() < ends and process.poll() is None:
        try:
            httpx2.get(address).raise_for_status()
            return
        except httpx2.HTTPError:
            time.sleep(0.1)
    raise SystemExit("the server does not start")


def ask(client: httpx2.Client, address: str, content: bytes) -> float:
    """Return the seconds of a request, which must be answered."""
    return timed(lambda: client.post(address, files={"image": content}).raise_for_status())


def overhead(bundle: Path, picture: Path, address: str) -> list[tuple[str, float, str]]:
    """Compare requests with predictions by the Predictor, in turns."""
    predictor, content = load_bundle(bundle), picture.read_bytes()
    case = Case("radiograph", "radiograph", images={"image": picture})
    with httpx2.Client(timeout=ANSWER_S) as client:
        pairs = [
            (timed(lambda: predictor.predict(case)), ask(client, address, content)) for _ in range(PAIRS + WARM_UP)
        ][WARM_UP:]
    return [
        ("Predictor alone, p50", 1e3 * median(alone for alone, _ in pairs), "ms"),
        ("service, p50", 1e3 * median(served for _, served in pairs), "ms"),
        ("overhead, p50", 1e3 * median(served - alone for alone, served in pairs), "ms"),
    ]


def load(picture: Path, address: str) -> list[tuple[str, float, str]]:
    """Ask with several clients at a time."""
    content, rows = picture.read_bytes(), []
    seconds: dict[int, list[float]] = {count: [] for count in CLIENTS}
    taken_s = dict.fromkeys(CLIENTS, 0.0)
    with httpx2.Client(timeout=ANSWER_S) as client:
        for count in CLIENTS * ROUNDS:
            with ThreadPoolExecutor(count) as pool:
                started = time.perf_counter()
                seconds[count] += pool.map(lambda _: ask(client, address, content), range(REQUESTS))
                taken_s[count] += time.perf_counter() - started
    for count in CLIENTS:
        who = "1 client" if count == 1 else f"{count} clients"
        rows += [
            (f"{who}, p50", 1e3 * median(seconds[count]), "ms"),
            (f"{who}, p95", 1e3 * quantiles(seconds[count], n=20)[-1], "ms"),
            (f"{who}, requests per second", len(seconds[count]) / taken_s[count], "1/s"),
        ]
    return rows


class Busy:
    """How much of the processor other programs take, from now on.

    Args:
        server: Its process, which is none of them.
    """

    def __init__(self, server: int) -> None:
        self._ours = (psutil.Process(), psutil.Process(server))
        self._started, self._since = self._seconds(), time.perf_counter()

    def others(self) -> float:
        """Return the cores that they have taken."""
        return (self._seconds() - self._started) / (time.perf_counter() - self._since)

    def _seconds(self) -> float:
        machine, ours = psutil.cpu_times(), [process.cpu_times() for process in self._ours]
        idle = machine.idle + getattr(machine, "iowait", 0.0) + getattr(machine, "guest", 0.0)
        return sum(machine) - idle - sum(each.user + each.system for each in ours)


def failed(address: str) -> float:
    """Return the number of predictions that the server counts as failed."""
    lines = httpx2.get(f"{address.partition('/models')[0]}/metrics").text.splitlines()
    counts = [line for line in lines if line.startswith("medweave_predictions_total") and 'status="failed"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in counts)


def peak_memory_mb(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 2**10


if __name__ == "__main__":
    main()
