import numpy as np
import pytest
import SimpleITK as sitk

from medweave.data.case import Case
from medweave.inference.prediction import Prediction, SegmentationHeadInfo, SegmentationPrediction
from medweave.inference.writers.nifti import NiftiWriter, ProbabilityWriter
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
    with pytest.raises(RuntimeError, match="disk full"):
        _write(NiftiWriter, prediction, tmp_path)
    assert list(tmp_path.iterdir()) == []
