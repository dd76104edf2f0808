from functools import partial

import pandas as pd
import pytest

from medweave.core.errors import RunError
from medweave.data.layouts.layout import scan
from medweave.inference.bundle import read_description
from medweave.workflows import demo

OVERRIDES = (
    "training.max_epochs=1",
    "training.loader_workers=0",
    "training.precision=float32",
    "model.encoders.cine.channels=[4,8,8,8]",
    "preprocessing.cine.spacing_mm=[7,7,10]",
    "preprocessing.cine.size_voxels=[24,24,12]",
)


@pytest.fixture
def small(monkeypatch):
    """Make the demo small: ten coarse cases, one epoch."""
    monkeypatch.setattr(demo, "CASES", 10)
    monkeypatch.setattr(demo, "write_cardiac_study", partial(demo.write_cardiac_study, size_voxels=(24, 24)))
    monkeypatch.setattr(demo.train, "run", partial(demo.train.run, overrides=OVERRIDES))


def test_the_demo_leaves_everything_that_it_names(small, tmp_path):
    stages = []
    result = demo.run(tmp_path / "demo", on_stage=stages.append)
    data, run = tmp_path / "demo/data", tmp_path / "demo/run"
    assert stages[:5] == [
        f"medweave phantom cardiac --cases 10 --output {data}",
        f"medweave inspect {data} --output {tmp_path / 'demo/inspection'}",
        f"medweave train demo --data {data} --output {run}",
        f"medweave evaluate {run}",
        f"medweave export {run} --output {tmp_path / 'demo/bundle'}",
    ]
    assert stages[5].startswith(f"medweave predict {run} {data / 'patient0'}")
    assert len(scan(tmp_path / "demo/data").cases) == 10
    assert all(file.is_file() for file in (result.inspection, result.report, result.run / "model.safetensors"))
    assert read_description(result.bundle).name == "demo"
    predicted = pd.read_csv(result.predictions / "predictions.csv")
    judged = pd.read_csv(result.report.parent / "per_case.csv")
    assert set(predicted["case_id"]) == set(judged["case_id"])
    assert set(predicted["status"]) == {"done"}
    assert set(result.summary["heads"]) == {"heart_ed", "heart_es", "diagnosis", "diagnosis_from_measurements"}


def test_a_filled_folder_is_refused(tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(RunError, match="the output folder is not empty"):
        demo.run(tmp_path)
