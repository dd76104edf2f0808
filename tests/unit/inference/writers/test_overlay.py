import matplotlib.image
import numpy as np
import pytest
import SimpleITK as sitk

from medweave.data.case import Case
from medweave.figures import overlay as figures
from medweave.inference.prediction import Prediction, SegmentationHeadInfo, SegmentationPrediction
from medweave.inference.writers.overlay import OverlayWriter
from medweave.preprocessing.geometry import Grid, to_image

INFO = SegmentationHeadInfo({"left_atrium": 1}, activation="softmax", input_name="mri", image_name="image")
GRIDS = {
    2: Grid((16, 14), (1.0, 1.5), (0.0, 0.0), (0, 1, 1, 0)),
    3: Grid((16, 14, 12), (1.0, 1.5, 2.0), (0.0, 0.0, 0.0), (0, 0, 1, -1, 0, 0, 0, -1, 0)),
}


def _write(folder, *, axes=3):
    labels = np.zeros(GRIDS[axes].size_voxels, np.uint8)
    labels[(slice(4, 10), slice(4, 10), slice(4, 9))[:axes]] = 1
    image = folder / "image.mha"
    sitk.WriteImage(to_image(labels.astype(np.float32), GRIDS[axes]), str(image))
    answer = SegmentationPrediction(to_image(labels, GRIDS[axes]), {"left_atrium": 1.26})
    case = Case("c1", "s1", images={"image": image})
    return OverlayWriter().write(Prediction("c1", {"heart": answer}), "heart", case=case, info=INFO, folder=folder)


@pytest.fixture
def drawn(monkeypatch):
    """The words that the figure is given."""
    words, draw = {}, figures.overlay_figure

    def overlay_figure(*arrays, **given):
        words.update(given)
        return draw(*arrays, **given)

    monkeypatch.setattr(figures, "overlay_figure", overlay_figure)
    return words


def test_the_picture_is_a_coloured_png(tmp_path):
    (path,) = _write(tmp_path)
    assert path.name == "c1_heart_overlay.png"
    pixels = matplotlib.image.imread(path)[..., :3]
    assert min(pixels.shape[:2]) > 200
    assert np.ptp(pixels, axis=2).max() > 0.3


def test_the_title_names_case_structure_and_volume_and_the_axes_are_the_file_s(tmp_path, drawn):
    _write(tmp_path)
    assert drawn["title"] == "c1: left atrium 1.3 mL"
    assert drawn["orientation"] == "AIL"
    assert drawn["spacing_mm"] == pytest.approx((1.0, 1.5, 2.0))


def test_the_size_in_a_plane_image_is_an_area(tmp_path, drawn):
    _write(tmp_path, axes=2)
    assert drawn["title"] == "c1: left atrium 1.3 cm²"
