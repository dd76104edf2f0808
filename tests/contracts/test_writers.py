import numpy as np
import pytest
import SimpleITK as sitk

from medweave.data.case import Case
from medweave.inference.prediction import Prediction, SegmentationHeadInfo, SegmentationPrediction
from medweave.inference.writers.writer import WRITERS
from medweave.preprocessing.geometry import Grid, to_image

NAMES = WRITERS.names()
OBLIQUE = (0.8, 0.6, 0, -0.6, 0.8, 0, 0, 0, 1)
GRIDS = {
    2: Grid((14, 10), (0.5, 1.5), (3.0, -2.0), (0, 1, 1, 0)),
    3: Grid((14, 10, 6), (0.5, 1.5, 3.0), (3.0, -2.0, 7.0), OBLIQUE),
}
CASES = [(name, axes) for name in NAMES for axes in (2, 3)]


def _write(name, axes, folder):
    grid = GRIDS[axes]
    labels = np.zeros(grid.size_voxels, np.uint8)
    labels[(slice(3, 9), slice(2, 7), slice(1, 4))[:axes]] = 7
    image = folder / ("image.mha" if axes == 2 else "image.nii.gz")
    sitk.WriteImage(to_image(labels.astype(np.float32) * 10, grid), str(image))
    answer = SegmentationPrediction(
        to_image(labels, grid),
        {"left_atrium": 1.0},
        {"left_atrium": (labels > 0).astype(np.float32) * 0.75},
        deviations={"left_atrium": (labels > 0).astype(np.float32) * 0.1},
    )
    info = SegmentationHeadInfo({"left_atrium": 7}, activation="softmax", input_name="mri", image_name="image")
    case = Case("case_1", "subject_1", images={"image": image})
    (folder / "out").mkdir()
    return WRITERS.get(name)().write(
        Prediction("case_1", {"heart": answer}), "heart", case=case, info=info, folder=folder / "out"
    )


def test_there_are_writers() -> None:
    assert {"nifti", "overlay", "probabilities"} <= set(NAMES)


@pytest.mark.parametrize(("name", "axes"), CASES)
def test_the_files_returned_are_those_written_and_begin_with_case_and_head(name, axes, tmp_path):
    written = _write(name, axes, tmp_path)
    assert len(written) > 0
    assert sorted(written) == sorted((tmp_path / "out").iterdir())
    assert all(path.name.startswith("case_1_heart") and path.stat().st_size > 0 for path in written)


@pytest.mark.parametrize("name", NAMES)
def test_writing_twice_gives_the_same_bytes(name, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = _write(name, 3, tmp_path / "a"), _write(name, 3, tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
