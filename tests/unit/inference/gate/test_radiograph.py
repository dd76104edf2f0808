import numpy as np
import pytest
from scipy import ndimage

from medweave.inference.gate.radiograph import RADIOGRAPH_RULES, broken_rules


def _radiograph(size=(256, 300), *, channels=1):
    """Bright and dark bands with soft edges and noise, as ribs in a lung."""
    rng = np.random.default_rng(0)
    rows = np.arange(size[0])[:, None]
    bands = 120 + 80 * np.tanh(6 * np.sin(rows / 12)) + np.linspace(-20, 20, size[1])
    grey = ndimage.gaussian_filter(bands, 0.7) + rng.normal(scale=2, size=size)
    return np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.float32)[None], channels, axis=0)


def test_a_radiograph_breaks_no_rule():
    assert broken_rules(_radiograph()) == {}
    assert broken_rules(_radiograph(channels=3)) == {}


def _with_few_levels(image):
    return np.rint(image / 6) * 6


@pytest.mark.parametrize(
    ("change", "code", "found"),
    [
        (lambda image: image[:, :255], "xray_size", "255, expected at least 256"),
        (lambda image: np.clip(image * 0.2 - 12, 0, 255), "xray_brightness", "at least 20"),
        (lambda image: 245 + image / 30, "xray_brightness", "at most 240"),
        (lambda image: 100 + image * 0.08, "xray_contrast", "at least 8"),
        (lambda image: ndimage.gaussian_filter(image, (0, 40, 40)), "xray_texture", "at least 20"),
        (lambda image: np.where(image > 120, 200.0, 100.0), "xray_entropy", "is 0.991, expected at least 3"),
        (lambda image: ndimage.gaussian_filter(image, (0, 20, 20)), "xray_edges", "is 0, expected at least"),
        (lambda image: np.where(image < 180, 0.0, image), "xray_tails", "is 0, expected at least 0.05"),
        (_with_few_levels, "xray_grey_levels", "at least 50"),
    ],
)
def test_each_rule_is_broken_by_what_it_is_about(change, code, found):
    broken = broken_rules(change(_radiograph()).astype(np.float32))
    assert found in broken[code]


def test_colour_is_the_mean_difference_of_the_channels():
    image = _radiograph(channels=3)
    image[2] -= 13  # differences 0, 13, 13: 8.67
    assert broken_rules(image, ["xray_colour"]) == {
        "xray_colour": "the mean difference of the colours is 8.67, expected at most 8"
    }
    image[2] += 2
    assert broken_rules(image, ["xray_colour"]) == {}


def test_opacity_is_not_looked_at():
    image = np.concatenate([_radiograph(channels=3), np.full((1, 256, 300), 255, np.float32)])
    assert broken_rules(image) == {}


def test_the_numbers_are_those_of_their_definitions():
    rng = np.random.default_rng(1)
    grey = rng.integers(0, 256, size=(40, 50)).astype(np.float32)
    values = {code: rule.measure(np.stack([grey] * 3), grey) for code, rule in RADIOGRAPH_RULES.items()}
    counts = np.unique(grey, return_counts=True)[1] / grey.size
    assert values["xray_entropy"] == pytest.approx(-(counts * np.log2(counts)).sum())
    assert values["xray_grey_levels"] == len(np.unique(grey))
    assert values["xray_contrast"] == pytest.approx(grey.std(), rel=1e-5)
    reflected = np.pad(grey, 4, mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(reflected, (8, 8))[:40, :50]
    assert values["xray_texture"] == pytest.approx(windows.var(axis=(2, 3)).mean(), rel=1e-4)
    low, high = np.percentile(grey, [25, 75])
    assert values["xray_tails"] == min((grey < low).mean(), (grey > high).mean())


def test_only_the_asked_rules_are_applied():
    flat = np.zeros((1, 8, 8), np.float32)
    assert set(broken_rules(flat)) == set(RADIOGRAPH_RULES) - {"xray_colour"}
    assert list(broken_rules(flat, ["xray_contrast"])) == ["xray_contrast"]
