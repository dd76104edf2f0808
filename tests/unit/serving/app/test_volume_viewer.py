import gzip
import io

import numpy as np
import pytest

from medweave.serving.app import volume_viewer
from medweave.serving.app.predicting import predict_upload
from medweave.serving.app.volume_viewer import show_volume
from medweave.serving.limits import Limits


@pytest.fixture
def shown(served, volume):
    images = {"image": io.BytesIO(volume)}
    found = predict_upload(served["heart"], images, limits=Limits(), on_progress=lambda _: None)
    return found.segmentations["heart"]


@pytest.fixture
def calls(monkeypatch):
    found = []
    monkeypatch.setattr(volume_viewer, "niivue_viewer", lambda **arguments: found.append(arguments))
    return found


def test_the_viewer_gets_the_image_and_a_mask_a_structure(open_page, shown, calls):
    app = open_page(lambda: show_volume(shown, key="a"))
    app.slider[0].set_value(0.2).run()
    app.segmented_control[0].set_value("3D").run()
    app.toggle[0].set_value(False).run()
    assert not app.exception
    assert [(call["view_mode"], call["overlays"][0]["opacity"]) for call in calls] == [
        ("multiplanar", 0.5),
        ("multiplanar", 0.2),
        ("3d", 0.2),
        ("3d", 0.2),
    ]
    assert [call["settings"]["crosshair"] for call in calls] == [True, True, True, False]
    assert calls[0]["nifti_data"] == shown.nifti
    (overlay,) = calls[0]["overlays"]
    voxels = np.frombuffer(gzip.decompress(overlay["data"]), np.uint8, offset=352)
    assert overlay["name"] == "left_atrium.nii.gz"
    assert int(voxels.sum()) == np.count_nonzero(np.frombuffer(gzip.decompress(shown.mask), np.uint8, offset=352) == 1)
    assert ":red-badge[left atrium]" in app.markdown[0].value


def test_what_is_too_large_for_the_viewer_is_a_picture(open_page, shown, calls, monkeypatch, texts):
    monkeypatch.setattr(volume_viewer, "MAX_BYTES", 10)
    app = open_page(lambda: show_volume(shown, key="a"))
    assert "too large for the viewer" in texts(app)
    assert (calls, bool(app.exception)) == ([], False)
