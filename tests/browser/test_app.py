"""The app in a browser, as its users see it."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from medweave.data.case import Case
from medweave.inference.loading import load_predictor
from medweave.inference.predictor import Predictor
from medweave.metrics.overlap import dice_of_structures
from medweave.preprocessing.geometry import to_array
from medweave.preprocessing.readers.medical import read_label_map

pytestmark = pytest.mark.browser

RESEARCH_ONLY = "Research use only. Not a medical device"
#: A browser on a slow machine.
SLOW_MS = 120_000


def expect(locator):
    from playwright.sync_api import expect as wait_for

    return wait_for(locator)


def open_model(page, address, name):
    page.goto(address)
    expect(page.get_by_text(RESEARCH_ONLY)).to_be_visible(timeout=SLOW_MS)
    if name != "xray":
        page.get_by_role("combobox", name="Model").click()
        page.get_by_role("option", name=name, exact=True).click()
        expect(page.get_by_text("NIfTI volume")).to_be_visible(timeout=SLOW_MS)


def predict_file(page, path):
    page.locator("input[type=file]").first.set_input_files(path)
    expect(page.get_by_role("button", name=re.compile("^Remove "))).to_be_visible(timeout=SLOW_MS)
    page.get_by_role("button", name="Predict", exact=True).click()


def expected_answer(bundle, path):
    predictor: Predictor = load_predictor(bundle)
    return predictor.predict(Case("a", "a", {"image": path}))


def check_numbers(page, expected, unit):
    expect(page.get_by_text("Answer (JSON)")).to_be_visible(timeout=SLOW_MS)
    for name, probability in expected.classifications["side"].probabilities.items():
        expect(page.get_by_text(f"{name}: {probability:.1%}", exact=True)).to_be_visible()
    volume = expected.segmentations["areas"].volumes_ml["bright"]
    expect(page.get_by_role("cell", name=f"{volume:.2f} {unit}").first).to_be_visible()


def downloaded(page, label):
    with page.expect_download() as found:
        page.get_by_role("button", name=label).click()
    return Path(found.value.path())


def check_files(page, expected, tmp_path):
    answer = json.loads(downloaded(page, "Answer (JSON)").read_text(encoding="utf-8"))["answer"]
    volume = expected.segmentations["areas"].volumes_ml["bright"]
    assert answer["segmentations"]["areas"]["structures"]["bright"]["volume"] == pytest.approx(volume, abs=1e-4)
    (tmp_path / "mask.nii.gz").write_bytes(downloaded(page, "Mask of areas (NIfTI)").read_bytes())
    mask = sitk.ReadImage(str(tmp_path / "mask.nii.gz"))
    assert np.array_equal(to_array(mask), to_array(expected.segmentations["areas"].label_map))
    assert downloaded(page, "Overlay of areas (PNG)").read_bytes().startswith(b"\x89PNG")


def check_comparison(page, expected, truth):
    page.get_by_text("Compare with a true mask").click()
    page.locator("input[type=file]").last.set_input_files(truth)
    found = expected.segmentations["areas"].label_map
    true = to_array(read_label_map(truth, spatial_dims=found.GetDimension()))
    dice = dice_of_structures(to_array(found), true, {"bright": 1})["bright"]
    expect(page.get_by_role("cell", name=f"{dice:.3f}")).to_be_visible(timeout=SLOW_MS)


def test_a_picture(page, address, picture_bundle, radiograph, tmp_path):
    picture, truth = radiograph
    expected = expected_answer(picture_bundle, picture)
    open_model(page, address, "xray")
    predict_file(page, picture)
    check_numbers(page, expected, "cm²")
    check_files(page, expected, tmp_path)
    expect(page.get_by_text("Grad-CAM is not in a bundle")).to_be_visible()
    check_comparison(page, expected, truth)


def test_a_volume(page, address, volume_bundle, volume, tmp_path):
    image, truth = volume
    expected = expected_answer(volume_bundle, image)
    open_model(page, address, "mri")
    predict_file(page, image)
    check_numbers(page, expected, "mL")
    check_files(page, expected, tmp_path)
    wait_for_red(page, more_than=0.01)
    check_comparison(page, expected, truth)
    page.get_by_role("slider").first.press("Home")
    wait_for_red(page, less_than=0.005)


def wait_for_red(page, *, more_than=-1.0, less_than=2.0):
    """Wait until the viewer shows a volume, and so much of it under a red structure."""
    canvas = page.frame_locator("iframe").locator("canvas").first
    for _ in range(240):
        pixels = np.asarray(Image.open(io.BytesIO(canvas.screenshot())).convert("RGB")).astype(int)
        # Neither the crosshair, which is pure red, nor the letters.
        red = np.mean((pixels[..., 0] > pixels[..., 1] + 40) & (pixels[..., 1] > 10))
        if pixels.std() > 5 and more_than < red < less_than:
            return
        page.wait_for_timeout(500)
    pytest.fail(f"the viewer shows {red:.3f} in red, deviation {pixels.std():.1f}")


def test_an_example(page, address):
    open_model(page, address, "mri")
    page.get_by_text("An example").click()
    expect(page.get_by_text("A drawn phantom")).to_be_visible(timeout=SLOW_MS)
    page.get_by_role("button", name="Predict", exact=True).click()
    expect(page.get_by_text("The truth of the drawn phantom.")).to_be_visible(timeout=SLOW_MS)
    wait_for_red(page, more_than=0.01)


def test_a_damaged_file_is_refused_in_one_line(page, address):
    open_model(page, address, "mri")
    predict_file(page, {"name": "../../etc/passwd.nii.gz", "mimeType": "", "buffer": b"no image" * 100})
    expect(page.get_by_text("image 'image': it is none of NIfTI-1 in one file")).to_be_visible(timeout=SLOW_MS)
    assert "Traceback" not in page.content()


def test_a_run(page, address):
    page.goto(f"{address}/run")
    expect(page.get_by_text(RESEARCH_ONLY)).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_text("Worst cases").first).to_be_visible(timeout=SLOW_MS)
    page.get_by_text("Show the report").click()
    report = page.frame_locator("iframe").last
    expect(report.get_by_role("heading").first).to_be_visible(timeout=SLOW_MS)


def test_a_data_folder(page, address):
    page.goto(f"{address}/data")
    expect(page.get_by_text(RESEARCH_ONLY)).to_be_visible(timeout=SLOW_MS)
    caption = page.get_by_text("axis z = ")
    expect(caption).to_be_visible(timeout=SLOW_MS)
    before = caption.inner_text()
    page.get_by_role("slider").first.press("ArrowRight")
    expect(caption).not_to_have_text(before, timeout=SLOW_MS)
