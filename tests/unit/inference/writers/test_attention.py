import numpy as np
import SimpleITK as sitk
from matplotlib.image import imread

from medweave.data.case import Case
from medweave.data.study import InputSource, StudySource
from medweave.inference.prediction import (
    Attention,
    ClassificationPrediction,
    Prediction,
    SegmentationHeadInfo,
    SegmentationPrediction,
)
from medweave.inference.writers import attention
from medweave.inference.writers.attention import write_attention
from medweave.preprocessing.pipeline import Preprocessor


def _case(folder):
    sitk.WriteImage(sitk.GetImageFromArray(np.full((20, 30), 50, np.uint8)), str(folder / "c.png"))
    return Case("c", "c", images={"image": folder / "c.png"})


def _prediction(looked):
    label_map = np.zeros((20, 30), np.uint8)
    label_map[5:10, 5:20] = 1
    return Prediction(
        "c",
        {"lungs": SegmentationPrediction(sitk.GetImageFromArray(label_map), {"lungs": 0.75})},
        {"finding": ClassificationPrediction({"a": 0.9, "b": 0.1}, ("a",), np.zeros(2), looked)},
    )


def _write(folder, looked):
    return write_attention(
        _prediction(looked),
        "finding",
        case=_case(folder),
        source=StudySource({"xray": InputSource(("image",), Preprocessor(spatial_dims=2))}, {}),
        segmentation_heads={"lungs": SegmentationHeadInfo({"lungs": 1}, "sigmoid", "xray", "image")},
        folder=folder,
    )


def test_heat_lies_where_the_network_looked(tmp_path):
    heat = np.zeros((30, 20), np.float32)
    heat[15:30, 10:20] = 1.0  # right half, lower half
    (path,) = _write(tmp_path, Attention("a", {"xray": heat}, {"lungs": 0.1}))
    assert path == tmp_path / "c_finding_attention_xray.png"
    picture = imread(path)[..., :3]
    colourful = picture.max(axis=2) - picture.min(axis=2) > 0.15
    rows, columns = np.nonzero(colourful)
    assert len(rows) > 0.05 * colourful.size
    assert np.median(rows) > 0.5 * picture.shape[0]
    assert np.median(columns) > 0.5 * picture.shape[1]


def test_the_title_says_where_the_network_looked_or_that_it_did_not(tmp_path, monkeypatch):
    titles = []
    monkeypatch.setattr(attention, "draw_overlay", lambda path, *_, title, **__: titles.append(title) or path)
    heat = np.ones((30, 20), np.float32)
    _write(tmp_path, Attention("a", {"xray": heat}, {"lungs": 0.1}))
    _write(tmp_path, Attention("a", {"xray": 0 * heat}, {}))
    assert titles == [
        "c: attention for a (90%)\n10% of it in lungs",
        "c: attention for a (90%)\nnothing in this image speaks for it",
    ]


def test_without_attention_nothing_is_written(tmp_path):
    assert _write(tmp_path, None) == []
    assert [path.name for path in tmp_path.iterdir()] == ["c.png"]
