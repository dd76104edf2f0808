import numpy as np
import SimpleITK as sitk

from medweave.data.case import Case
from medweave.inference.prediction import Prediction, SegmentationHeadInfo, SegmentationPrediction
from medweave.inference.writers.uncertainty import UncertaintyWriter
from medweave.preprocessing.geometry import Grid, to_array, to_image

GRID = Grid((7, 6, 5), (0.5, 1.5, 3.0), (3.0, -2.0, 7.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))


def test_the_spread_of_each_structure_lies_on_the_image_s_grid(tmp_path):
    spread = {"lv": np.random.default_rng(0).random(GRID.size_voxels, np.float32)}
    answer = SegmentationPrediction(to_image(np.zeros(GRID.size_voxels, np.uint8), GRID), {}, deviations=spread)
    info = SegmentationHeadInfo({"lv": 1}, "softmax", "mri", "image")
    case = Case("c1", "c1", images={})
    (path,) = UncertaintyWriter().write(Prediction("c1", {"h": answer}), "h", case=case, info=info, folder=tmp_path)
    assert path == tmp_path / "c1_h_uncertainty_lv.nii.gz"
    written = sitk.ReadImage(str(path))
    assert np.array_equal(to_array(written), spread["lv"])
    assert Grid.of(written).difference(GRID) is None
