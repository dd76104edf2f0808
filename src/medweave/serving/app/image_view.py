"""The image of a prediction: its structures on it, where the network looked, and how it compares with the truth."""

import io

import pandas as pd
import SimpleITK as sitk
import streamlit as st

from medweave.figures.blending import blended_plane
from medweave.figures.overlay import overlay_figure
from medweave.figures.page import figure_png
from medweave.figures.planes import display_window, middle_voxel, orthogonal_planes
from medweave.inference.bundle_description import NO_ATTENTION
from medweave.metrics.overlap import dice_of_structures
from medweave.preprocessing.geometry import Grid, to_array
from medweave.serving.app.predicting import ShownPrediction, ShownSegmentation, read_truth
from medweave.serving.app.volume_viewer import show_volume
from medweave.serving.limits import Limits
from medweave.serving.served_model import ServedModel

#: Of a picture, in pixels: it fits on a screen.
PICTURE_WIDTH = 640


def show_images(shown: ShownPrediction, model: ServedModel, limits: Limits, *, key: str) -> None:
    """Show the images of a prediction.

    Args:
        shown: The prediction.
        model: That predicted.
        limits: Of an uploaded truth.
        key: Of the widgets, different for each prediction.
    """
    titles = [head.replace("_", " ") for head in shown.segmentations]
    if shown.picture is not None:
        st.image(shown.picture)
    for tab, (head, found) in zip(st.tabs(titles) if titles else (), shown.segmentations.items(), strict=True):
        with tab:
            if found.label_map.GetDimension() == 3:
                show_volume(found, key=f"{key} {head}")
            else:
                _show_picture(found, key=f"{key} {head}")
            _show_comparison(found, model, limits, key=f"{key} {head}")
    if shown.answer.classifications:
        st.subheader("Where the network looked")
        if shown.attention:
            st.image(list(shown.attention.values()), width="stretch" if model.takes_volumes else PICTURE_WIDTH)
        elif not shown.can_explain:
            st.info(f"Grad-CAM is {NO_ATTENTION}")
        else:
            st.info("The classes come from measurements alone.")


def _show_picture(found: ShownSegmentation, *, key: str) -> None:
    opacity = st.slider("Opacity of the structures", 0.0, 1.0, 0.35, 0.05, key=f"{key} opacity")
    image = to_array(found.image)
    plane, labels = (
        orthogonal_planes(array, middle_voxel(array.shape), spacing_mm=Grid.of(found.image).spacing_mm)[0]
        for array in (image, to_array(found.label_map))
    )
    pixels = blended_plane(
        plane, labels.values, window=display_window(image), structures=found.info.structures, opacity=opacity
    )
    st.image(pixels, width=PICTURE_WIDTH, caption=", ".join(found.info.structures))


def _show_comparison(found: ShownSegmentation, model: ServedModel, limits: Limits, *, key: str) -> None:
    with st.expander("Compare with a true mask", expanded=found.truth is not None):
        uploaded = st.file_uploader("True mask on the grid of the image", key=f"{key} truth")
        truth = found.truth
        if uploaded is not None:
            truth = read_truth(io.BytesIO(uploaded.getvalue()), found, model, limits=limits)
        elif truth is not None:
            st.caption("The truth of the drawn phantom.")
        if truth is not None:
            _compare(found, truth)


def _compare(found: ShownSegmentation, truth: sitk.Image) -> None:
    predicted, true = to_array(found.label_map), to_array(truth)
    dice = dice_of_structures(predicted, true, found.info.structures)
    st.table(pd.DataFrame({"Dice": [f"{value:.3f}" for value in dice.values()]}, index=list(dice)))
    grid = Grid.of(found.image)
    figure = overlay_figure(
        to_array(found.image),
        predicted,
        truth=true,
        spacing_mm=grid.spacing_mm,
        orientation=grid.orientation,
        structures=found.info.structures,
        title="Predicted (solid) and true (dashed) outlines",
    )
    st.image(figure_png(figure), width="stretch" if predicted.ndim == 3 else PICTURE_WIDTH)
