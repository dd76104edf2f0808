import numpy as np
import pytest

from medweave.figures.histograms import IntensityCurve, intensity_figure, volume_figure


def curve(high: float, *, is_labelled: bool = True) -> IntensityCurve:
    counts = np.array([8, 4, 2, 2])
    return IntensityCurve(0.0, high, counts, np.array([0, 0, 1, 1]) if is_labelled else None)


def test_each_structure_has_a_panel_with_all_its_cases() -> None:
    figure = volume_figure({"rv (mL)": [1.0, 2.0, 4.0], "lv (mL)": [5.0], "atrium (mL)": [2.0], "aorta (mL)": [3.0]})
    panels = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title(loc="left") for axes in panels] == ["rv (mL)", "lv (mL)", "atrium (mL)", "aorta (mL)"]
    assert [sum(bar.get_height() for bar in axes.patches) for axes in panels] == [3, 1, 1, 1]
    assert panels[0].get_legend().get_texts()[0].get_text() == "median 2"
    figure.draw_without_rendering()


def test_intensities_of_one_scale_share_the_axis() -> None:
    (axes,) = intensity_figure({"image": [curve(100), curve(200)]}).axes
    assert axes.get_xlabel() == "intensity"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["whole image", "labelled voxels"]
    thin = axes.lines[0]
    assert thin.get_xdata() == pytest.approx([12.5, 37.5, 62.5, 87.5])
    assert thin.get_ydata() == pytest.approx([1, 0.5, 0.25, 0.25])


def test_intensities_of_wild_scales_are_drawn_on_their_own_ranges() -> None:
    (axes,) = intensity_figure({"image": [curve(100), curve(1e6)]}).axes
    assert axes.get_xlabel().startswith("intensity, from each case's")
    assert axes.lines[1].get_xdata() == pytest.approx([0.125, 0.375, 0.625, 0.875])


def test_images_without_labels_have_one_curve() -> None:
    (axes,) = intensity_figure({"image": [curve(100, is_labelled=False)]}).axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["whole image"]
