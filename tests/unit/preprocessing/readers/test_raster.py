import logging
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from PIL import Image, ImageCms

from medweave.core.errors import DataError
from medweave.preprocessing.geometry import to_array
from medweave.preprocessing.readers import raster
from medweave.preprocessing.readers.medical import read_channels, read_header, read_label_map

RNG = np.random.default_rng(0)
#: (rows, columns), as pictures are stored; arrays of medweave are (x, y).
GREY = RNG.integers(0, 256, (30, 40), np.uint8)
COLOUR = RNG.integers(0, 256, (30, 40, 3), np.uint8)
LOSSLESS = [".png", ".PNG", ".bmp", ".tif", ".tiff"]


@pytest.fixture(autouse=True)
def _forget_what_was_said() -> None:
    raster._say_once.cache_clear()


def picture(path: Path, array: NDArray[np.generic], **options: object) -> Path:
    Image.fromarray(array).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_grey_picture_is_read_as_it_is(tmp_path: Path, suffix: str) -> None:
    (image,) = read_channels(picture(tmp_path / f"a{suffix}", GREY), spatial_dims=2, colour="grey")
    assert image.GetPixelID() == sitk.sitkFloat32
    np.testing.assert_array_equal(to_array(image).T, GREY)


def test_jpeg_is_read_as_pillow_reads_it(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(30), np.arange(40)).astype(np.uint8)
    path = picture(tmp_path / "a.jpeg", smooth)
    (image,) = read_channels(path, spatial_dims=2, colour="grey")
    np.testing.assert_allclose(to_array(image).T, np.asarray(Image.open(path)), atol=1)


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_colour_becomes_the_brightness_of_itu_r_601(tmp_path: Path, suffix: str) -> None:
    (image,) = read_channels(picture(tmp_path / f"a{suffix}", COLOUR), spatial_dims=2, colour="grey")
    expected = np.asarray(Image.fromarray(COLOUR).convert("L"))  # Pillow: the same weights, rounded
    np.testing.assert_allclose(to_array(image).T, expected, atol=0.51)


def test_grey_stored_as_colour_keeps_its_values(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", np.repeat(GREY[..., None], 3, axis=2))
    (image,) = read_channels(path, spatial_dims=2, colour="grey")
    np.testing.assert_array_equal(to_array(image).T, GREY)


@pytest.mark.parametrize("colour", ["grey", "rgb", None])
def test_opacity_of_grey_is_dropped(tmp_path: Path, colour: raster.Colour | None) -> None:
    path = tmp_path / "a.png"
    Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(GREY // 2)]).save(path)
    channels = read_channels(path, spatial_dims=2, colour=colour)
    assert len(channels) == (3 if colour == "rgb" else 1)
    for channel in channels:
        np.testing.assert_array_equal(to_array(channel).T, GREY)
    assert read_header(path).pixel_type == "8-bit unsigned integer"


def test_opacity_is_dropped(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", np.dstack([COLOUR, GREY]))
    assert len(read_channels(path, spatial_dims=2)) == 4
    channels = read_channels(path, spatial_dims=2, colour="rgb")
    np.testing.assert_array_equal(np.dstack([to_array(channel).T for channel in channels]), COLOUR)


def test_grey_is_repeated_where_colour_is_wanted(tmp_path: Path) -> None:
    channels = read_channels(picture(tmp_path / "a.png", GREY), spatial_dims=2, colour="rgb")
    np.testing.assert_array_equal([to_array(channel).T for channel in channels], [GREY] * 3)


def test_grey_volume_is_repeated_where_colour_is_wanted_and_its_own_channels_are_left(tmp_path: Path) -> None:
    volume = sitk.GetImageFromArray(RNG.normal(size=(4, 5, 6)).astype(np.float32))
    sitk.WriteImage(volume, tmp_path / "a.nii.gz")
    assert len(read_channels(tmp_path / "a.nii.gz", spatial_dims=3, colour="rgb")) == 3
    sitk.WriteImage(sitk.Compose(volume, volume), tmp_path / "b.mha")
    assert len(read_channels(tmp_path / "b.mha", spatial_dims=3, colour="grey")) == 2


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_are_read_on_the_8_bit_scale(tmp_path: Path, suffix: str) -> None:
    values = RNG.integers(0, 65536, (30, 40), np.uint16)
    (image,) = read_channels(picture(tmp_path / f"a{suffix}", values), spatial_dims=2)
    np.testing.assert_allclose(to_array(image).T, values / 65535 * 255, rtol=1e-6)


def test_colour_of_16_bits_is_read_on_the_8_bit_scale(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(COLOUR.astype(np.uint16) * 257, isVector=True), tmp_path / "a.png")
    channels = read_channels(tmp_path / "a.png", spatial_dims=2, colour="rgb")
    np.testing.assert_allclose(np.dstack([to_array(channel).T for channel in channels]), COLOUR)


def test_numbers_with_fractions_are_left_as_they_are(tmp_path: Path) -> None:
    values = RNG.normal(size=(30, 40)).astype(np.float32) * 1e4
    (image,) = read_channels(picture(tmp_path / "a.tif", values), spatial_dims=2)
    np.testing.assert_array_equal(to_array(image).T, values)


def test_palette_is_resolved(tmp_path: Path) -> None:
    Image.fromarray(COLOUR).quantize(16).save(tmp_path / "a.png")
    channels = read_channels(tmp_path / "a.png", spatial_dims=2, colour="rgb")
    expected = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    np.testing.assert_array_equal(np.dstack([to_array(channel).T for channel in channels]), expected)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_dots_per_inch_are_no_spacing(tmp_path: Path, suffix: str) -> None:
    (image,) = read_channels(picture(tmp_path / f"a{suffix}", GREY, dpi=(300, 300)), spatial_dims=2)
    assert image.GetSpacing() == (1.0, 1.0)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.999])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_truncated_picture_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = picture(tmp_path / f"a{suffix}", COLOUR)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=rf"image file is truncated .*a\{suffix}.*Fix: copy the file again"):
        read_channels(path, spatial_dims=2)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.999])
