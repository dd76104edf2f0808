import csv
import io

from medweave.inference.rows import PredictionTable


def _classes(**chances):
    return {
        "true_class": "unknown",
        "pred_class": max(chances, key=chances.get),
        "entropy_bits": 0.5,
        "classes": {name: {"probability": chance} for name, chance in chances.items()},
    }


def _heart(unit="mL", **volumes):
    return {"image": "a.nii", "unit": unit, "structures": {name: {"volume": value} for name, value in volumes.items()}}


def _record(case_id="a", **parts):
    return {"case_id": case_id, "images": {"image": f"{case_id}.nii"}, "status": "done"} | parts


def test_a_classification_has_the_columns_of_the_known_csv():
    record = _record(classifications={"finding": _classes(COVID=0.125, **{"Viral Pneumonia": 0.875})})
    table = PredictionTable([record])
    assert table.columns == (
        *("case_id", "image_path", "status", "true_class", "pred_class", "prob_COVID", "prob_Viral Pneumonia"),
        *("entropy_bits", "missing_inputs", "warnings", "reason"),
    )
    row = table.row(record)
    assert (row["image_path"], row["true_class"], row["pred_class"]) == ("a.nii", "unknown", "Viral Pneumonia")
    assert (row["prob_COVID"], row["prob_Viral Pneumonia"]) == ("0.125000", "0.875000")


def test_volumes_measurements_and_their_units_are_columns():
    measurements = [{"name": "ef", "value": 58.1, "unit": "%"}, {"name": "ratio", "value": None, "unit": ""}]
    record = _record(segmentations={"heart": _heart(lv=61.2346)}, measurements=measurements)
    row = PredictionTable([record]).row(record)
    assert (row["lv_ml"], row["ef [%]"], row["ratio"]) == (61.2346, 58.1, "")
    assert "lungs_cm2" in PredictionTable([_record(segmentations={"lungs": _heart("cm²", lungs=3.0)})]).columns


def test_the_head_is_named_where_there_are_several():
    record = _record(
        classifications={"diagnosis": _classes(a=1.0), "diagnosis_from_measurements": _classes(a=1.0)},
        segmentations={"heart_ed": _heart(lv=1.0), "heart_es": _heart(lv=2.0)},
    )
    row = PredictionTable([record]).row(record)
    assert (row["heart_ed_lv_ml"], row["heart_es_lv_ml"]) == (1.0, 2.0)
    assert row["pred_class_diagnosis"] == row["pred_class_diagnosis_from_measurements"] == "a"
    assert row["prob_diagnosis_from_measurements_a"] == "1.000000"


def test_the_spread_has_columns_of_its_own():
    answer = _classes(a=0.75, b=0.25)
    answer["classes"]["a"]["standard_deviation"] = answer["classes"]["b"]["standard_deviation"] = 0.05
    heart = _heart(lv=61.0)
    heart["structures"]["lv"]["standard_deviation"] = 2.5
    record = _record(classifications={"finding": answer}, segmentations={"heart": heart})
    row = PredictionTable([record]).row(record)
    assert (row["prob_sd_a"], row["lv_ml_sd"]) == ("0.050000", 2.5)


def test_warnings_reasons_and_missing_inputs_are_told():
    warnings = [{"code": "spacing", "input_name": "mri", "message": ""}, {"code": "features", "input_name": "ct"}]
    record = _record(warnings=warnings, missing_inputs=["pet", "us"])
    row = PredictionTable([record]).row(record)
    assert (row["warnings"], row["missing_inputs"], row["reason"]) == ("spacing(mri) features(ct)", "pet us", "")


def test_a_failed_case_is_a_row_among_the_others():
    failed = {"case_id": "b", "images": {}, "status": "failed", "reason": "damaged, cut"}
    records = [failed, _record(segmentations={"heart": _heart(lv=1.0)})]
    stream = io.StringIO()
    PredictionTable(records).write(records, stream)
    first, second = csv.DictReader(stream.getvalue().splitlines())
    assert (first["status"], first["reason"], first["lv_ml"]) == ("failed", "damaged, cut", "")
    assert (second["status"], second["lv_ml"]) == ("done", "1.0")
