import numpy as np
import pytest
import SimpleITK as sitk
from matplotlib.image import imread

from medweave.data.case import Case
from medweave.data.study import InputSource, StudySource
from medweave.inference.prediction import (
    Attention,
    ClassificationPrediction,
    Prediction,
    SegmentationPrediction,
)
from medweave.inference.writers.picture import write_picture
from medweave.preprocessing.pipeline import Preprocessor

SOURCE = StudySource({"xray": InputSource(("image",), Preprocessor(spatial_dims=2))}, {})
LOGITS = np.zeros(2, np.float32)


@pytest.fixture
def case(tmp_path):
    picture = np.full((200, 300), 20, np.uint8)
    picture[:, 150:] = 230
    sitk.WriteImage(sitk.GetImageFromArray(picture), str(tmp_path / "c.png"))
    return Case("c", "c", images={"image": tmp_path / "c.png"})


def test_the_words_stand_above_the_image_and_not_on_it(case, tmp_path):
    answers = {"finding": ClassificationPrediction({"a": 0.9, "b": 0.1}, ("a",), LOGITS)}
    plain, told = (
        write_picture(Prediction("c", {}, classes), case=case, source=SOURCE, folder=tmp_path / name)[0]
        for name, classes in (("plain", {}), ("told", answers))
    )
    assert told == tmp_path / "told/c_overlay.png"
    pictures = [imread(path)[..., :3].mean(axis=2) for path in (plain, told)]
    assert pictures[1].shape[0] > pictures[0].shape[0]  # a line more above
    # The bright half of the image is as large and as even as without words.
    bright = [picture[-int(0.6 * len(pictures[0])) :, picture.shape[1] // 2 :] > 0.8 for picture in pictures]
    assert bright[0].sum() > 1e4
    assert bright[1].sum() == pytest.approx(bright[0].sum(), rel=0.05)


def test_pictures_of_structures_and_of_attention_are_enough(case, tmp_path):
    flat = SegmentationPrediction(sitk.Image(300, 200, sitk.sitkUInt8), {"lungs": 1.0})
    heat = Attention("a", {"xray": np.zeros((300, 200), np.float32)}, {})
    seen = ClassificationPrediction({"a": 1.0}, ("a",), LOGITS, attention=heat)
    for prediction in (Prediction("c", {"lungs": flat}), Prediction("c", {}, {"finding": seen})):
        assert write_picture(prediction, case=case, source=SOURCE, folder=tmp_path / "new") == []
