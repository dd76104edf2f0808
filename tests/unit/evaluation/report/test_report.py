import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from medweave.evaluation.evaluator import CaseScores, per_case_table, score_case, summarise
from medweave.evaluation.report.report import CaseFiles, SegmentationResults, ranked_cases, write_report
from medweave.preprocessing.geometry import Grid, to_image

STRUCTURES = {"left": 1, "right": 2}


def _study(folder, *, spatial_dims, n_cases=4):
    """Write the files of a few cases and score them; the second case misses a structure."""
    size = (24, 24, 12)[:spatial_dims]
    grid = Grid(size, (1.0, 1.0, 2.0)[:spatial_dims], (0.0,) * spatial_dims, tuple(np.eye(spatial_dims).ravel()))
    rng = np.random.default_rng(0)
    scores, files = [], {}
    for number in range(n_cases):
        truth = np.zeros(size, dtype=np.uint8)
        truth[4:10, 5:18] = 1
        truth[13:20, 5:18] = 2
        predicted = np.roll(truth, number, axis=1)
        predicted[predicted == (2 if number == 1 else 0)] = 0
        case_id = f"case_{number}"
        paths = [folder / f"{case_id}_{kind}.nii.gz" for kind in ("image", "truth", "prediction")]
        image = (rng.random(size) + truth).astype(np.float32)
        for path, array in zip(paths, (image, truth, predicted), strict=True):
            sitk.WriteImage(to_image(array, grid), str(path))
        files[case_id] = CaseFiles(*paths, spatial_dims=spatial_dims)
        found = score_case(predicted, truth, structures=STRUCTURES, grid=grid)
        scores.append(CaseScores(case_id, case_id, "hippo", found))
    summary = summarise(scores, split="test", heads=["hippo"], n_part_cases=n_cases + 1)
    return summary, {"hippo": SegmentationResults(STRUCTURES, per_case_table(scores), files)}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    summary, results = _study(folder, spatial_dims=3)
    write_report(folder, summary=summary, results=results, facts={"model": "runs/<x>"})
    return folder, (folder / "report.html").read_text(encoding="utf-8")


def test_the_report_states_scores_intervals_and_what_is_missed(page):
    _, html = page
    assert "4 cases of 4 subjects" in html
    assert "missed structures of 8" in html
    assert "1 of 4" in html
    assert "1 case without a true label map left out" in html
    assert "Only 4 subjects" in html
    assert html.count('<tr class="missed"') == 1


def test_the_report_shows_worst_median_and_best_case_in_planes_and_space(page):
    folder, html = page
    assert html.count('<div class="surface-view">') == 3
    assert sorted(path.name for path in (folder / "figures").iterdir()) == [
        "hippo_best_case_0.png",
        "hippo_distribution.png",
        "hippo_median_case_3.png",
        "hippo_worst_case_1.png",
    ]


def test_the_report_loads_nothing_and_escapes_names(page):
    _, html = page
    assert "https://" not in html
    assert "http://" not in html
    assert "runs/&lt;x&gt;" in html


def test_two_dimensional_cases_have_no_view_in_space(tmp_path):
    summary, results = _study(tmp_path, spatial_dims=2)
    write_report(tmp_path, summary=summary, results=results, facts={})
    assert '<div class="surface-view">' not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_ranks_follow_the_mean_dice_over_structures():
    table = pd.DataFrame({"case_id": list("aabbccdd"), "dice": [0.9, 0.5, 0.1, 0.2, 1.0, 1.0, 0.8, 0.8]})
    assert ranked_cases(table) == {"worst": "b", "median": "a", "best": "c"}


def test_few_cases_are_shown_once():
    assert ranked_cases(pd.DataFrame({"case_id": ["a"], "dice": [0.5]})) == {"worst": "a"}
    assert ranked_cases(pd.DataFrame({"case_id": ["a", "b"], "dice": [0.5, 0.7]})) == {"worst": "a", "best": "b"}
