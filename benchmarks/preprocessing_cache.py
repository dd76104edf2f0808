"""Examining and preprocessing a study for the first time, and again when the store knows its files."""

import tempfile
import time
from pathlib import Path

from recording import machine_facts, record

from medweave.building.check import read_recipe
from medweave.building.study import build_study_source
from medweave.data.examination import examine_all
from medweave.data.facts_store import FactsStore
from medweave.data.layouts.layout import scan
from medweave.data.preparation import prepare
from medweave.phantoms.heart import write_heart_study
from medweave.preprocessing.cache import ArrayStore
from medweave.training.trainer import default_workers

RECIPE = "heart"
CASES = 8
SIZE_VOXELS = (112, 112, 80)


def main() -> None:
    machine = machine_facts()
    source = build_study_source(read_recipe(RECIPE))
    workers = default_workers() + 1
    with tempfile.TemporaryDirectory() as folder:
        write_heart_study(Path(folder) / "data", n_cases=CASES, seed=0, size_voxels=SIZE_VOXELS)
        index, store = scan(Path(folder) / "data"), ArrayStore(Path(folder) / "store")
        examined, seconds = [], []
        for _ in range(2):
            start = time.perf_counter()
            examine_all(index, store=FactsStore(store), workers=workers)
            examined.append(time.perf_counter() - start)
        for expected in (CASES, 0):
            start = time.perf_counter()
            computed = prepare(index.cases, source, store=store, workers=workers).computed
            seconds.append(time.perf_counter() - start)
            if computed != expected:
                message = f"{computed} cases were computed instead of {expected}"
                raise RuntimeError(message)
        stored = sum(file.stat().st_size for file in store.root.rglob("*.npy"))
    record(
        "preprocessing_cache",
        title="Examining and preprocessing a study, first and second time",
        conditions=f"{CASES} phantoms of about {'x'.join(map(str, SIZE_VOXELS))} voxels with the recipe `{RECIPE}`, "
        f"{workers} threads; the second time every file is read to compare its content, nothing is computed",
        machine=machine,
        rows=[
            ("examining, first run", examined[0], "s"),
            ("examining, second run", examined[1], "s"),
            ("examining, first / second", examined[0] / examined[1], "times"),
            ("preprocessing, first run", seconds[0], "s"),
            ("preprocessing, second run", seconds[1], "s"),
            ("preprocessing, first / second", seconds[0] / seconds[1], "times"),
            ("store, per case", stored / CASES / 2**20, "MB"),
        ],
    )


if __name__ == "__main__":
    main()