def test_truncated_tiff_is_refused(tmp_path: Path, share: float) -> None:
    path = picture(tmp_path / "a.tif", GREY)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=r"image file cannot be read .*a\.tif"):
        read_channels(path, spatial_dims=2)


def test_damaged_png_is_refused(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", GREY)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"image file cannot be read .*Fix: copy the file again or convert it"):
        read_channels(path, spatial_dims=2)


@pytest.mark.parametrize("name", ["a.jpg", "a.bmp"])
def test_file_that_is_no_picture_is_refused_without_its_path_twice(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no image " * 100)
    with pytest.raises(DataError, match=rf"cannot be read \(.*{name}\): got cannot identify image file\. Fix: copy"):
        read_channels(tmp_path / name, spatial_dims=2)


def test_grey_of_16_bits_with_opacity_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.merge("LA", [Image.fromarray(GREY)] * 2).save(path)
    content = bytearray(path.read_bytes())
    content[16:29] = struct.pack(">IIBBBBB", 1, 1, 16, 4, 0, 0, 0)
    path.write_bytes(content)
    with pytest.raises(
        DataError, match=r"a grey PNG of 16 bits with opacity cannot be read .*without its alpha channel"
    ):
        read_channels(path, spatial_dims=2)


def test_several_pages_are_no_2d_image(tmp_path: Path) -> None:
    pages = [Image.fromarray(GREY)] * 2
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(DataError, match=r"wrong dimension .*got 3D"):
        read_channels(tmp_path / "a.tif", spatial_dims=2)


@pytest.mark.parametrize("white", [1, 255])
@pytest.mark.parametrize("depth", [1, 3, 4])
def test_black_and_white_picture_is_a_mask(tmp_path: Path, white: int, depth: int) -> None:
    mask = GREY > 128
    shown = np.repeat((mask * white).astype(np.uint8)[..., None], depth, axis=2)
    if depth == 4:
        shown[..., 3] = 255
    label_map = read_label_map(picture(tmp_path / "a.png", shown.squeeze()), spatial_dims=2)
    assert label_map.GetPixelID() == sitk.sitkUInt8
    np.testing.assert_array_equal(to_array(label_map).T, mask)


@pytest.mark.parametrize("dtype", [bool, np.uint16])
def test_mask_may_have_1_or_16_bits(tmp_path: Path, dtype: type[np.generic]) -> None:
    mask = GREY > 128
    shown = mask if dtype is bool else mask.astype(np.uint16) * 65535
    label_map = read_label_map(picture(tmp_path / "a.png", shown), spatial_dims=2)
    np.testing.assert_array_equal(to_array(label_map).T, mask)


def test_labels_of_a_grey_picture_are_its_values(tmp_path: Path) -> None:
    labels = RNG.integers(0, 5, (30, 40), np.uint8)
    label_map = read_label_map(picture(tmp_path / "a.png", labels), spatial_dims=2)
    np.testing.assert_array_equal(to_array(label_map).T, labels)


def test_mask_stored_as_jpeg_is_cut_at_half(tmp_path: Path) -> None:
    mask = np.zeros((30, 40), bool)
    mask[5:20, 7:30] = True
    path = picture(tmp_path / "a.jpg", (mask * 255).astype(np.uint8), quality=60)
    assert len(np.unique(np.asarray(Image.open(path)))) > 2
    np.testing.assert_array_equal(to_array(read_label_map(path, spatial_dims=2)).T, mask)


def test_label_map_in_colour_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a label map is in colour .*a\.png.*wanted one number a pixel"):
        read_label_map(picture(tmp_path / "a.png", COLOUR), spatial_dims=2)


@pytest.mark.parametrize(("colours", "count"), [([GREY, GREY, GREY, 255 - GREY], 1), ([GREY, GREY, 255 - GREY], 3)])
def test_colours_that_are_all_grey_are_one(colours: list[NDArray[np.uint8]], count: int) -> None:
    assert len(raster.distinct_colours([sitk.GetImageFromArray(channel) for channel in colours])) == count


def test_each_conversion_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    sitk.WriteImage(sitk.GetImageFromArray(COLOUR.astype(np.uint16) * 257, isVector=True), tmp_path / "a.png")
    for _ in range(2):
        read_channels(tmp_path / "a.png", spatial_dims=2, colour="grey")
    assert caplog.messages == [
        "16-bit pictures are read on the 8-bit scale (divided by 257)",
        "colour pictures are converted to grey (ITU-R BT.601)",
    ]


@pytest.mark.parametrize("depth", [8, 16])
def test_a_colour_profile_that_does_not_fit_is_no_matter_and_no_line_is_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], depth: int
) -> None:
    pixels = GREY if depth == 8 else GREY.astype(np.uint16) * 257
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (channel,) = read_channels(path, spatial_dims=2)
    np.testing.assert_allclose(sitk.GetArrayViewFromImage(channel), GREY)
    assert read_header(path).pixel_type == f"{depth}-bit unsigned integer"
    assert capfd.readouterr().err == ""


def test_a_jpeg_that_is_called_png_is_refused_by_its_kind(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png", format="JPEG")
    with pytest.raises(DataError, match=r"called PNG is a JPEG \(.*a\.png\)\. Fix: give it the suffix of a JPEG"):
        read_channels(tmp_path / "a.png", spatial_dims=2, colour="grey")
