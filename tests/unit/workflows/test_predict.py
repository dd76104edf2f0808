import csv
import json

import numpy as np
import pytest
import SimpleITK as sitk

from medweave.core.errors import UsageError
from medweave.workflows import predict


def _array(path):
    return sitk.GetArrayFromImage(sitk.ReadImage(path))


def test_a_file_a_folder_and_a_study_are_all_inputs(tiny_run, heart_study, tmp_path):
    file = heart_study / "imagesTr/heart_000.nii.gz"
    for name, source, count in (("file", file, 1), ("folder", file.parent, 6), ("study", heart_study, 6)):
        report = predict.run(tiny_run, [source], output=tmp_path / name, overlay=False)
        assert [row["status"] for row in report.rows] == ["done"] * count
        assert len(list((tmp_path / name).glob("*.nii.gz"))) == count
    np.testing.assert_array_equal(*(_array(tmp_path / name / "heart_000_heart.nii.gz") for name in ("file", "study")))


def test_probabilities_agree_with_the_label_map(tiny_run, heart_study, tmp_path):
    file = heart_study / "imagesTr/heart_000.nii.gz"
    predict.run(tiny_run, [file], output=tmp_path / "new", probabilities=True, overlay=False)
    probability = _array(tmp_path / "new/heart_000_heart_probability_left_atrium.nii.gz")
    assert (probability.min() >= 0, probability.max() <= 1) == (True, True)
    np.testing.assert_array_equal(_array(tmp_path / "new/heart_000_heart.nii.gz") == 1, probability > 0.5)


def test_the_tables_hold_every_case_and_the_progress_counts_them(tiny_run, heart_study, tmp_path):
    calls = []
    report = predict.run(
        tiny_run, [heart_study], output=tmp_path / "new", on_progress=lambda *progress: calls.append(progress)
    )
    assert calls == [("predicting", number, 6) for number in range(1, 7)]
    table = list(csv.DictReader((tmp_path / "new/predictions.csv").read_text().splitlines()))
    content = json.loads((tmp_path / "new/predictions.json").read_text())
    assert [row["case_id"] for row in table] == [row["case_id"] for row in content["predictions"]]
    assert [float(row["volume_ml"]) for row in table] == [row["volume_ml"] for row in report.rows]
    assert content["model"] == str(tiny_run)
    assert len(list((tmp_path / "new").glob("*_heart_overlay.png"))) == 6


def test_nothing_to_predict_is_wrong_usage(tiny_run, tmp_path):
    with pytest.raises(UsageError, match="nothing to predict"):
        predict.run(tiny_run, [], output=tmp_path / "new")
