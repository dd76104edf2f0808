import numpy as np
import pytest
import SimpleITK as sitk

from medweave.core.errors import UsageError
from medweave.data.sampling import Sampling
from medweave.preprocessing.geometry import Grid


def sampling(code: str) -> Sampling:
    image = sitk.GetImageFromArray(np.zeros((5, 4, 3), np.float32))
    image.SetSpacing((1.0, 2.0, 3.0))
    return Sampling.of(Grid.of(sitk.DICOMOrient(image, code)))


def test_header_code_is_read_from_the_direction() -> None:
    assert sampling("LPS") == Sampling((3, 4, 5), (1.0, 2.0, 3.0), "LPS")
    assert sampling("ASR") == Sampling((4, 5, 3), (2.0, 3.0, 1.0), "ASR")


@pytest.mark.parametrize("code", ["LPS", "RAS", "ASR", "SPL", "PIR"])
@pytest.mark.parametrize("target", ["LPS", "SAL"])
def test_reorienting_permutes_as_simpleitk_does(code: str, target: str) -> None:
    assert sampling(code).towards(target) == sampling(target)


def test_none_and_2d_keep_their_axes() -> None:
    flat = Sampling((3, 4), (1.0, 2.0), "")
    assert flat.towards("ASR") is flat
    assert sampling("ASR").towards(None) == sampling("ASR")


def test_size_at_another_spacing_keeps_the_extent() -> None:
    assert sampling("LPS").size_mm == (3, 8, 15)
    assert sampling("LPS").size_voxels_at((2.0, 2.0, 100.0)) == (2, 4, 1)
    assert sampling("LPS").size_voxels_at(None) == (3, 4, 5)


@pytest.mark.parametrize("code", ["LPX", "LRS", "LP"])
def test_letters_that_are_no_orientation_are_refused(code: str) -> None:
    with pytest.raises(UsageError, match="not an orientation"):
        sampling("LPS").towards(code)


def test_json_round_trip() -> None:
    assert Sampling.from_json(sampling("ASR").to_json()) == sampling("ASR")
