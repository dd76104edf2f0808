import resource

import numpy as np
import pytest
import SimpleITK as sitk

from medweave.core.errors import RunError
from medweave.data.case import Case
from medweave.inference.prediction import Prediction, SegmentationHeadInfo, SegmentationPrediction
from medweave.inference.writers.nifti import NiftiWriter, ProbabilityWriter, write_nifti
from medweave.preprocessing.geometry import Grid, to_array, to_image

GRID = Grid((7, 6, 5), (0.5, 1.5, 3.0), (3.0, -2.0, 7.0), (0.8, -0.6, 0, -0.6, -0.8, 0, 0, 0, 1))
INFO = SegmentationHeadInfo({"atrium": 4, "aorta": 2}, activation="softmax", input_name="mri", image_name="image")


@pytest.fixture
def prediction():
    rng = np.random.default_rng(0)
    labels = rng.choice(np.array([0, 2, 4], np.uint8), GRID.size_voxels)
    chances = {name: rng.random(GRID.size_voxels, np.float32) for name in INFO.structures}
    return Prediction("c1", {"heart": SegmentationPrediction(to_image(labels, GRID), {}, chances)})


def _write(writer, prediction, folder):
    return writer().write(prediction, "heart", case=Case("c1", "s1", images={}), info=INFO, folder=folder)


def test_the_label_map_is_written_with_its_values_and_grid(prediction, tmp_path):
    (path,) = _write(NiftiWriter, prediction, tmp_path)
    assert path == tmp_path / "c1_heart.nii.gz"
    written = sitk.ReadImage(str(path))
    assert written.GetPixelID() == sitk.sitkUInt8
    assert np.array_equal(to_array(written), to_array(prediction.segmentations["heart"].label_map))
    assert Grid.of(written).difference(GRID) is None


def test_each_structure_s_probabilities_are_written(prediction, tmp_path):
    paths = _write(ProbabilityWriter, prediction, tmp_path)
    assert [path.name for path in paths] == [f"c1_heart_probability_{name}.nii.gz" for name in ("atrium", "aorta")]
    written = sitk.ReadImage(str(paths[1]))
    assert np.array_equal(to_array(written), prediction.segmentations["heart"].probabilities["aorta"])
    assert Grid.of(written).difference(GRID) is None


def test_a_failed_write_leaves_no_file(prediction, tmp_path, monkeypatch):
    def fail(image, path, **_):
        (tmp_path / path).write_bytes(b"half")
        raise RuntimeError("disk full")

    monkeypatch.setattr(sitk, "WriteImage", fail)
    with pytest.raises(RunError, match=r"cannot write \(.*c1_heart\.nii\.gz\): got disk full"):
        _write(NiftiWriter, prediction, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk():
    """No file may grow beyond 100 bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("writer", [NiftiWriter, ProbabilityWriter])
def test_a_full_disk_is_an_error_and_leaves_no_half_written_file(prediction, tmp_path, small_disk, writer):
    with pytest.raises(RunError, match=r"cannot write .*c1_heart.*\.nii\.gz"):
        _write(writer, prediction, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_pictures_without_a_third_axis_are_written_whole(tmp_path):
    path = write_nifti(sitk.Image(5, 4, sitk.sitkUInt8) + 3, tmp_path / "flat.nii.gz")
    assert to_array(sitk.ReadImage(str(path))).ravel().tolist() == [3] * 20
