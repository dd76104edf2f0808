import numpy as np
import pytest
import SimpleITK as sitk

from medweave.core.errors import DataError
from medweave.data.case import Case
from medweave.data.study import InputSource, StudySource
from medweave.inference.case_inputs import read_case
from medweave.inference.gate.appearance import Appearance, TrainingAppearance
from medweave.inference.gate.gate import InputGate
from medweave.preprocessing.pipeline import Preprocessor
from medweave.preprocessing.readers.medical import read_channels

FLAT = Preprocessor(spatial_dims=2)
SOURCE = StudySource({"xray": InputSource(("image",), FLAT), "ct": InputSource(("ct",), Preprocessor())}, {})


@pytest.fixture
def case(tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(np.arange(200, dtype=np.uint8).reshape(20, 10)), str(tmp_path / "a.png"))
    return Case("c", "c", images={"image": tmp_path / "a.png"})


def test_the_inputs_that_the_case_has_are_preprocessed(case):
    read = read_case(case, SOURCE, None)
    assert read.sizes == {"xray": (1, 10, 20)}
    assert np.array_equal(read.inputs["xray"].image, SOURCE.read_input(case, "xray").image)
    assert read.warnings == ()


def test_the_gate_sees_the_image_before_it_is_normalised(case):
    channels = read_channels(case.images["image"], spatial_dims=2)
    known = TrainingAppearance.of([Appearance.of(channels, FLAT)], is_resized=False)
    assert read_case(case, SOURCE, InputGate({"xray": known})).warnings == ()
    dark = TrainingAppearance.of([Appearance.of([channel / 100 for channel in channels], FLAT)], is_resized=False)
    (warning,) = read_case(case, SOURCE, InputGate({"xray": dark})).warnings
    assert (warning.code, warning.input_name) == ("intensity", "xray")


def test_a_case_without_any_input_is_refused_with_their_names():
    with pytest.raises(DataError, match=r"no input of the model \(case c\): got images mr; wanted image, ct"):
        read_case(Case("c", "c", images={"mr": "a"}), SOURCE, None)


def test_an_input_that_lacks_one_of_its_images_is_named_with_what_it_lacks(tmp_path):
    source = StudySource({"cine": InputSource(("ed", "es"), Preprocessor())}, {})
    message = (
        rf"input 'cine' of the case is incomplete \(case c, {tmp_path}\): got images ed; wanted ed, es\. Fix: .*'es'"
    )
    with pytest.raises(DataError, match=message):
        read_case(Case("c", "c", images={"ed": tmp_path / "ed.nii"}), source, None)
