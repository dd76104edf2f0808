"""The page that predicts."""

import io
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import streamlit as st

from medweave.core.errors import UsageError
from medweave.serving.app.answer_view import show_answer
from medweave.serving.app.image_view import show_images
from medweave.serving.app.predicting import OnProgress, ShownPrediction, predict_example, predict_upload
from medweave.serving.limits import Limits
from medweave.serving.served_model import ServedModel

#: Where a visitor's last prediction is kept, and the key of its widgets.
SHOWN, KEY = "shown", "key"
UPLOAD, EXAMPLE = "My images", "An example"
VOLUME, PICTURE = "NIfTI volume or zipped DICOM series", "PNG, JPEG, DICOM or NIfTI picture"


def show_predictions(models: Mapping[str, ServedModel], limits: Limits) -> None:
    """Show the page.

    Args:
        models: By name.
        limits: What uploads must keep.

    Raises:
        DataError: An image is refused or cannot be used.
    """
    st.title("Predict")
    left, right = st.columns([1, 2])
    name = left.selectbox("Model", list(models))
    model = models[name]
    left.caption(_description(model))
    source = left.segmented_control("Predict", [UPLOAD, EXAMPLE], default=UPLOAD, required=True)
    with left:
        if source == UPLOAD:
            _offer_upload(model, limits)
        else:
            _offer_example(model, limits)
    shown: ShownPrediction | None = st.session_state.get(SHOWN)
    if shown is None or shown.model != name:
        return
    with left:
        show_answer(shown.answer, model.description.classes)
        _offer_files(shown)
    with right:
        show_images(shown, model, limits, key=st.session_state[KEY])


def _description(model: ServedModel) -> str:
    described = model.description
    asked = [
        *(f"{head.replace('_', ' ')}: {', '.join(found.classes)}" for head, found in described.classes.items()),
        *(f"{head.replace('_', ' ')}: {', '.join(found)}" for head, found in described.structures.items()),
    ]
    return f"{described.kind} {described.sha256[:12]}. Answers {'; '.join(asked)}."


def _offer_upload(model: ServedModel, limits: Limits) -> None:
    with st.form("images"):
        files = {
            name: st.file_uploader(
                f"{name} ({VOLUME if preprocessor.spatial_dims == 3 else PICTURE})",
                key=f"{model.name} {name}",
                max_upload_size=limits.upload_mb,
            )
            for name, preprocessor in model.preprocessors.items()
        }
        facts = {
            name: st.number_input(f"{name.replace('_', ' ')} (if known)", 0.0, value=None, key=f"{model.name} {name}")
            for name in model.description.facts
        }
        if not st.form_submit_button("Predict", type="primary"):
            return
    st.session_state.pop(SHOWN, None)
    images = {name: io.BytesIO(file.getvalue()) for name, file in files.items() if file is not None}
    if not images:
        raise UsageError("there is no image to predict", fix="choose a file first.")
    attributes = {name: str(value) for name, value in facts.items() if value is not None}
    with _progress() as on_progress:
        shown = predict_upload(model, images, attributes=attributes, limits=limits, on_progress=on_progress)
    _keep(shown)


def _offer_example(model: ServedModel, limits: Limits) -> None:
    st.caption("A drawn phantom of the kind that the model takes, or else noise with an ellipsoid; nobody's images.")
    if st.button("Predict", type="primary"):
        st.session_state.pop(SHOWN, None)
        with _progress() as on_progress:
            shown = predict_example(model, limits=limits, on_progress=on_progress)
        _keep(shown)


@contextmanager
def _progress() -> Iterator[OnProgress]:
    bar = st.progress(0.0, text="Predicting …")

    def tell(share: float) -> None:
        bar.progress(share, text="Predicting …")

    try:
        yield tell
    finally:
        bar.empty()


def _keep(shown: ShownPrediction) -> None:
    st.session_state[SHOWN], st.session_state[KEY] = shown, uuid.uuid4().hex
    st.rerun()


def _offer_files(shown: ShownPrediction) -> None:
    st.subheader("Download")
    st.download_button("Answer (JSON)", shown.document, f"{shown.model}.json", "application/json", on_click="ignore")
    for head, found in shown.segmentations.items():
        words = head.replace("_", " ")
        st.download_button(
            f"Mask of {words} (NIfTI)",
            found.mask,
            f"{shown.model}_{head}.nii.gz",
            "application/gzip",
            on_click="ignore",
        )
        st.download_button(
            f"Overlay of {words} (PNG)", found.overlay, f"{shown.model}_{head}.png", "image/png", on_click="ignore"
        )
    if shown.picture is not None:
        st.download_button("Picture (PNG)", shown.picture, f"{shown.model}.png", "image/png", on_click="ignore")
