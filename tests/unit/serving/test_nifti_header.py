import struct

import nibabel
import numpy as np
import pytest

from medweave.serving.nifti_header import BITS, is_nifti, nifti_size


def header(*, endianness="<", **fields):
    made = nibabel.Nifti1Header(endianness=endianness)
    made.set_data_shape((4, 5, 6))
    made.set_data_dtype(np.int16)
    made["vox_offset"], made["magic"] = 352, b"n+1"
    for name, value in fields.items():
        made[name] = value
    return made.binaryblock + bytes(4)


@pytest.mark.parametrize("endianness", ["<", ">"])
def test_sizes_are_those_that_nibabel_wrote(endianness):
    assert is_nifti(header(endianness=endianness))
    size = nifti_size(header(endianness=endianness))
    assert (size.voxels, size.file_bytes) == (120, 352 + 240)


def test_bits_are_those_of_the_standard_as_nibabel_knows_it():
    codes = nibabel.nifti1.data_type_codes
    for code, bits in BITS.items():
        assert codes.dtype[code].itemsize * 8 == bits


def test_a_pair_a_second_version_and_text_are_no_file_of_its_own():
    assert not is_nifti(header(magic=b"ni1"))
    assert not is_nifti(struct.pack("<i", 540) + bytes(400))
    assert not is_nifti(b"text")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"dim": [0, 1, 1, 1, 1, 1, 1, 1]}, "0 axes"),
        ({"dim": [9, 1, 1, 1, 1, 1, 1, 1]}, "9 axes"),
        ({"dim": [3, 4, -5, 6, 1, 1, 1, 1]}, "-5"),
        ({"datatype": 99}, "type 99"),
        ({"datatype": 32, "bitpix": 64}, "type 32"),
        ({"bitpix": 8}, "with 8 bits"),
        ({"pixdim": [1, 1, 0, 1, 1, 1, 1, 1]}, "spacing"),
        ({"pixdim": [1, 1, np.nan, 1, 1, 1, 1, 1]}, "spacing"),
        ({"pixdim": [1, 1, np.inf, 1, 1, 1, 1, 1]}, "spacing"),
        ({"pixdim": [1, 1, 1, 1001, 1, 1, 1, 1]}, "at most 1000 mm"),
        ({"vox_offset": 0}, "byte 0"),
        ({"vox_offset": np.nan}, "byte nan"),
    ],
)
def test_what_is_not_sound_is_refused(fields, says):
    with pytest.raises(ValueError, match=says):
        nifti_size(header(**fields))
