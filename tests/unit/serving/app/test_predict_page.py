from medweave.measurements.volumes import Volumes
from medweave.serving.app.predict_page import show_predictions
from medweave.serving.app.settings import loaded_models
from medweave.serving.limits import Limits
from medweave.serving.served_model import load_models


def test_an_uploaded_image_is_predicted(open_page, picture_bundle, picture, texts):
    app = open_page(show_predictions, loaded_models((picture_bundle,)), Limits())
    app.file_uploader[0].set_value(("../../patient.png", picture, "image/png"))
    app.button[0].click().run()
    assert not app.exception
    assert [bar.proto.text for bar in app.get("progress")] == ["left: **88.1%**", "right: **11.9%**"]
    assert [found.label for found in app.get("download_button")] == [
        "Answer (JSON)",
        "Mask of areas (NIfTI)",
        "Overlay of areas (PNG)",
    ]
    assert "patient" not in texts(app)


def test_an_example_is_predicted_and_compared(open_page, picture_bundle, texts):
    app = open_page(show_predictions, loaded_models((picture_bundle,)), Limits())
    app.segmented_control[0].set_value("An example").run()
    app.button[0].click().run()
    assert not app.exception
    assert "The truth of the drawn phantom." in texts(app)


def test_what_was_shown_goes_when_the_next_is_refused(open_page, picture_bundle, picture, texts):
    app = open_page(show_predictions, loaded_models((picture_bundle,)), Limits())
    app.file_uploader[0].set_value(("a", picture, ""))
    app.button[0].click().run()
    assert "Download" in texts(app)
    app.file_uploader[0].set_value(("a", b"no image", ""))
    app.button[0].click().run()
    assert "none of NIfTI-1" in app.exception[0].message
    assert "Download" not in texts(app)


def test_numbers_that_the_measurements_use_are_asked_for(open_page, picture_bundle, picture, monkeypatch):
    monkeypatch.setattr(Volumes, "facts", ("height_cm", "weight_kg"))
    seen = []
    measure = Volumes.__call__
    monkeypatch.setattr(Volumes, "__call__", lambda *of: seen.append(of[2]) or measure(*of))
    app = open_page(show_predictions, load_models([picture_bundle]), Limits())
    assert [asked.label for asked in app.number_input] == ["height cm (if known)", "weight kg (if known)"]
    app.file_uploader[0].set_value(("a", picture, ""))
    app.number_input[0].set_value(181.5)
    app.button[0].click().run()
    assert not app.exception
    assert seen == [{"height_cm": "181.5"}]
