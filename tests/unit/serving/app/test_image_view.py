import io
from dataclasses import replace

import numpy as np
import pytest

from medweave.serving.app.image_view import show_images
from medweave.serving.app.predicting import predict_upload
from medweave.serving.limits import Limits


@pytest.fixture
def shown(served, picture):
    images = {"image": io.BytesIO(picture)}
    return predict_upload(served["xray"], images, limits=Limits(), on_progress=lambda _: None)


@pytest.fixture
def show(open_page, served):
    def call(shown):
        return open_page(lambda: show_images(shown, served["xray"], Limits(), key="a"))

    return call


def captions(app):
    return [caption for element in app.image for caption in element.captions]


def test_a_picture_is_shown_under_its_structures(show, shown, texts):
    app = show(shown)
    app.slider[0].set_value(1.0).run()
    assert not app.exception
    assert captions(app) == ["bright"]
    assert "Grad-CAM is not in a bundle" in texts(app)


def test_a_true_mask_is_compared(show, shown, encode):
    truth = np.zeros((4, 6), np.uint8)
    truth[:, 2:] = 255  # of which half the picture, from column 3, is found
    app = show(shown)
    app.file_uploader[0].set_value(("mask.png", encode(truth), "image/png")).run()
    assert not app.exception
    assert app.table[0].value.loc["bright", "Dice"] == f"{6 / 7:.3f}"
    assert len(captions(app)) == 2


def test_a_mask_of_another_image_is_refused(show, shown, encode):
    app = show(shown)
    app.file_uploader[0].set_value(("mask.png", encode(np.zeros((9, 9), np.uint8)), "image/png")).run()
    assert "does not lie on the image's grid" in app.exception[0].message


def test_where_the_network_looked_is_shown_or_why_not(show, shown, texts):
    looked = show(replace(shown, attention={"side, xray": shown.segmentations["areas"].overlay}, can_explain=True))
    assert len(captions(looked)) == 2
    assert "measurements alone" in texts(show(replace(shown, can_explain=True)))


def test_an_answer_without_structures_has_a_picture(show, shown):
    app = show(replace(shown, segmentations={}, picture=shown.segmentations["areas"].overlay))
    assert not app.exception
    assert len(captions(app)) == 1
