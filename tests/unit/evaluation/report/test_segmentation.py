import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from medweave.evaluation.evaluator import CaseScores, per_case_table, score_case, summarise_segmentation
from medweave.evaluation.report.segmentation import (
    CaseFiles,
    SegmentationResults,
    metric_meanings,
    ranked_cases,
    segmentation_section,
    spread_cases,
)
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
    summary = summarise_segmentation(scores, n_part_cases=n_cases + 1)
    return summary, SegmentationResults(STRUCTURES, per_case_table(scores), files)


@pytest.fixture(scope="module")
def section(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    summary, found = _study(folder, spatial_dims=3)
    return folder / "figures", segmentation_section(folder / "figures", "hippo", found, summary)


def test_the_worst_median_and_best_case_are_drawn_in_planes_and_space(section):
    figures, content = section
    assert [case["title"].split(":")[0] for case in content["cases"]] == [
        f"hippo, {rank} case" for rank in ("worst", "median", "best")
    ]
    assert all('<div class="surface-view">' in case["view"] for case in content["cases"])
    assert sorted(path.name for path in figures.iterdir()) == [
        "hippo_best_case_0.png",
        "hippo_distribution.png",
        "hippo_median_case_3.png",
        "hippo_sample_overlays.png",
        "hippo_worst_case_1.png",
    ]


def test_the_table_begins_with_the_worst_structure(section):
    _, content = section
    dice = [row["dice"] for row in content["rows"]]
    assert dice == sorted(dice)
    assert (dice[0], content["rows"][0]["case_id"], content["rows"][0]["missed"]) == (0, "case_1", True)


def test_two_dimensional_cases_have_no_view_in_space(tmp_path):
    summary, found = _study(tmp_path, spatial_dims=2)
    content = segmentation_section(tmp_path / "figures", "hippo", found, summary)
    assert {case["view"] for case in content["cases"]} == {""}


def test_a_colour_picture_is_shown_in_grey(tmp_path):
    rgb = np.zeros((4, 5, 3), dtype=np.uint8)
    rgb[..., 0] = 100
    sitk.WriteImage(sitk.GetImageFromArray(rgb, isVector=True), str(tmp_path / "image.png"))
    sitk.WriteImage(sitk.GetImageFromArray(rgb[..., 1]), str(tmp_path / "mask.png"))
    files = CaseFiles(tmp_path / "image.png", tmp_path / "mask.png", tmp_path / "mask.png", spatial_dims=2)
    image, truth, _ = files.read()
    assert sitk.GetArrayViewFromImage(image).max() == pytest.approx(29.9)
    assert truth.GetSize() == (5, 4)


def test_every_metric_has_a_meaning():
    labels, meanings = zip(*metric_meanings(), strict=True)
    assert "HD95 (mm)" in labels
    assert all(meanings)


def test_ranks_follow_the_mean_dice_over_structures():
    table = pd.DataFrame({"case_id": list("aabbccdd"), "dice": [0.9, 0.5, 0.1, 0.2, 1.0, 1.0, 0.8, 0.8]})
    assert ranked_cases(table) == {"worst": "b", "median": "a", "best": "c"}


def test_few_cases_are_shown_once():
    assert ranked_cases(pd.DataFrame({"case_id": ["a"], "dice": [0.5]})) == {"worst": "a"}
    assert ranked_cases(pd.DataFrame({"case_id": ["a", "b"], "dice": [0.5, 0.7]})) == {"worst": "a", "best": "b"}


def test_cases_of_the_mosaic_are_spread_over_all_ranks():
    table = pd.DataFrame({"case_id": list("abcdefghi"), "dice": [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]})
    assert spread_cases(table, count=5) == pytest.approx({"i": 0.1, "g": 0.3, "e": 0.5, "c": 0.7, "a": 0.9})
    assert list(spread_cases(table, count=20)) == list("ihgfedcba")
