import json

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from medweave.evaluation.agreement import MeasuredCase
from medweave.evaluation.classification import ClassifiedCase
from medweave.evaluation.evaluator import CaseScores, score_case
from medweave.evaluation.folder import write_evaluation
from medweave.evaluation.judging import Judgement
from medweave.evaluation.report.classification import CaseImage
from medweave.evaluation.report.segmentation import CaseFiles
from medweave.evaluation.summary import summarise
from medweave.inference.prediction import ClassificationHeadInfo, SegmentationHeadInfo
from medweave.measurements.measurement import Measurement
from medweave.preprocessing.geometry import Grid, to_image
from medweave.runs.evaluation_folder import EvaluationFolder

GRID = Grid((6, 6), (1.0, 1.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))
CASES = ("a", "b")


@pytest.fixture
def judgement(tmp_path):
    """Two cases with a mask and a grade; a second class head has no truth at all."""
    labels = np.eye(6, dtype=np.uint8)
    sitk.WriteImage(to_image(labels, GRID), str(tmp_path / "image.nii.gz"))
    files = CaseFiles(*[tmp_path / "image.nii.gz"] * 3, spatial_dims=2)
    scores = score_case(labels, labels, structures={"lungs": 1}, grid=GRID)
    heads = {"grade": ClassificationHeadInfo(("low", "high")), "sex": ClassificationHeadInfo(("f", "m"))}
    return Judgement(
        {"lungs": SegmentationHeadInfo({"lungs": 1}, "softmax", "front", "front")},
        heads,
        [CaseScores(case, case, "lungs", scores) for case in CASES],
        [ClassifiedCase(case, case, "grade", ("high",), {"low": 0.25, "high": 0.75}) for case in CASES],
        {(case, "lungs"): files for case in CASES},
        {case: CaseImage(files.image, 2) for case in CASES},
    )


def _write(folder, found):
    summary = summarise(found, split="test", n_part_cases=2)
    write_evaluation(EvaluationFolder(folder), found, summary=summary, facts={})
    return sorted(path.name for path in folder.iterdir())


def test_every_kind_of_head_leaves_its_tables(judgement, tmp_path):
    assert _write(tmp_path / "test", judgement) == [
        "classification_grade.csv",
        "classification_report.json",
        "figures",
        "per_case.csv",
        "report.html",
        "summary.json",
    ]
    table = pd.read_csv(tmp_path / "test/classification_grade.csv", dtype=str)
    assert table["prob_high"].tolist() == ["0.750000"] * 2
    report = json.loads((tmp_path / "test/classification_report.json").read_text())
    assert list(report) == ["grade"]
    assert report["grade"]["high"]["support"] == 2
    summary = json.loads((tmp_path / "test/summary.json").read_text())
    assert summary["heads"]["sex"]["n_without_truth"] == 2


def test_measurements_have_a_table_with_their_truth(judgement, tmp_path):
    taken, true = Measurement("volume", 9.0, "mL"), Measurement("volume", 10.0, "mL")
    judgement.measured.append(MeasuredCase("a", "s", [taken], [true]))
    assert "measurements.csv" in _write(tmp_path / "test", judgement)
    (row,) = pd.read_csv(tmp_path / "test/measurements.csv").to_dict("records")
    assert (row["case_id"], row["measurement"], row["unit"], row["predicted"], row["truth"]) == (
        *("a", "volume", "mL"),
        *(9.0, 10.0),
    )


def test_what_no_case_has_truth_for_has_no_table(judgement, tmp_path):
    found = Judgement(judgement.segmentation_heads, {}, judgement.scores, files=judgement.files)
    assert _write(tmp_path / "test", found) == ["figures", "per_case.csv", "report.html", "summary.json"]
