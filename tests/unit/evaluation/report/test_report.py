from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from medweave.evaluation.agreement import MeasuredCase, measurement_table, summarise_agreement
from medweave.evaluation.classification import ClassifiedCase, summarise_classification
from medweave.evaluation.evaluator import CaseScores, per_case_table, score_case, summarise_segmentation
from medweave.evaluation.report.classification import CaseImage, ClassificationResults
from medweave.evaluation.report.report import write_report
from medweave.evaluation.report.segmentation import CaseFiles, SegmentationResults
from medweave.evaluation.shortcut import summarise_control
from medweave.measurements.measurement import Measurement
from medweave.preprocessing.geometry import Grid, to_image

CLASSES = ("<normal>", "viral")
MEASUREMENTS = measurement_table(
    [
        MeasuredCase(f"case_{number}", f"case_{number}", [Measurement("<volume>", 9.0 + number, "mL")], [truth])
        for number, truth in enumerate([Measurement("<volume>", 10.0, "mL")] * 4)
    ]
)
GRID = Grid((12, 12), (1.0, 1.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Four images with a mask and a class; one mask is missed and one class is wrong."""
    folder = tmp_path_factory.mktemp("study")
    truth = np.zeros((12, 12), dtype=np.uint8)
    truth[3:8, 3:8] = 1
    scores, files, classified, images = [], {}, [], {}
    for number in range(4):
        case_id = f"case_{number}"
        predicted = np.zeros_like(truth) if number == 1 else np.roll(truth, number, axis=0)
        paths = [folder / f"{case_id}_{kind}.nii.gz" for kind in ("image", "truth", "prediction")]
        for path, array in zip(paths, (truth.astype(np.float32), truth, predicted), strict=True):
            sitk.WriteImage(to_image(array, GRID), str(path))
        files[case_id] = CaseFiles(*paths, spatial_dims=2)
        images[case_id] = CaseImage(paths[0], spatial_dims=2)
        found = score_case(predicted, truth, structures={"lungs": 1}, grid=GRID)
        scores.append(CaseScores(case_id, case_id, "lungs", found))
        sure = 0.8 if number == 3 else 0.3 + 0.4 * (number % 2)
        answer = {"<normal>": 1 - sure, "viral": sure}
        missing = ("lateral",) if number == 2 else ()
        classified.append(ClassifiedCase(case_id, case_id, "diagnosis", (CLASSES[number == 1],), answer, missing))
    classes = {"classes": CLASSES, "multi_label": False}
    summary = {
        "split": "test",
        "n_cases": 4,
        "n_subjects": 4,
        "heads": {
            "lungs": summarise_segmentation(scores, n_part_cases=5),
            "diagnosis": summarise_classification(classified, **classes, n_part_cases=6),
        },
        "measurements": summarise_agreement(MEASUREMENTS),
    }
    control = dict.fromkeys(("whole_image", "region_alone", "region_removed"), classified)
    summary["heads"]["diagnosis"]["shortcut_control"] = summarise_control(
        control, **classes, n_judged=4, judged_classes=CLASSES
    )
    segmentations = {"lungs": SegmentationResults({"lungs": 1}, per_case_table(scores), files)}
    classifications = {"diagnosis": ClassificationResults(**classes, cases=classified, images=images)}
    return summary, segmentations, classifications


@pytest.fixture(scope="module")
def page(tmp_path_factory, study):
    folder = tmp_path_factory.mktemp("report")
    summary, segmentations, classifications = study
    write_report(
        folder,
        summary=summary,
        segmentations=segmentations,
        classifications=classifications,
        measurements=MEASUREMENTS,
        facts={"model": "runs/<x>"},
    )
    return folder, (folder / "report.html").read_text(encoding="utf-8")


def test_the_report_states_scores_intervals_and_what_is_missed(page):
    _, html = page
    assert "4 cases of 4 subjects" in html
    assert "missed structures of 4" in html
    assert "1 of 4" in html
    assert "1 case without a true label map left out" in html
    assert "2 cases without a true class left out" in html
    assert "Only 4 subjects" in html
    assert html.count('<tr class="missed" title="missed"') == 1
    assert html.count('<tr class="missed" title="wrong"') == 1


def test_the_report_shows_classes_by_class_by_missing_inputs_and_the_surest_error(page):
    _, html = page
    assert "accuracy of diagnosis" in html
    assert "without lateral" in html
    assert "1 of 4 cases are answered wrong" in html
    assert 'alt="Image of case_3"' in html
    assert '&lt;normal&gt; <span class="badge ok">true</span>' in html
    assert 'viral <span class="badge error">answered</span>' in html
    assert "<th>missing inputs</th>" in html
    assert html.count(' of diagnosis"></figure>') == 4  # confusion, two curves, calibration


def test_the_report_shows_the_control_of_shortcuts(page):
    _, html = page
    assert "all but the masked region" in html
    assert "75% of the cases are still answered right" in html


def test_the_figures_lie_beside_the_report(page):
    folder, _ = page
    assert sorted(path.name for path in (folder / "figures").iterdir()) == [
        "diagnosis_calibration.png",
        "diagnosis_confusion_matrix.png",
        "diagnosis_error_case_3.png",
        "diagnosis_precision_recall_curves.png",
        "diagnosis_roc_curves.png",
        "lungs_best_case_0.png",
        "lungs_distribution.png",
        "lungs_median_case_3.png",
        "lungs_sample_overlays.png",
        "lungs_worst_case_1.png",
        "measurement_agreement.png",
    ]


def test_the_report_loads_nothing_and_escapes_names(page):
    _, html = page
    assert "https://" not in html
    assert "http://" not in html
    assert "runs/&lt;x&gt;" in html
    assert "<normal>" not in html
    assert "<volume>" not in html


def test_the_report_shows_how_measurements_agree(page):
    folder, html = page
    assert "Limits of agreement" in html
    assert '&lt;volume&gt; <span class="interval">mL</span>' in html
    assert (folder / "figures/measurement_agreement.png").is_file()


def test_one_kind_of_head_is_described_without_the_other(study, tmp_path):
    summary, segmentations, classifications = study
    for name, arguments in {
        "lungs": {"segmentations": segmentations, "classifications": {}},
        "diagnosis": {"segmentations": {}, "classifications": classifications},
    }.items():
        one = summary | {"heads": {name: summary["heads"][name]}, "measurements": {}}
        write_report(tmp_path / name, summary=one, measurements=measurement_table([]), facts={}, **arguments)
        html = (tmp_path / name / "report.html").read_text(encoding="utf-8")
        assert "Limits of agreement" not in html
        assert ("HD95" in html) == (name == "lungs")
        assert ("Brier score" in html) == (name == "diagnosis")


def test_a_long_table_is_cut_and_says_so(tmp_path, study):
    summary, segmentations, classifications = study
    found, answers = segmentations["lungs"], classifications["diagnosis"]
    long = replace(found, table=pd.concat([found.table] * 300))
    many = replace(answers, cases=[case for case in answers.cases for _ in range(300)])
    write_report(
        tmp_path,
        summary=summary,
        segmentations={"lungs": long},
        classifications={"diagnosis": many},
        measurements=MEASUREMENTS,
        facts={},
    )
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "click a heading to sort. Here are 1000 of 1200 rows; all are in per_case.csv." in html
    assert "click a heading to sort. Here are 1000 of 1200 rows; all are in classification_diagnosis.csv." in html
    assert html.count('class="missed" title="missed"') == 300  # of the worst, none is cut
    assert html.count('class="missed" title="wrong"') == 300


def test_a_short_table_is_whole(page):
    _, html = page
    assert "click a heading to sort. Also in per_case.csv." in html
    assert "click a heading to sort. Also in classification_diagnosis.csv." in html
