import gzip
import io
import math
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from medweave.data.case import Case
from medweave.serving.limits import Limits


def wait(client, address, seconds=30):
    """Return a prediction once it has ended."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        found = client.get(address).json()
        if found["status"] in ("done", "failed"):
            return found
        time.sleep(0.02)
    raise AssertionError(found)


def test_a_picture_is_answered_at_once_with_classes_areas_and_links(client, picture, served):
    response = client.post("/models/xray/predictions", files={"image": ("../../etc/passwd", picture)})
    found = response.json()
    assert response.status_code == 200, found
    assert (found["status"], found["progress"], found["model"]) == ("done", 1.0, "xray")
    assert found["model_sha256"] == served["xray"].description.sha256
    answer = found["answer"]
    left = 1 / (1 + math.exp(-2 * 0.01 * 100))
    assert answer["classifications"]["side"]["pred_class"] == "left"
    assert answer["classifications"]["side"]["classes"]["left"]["probability"] == pytest.approx(left, abs=1e-6)
    area = {"unit": "cm²", "structures": {"bright": {"volume": 0.12, "standard_deviation": None}}}
    assert answer["segmentations"] == {"areas": area}
    assert answer["measurements"] == [{"name": "areas_bright_area", "value": 0.12, "unit": "cm²"}]
    assert (answer["gate"], answer["warnings"], answer["members"]) == ("none", [], 1)
    assert set(found["links"]["masks"]) == set(found["links"]["overlays"]) == {"areas"}


def test_the_mask_and_the_overlay_lie_under_the_links(client, picture, tmp_path):
    links = client.post("/models/xray/predictions", files={"image": picture}).json()["links"]
    mask = client.get(links["masks"]["areas"])
    assert mask.headers["content-type"] == "application/gzip"
    (tmp_path / "mask.nii.gz").write_bytes(mask.content)
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "mask.nii.gz")))
    assert labels.tolist() == [[0, 0, 0, 1, 1, 1]] * 4
    overlay = client.get(links["overlays"]["areas"])
    with Image.open(io.BytesIO(overlay.content)) as drawn:
        assert drawn.format == "PNG"
        assert len(np.unique(np.asarray(drawn))) > 10
    assert client.get(links["masks"]["areas"]).content == mask.content


def test_a_volume_is_answered_in_the_background_as_the_predictor_answers_it(client, volume, served, tmp_path):
    response = client.post("/models/heart/predictions", files={"image": volume})
    assert response.status_code == 202
    address = response.json()["links"]["self"]
    assert response.headers["location"] == address
    found = wait(client, address)
    assert found["status"] == "done", found
    (tmp_path / "case.nii.gz").write_bytes(volume)
    expected = served["heart"].predictor.predict(Case("c", "c", {"image": tmp_path / "case.nii.gz"}))
    ((head, segmentation),) = expected.segmentations.items()
    volumes = {name: each["volume"] for name, each in found["answer"]["segmentations"][head]["structures"].items()}
    assert volumes == {name: round(value, 4) for name, value in segmentation.volumes_ml.items()}
    content = client.get(found["links"]["masks"][head]).content
    assert (
        np.frombuffer(gzip.decompress(content)[352:], np.uint8).tobytes()
        == sitk.GetArrayFromImage(segmentation.label_map).tobytes()
    )


def test_a_zipped_dicom_series_is_answered_as_its_folder(client, served, tmp_path, write_dicom_slice):
    folder = tmp_path / "series"
    folder.mkdir()
    voxels = np.random.default_rng(0).integers(0, 500, (12, 24, 20)).astype(np.int16)
    for number, values in enumerate(voxels):
        place = {"0020|0032": f"5\\-3\\{20 + 4 * number}"}
        write_dicom_slice(folder / f"{number}.dcm", values, spacing_mm=(3.5, 3.0), **place)
    archive = shutil.make_archive(str(tmp_path / "sent"), "zip", tmp_path, "series")
    response = client.post("/models/heart/predictions", files={"image": Path(archive).read_bytes()})
    found = wait(client, response.json()["links"]["self"])
    assert found["status"] == "done", found
    ((head, expected),) = served["heart"].predictor.predict(Case("c", "c", {"image": folder})).segmentations.items()
    (tmp_path / "mask.nii.gz").write_bytes(client.get(found["links"]["masks"][head]).content)
    mask = sitk.ReadImage(tmp_path / "mask.nii.gz")
    np.testing.assert_array_equal(sitk.GetArrayFromImage(mask), sitk.GetArrayFromImage(expected.label_map))
    np.testing.assert_allclose((*mask.GetSpacing(), *mask.GetOrigin()), (3.5, 3.0, 4, 5, -3, 20), atol=1e-5)


def test_a_client_may_choose_not_to_wait_and_to_wait(client, picture, volume):
    assert client.post("/models/xray/predictions?background=true", files={"image": picture}).status_code in (200, 202)
    waited = client.post("/models/heart/predictions?background=false", files={"image": volume})
    assert (waited.status_code, waited.json()["status"]) == (200, "done")


def test_a_request_that_waited_long_enough_is_sent_to_the_status(make_client, picture, monkeypatch):
    client = make_client(limits=Limits(wait_s=0))
    worker, held = client.app.state.service.worker, []
    with monkeypatch.context() as patch:
        patch.setattr(worker, "submit", held.append)
        response = client.post("/models/xray/predictions", files={"image": picture})
    assert response.status_code == 202
    worker.submit(*held)
    assert wait(client, response.headers["location"])["status"] == "done"


def test_an_answer_is_removed_when_the_client_asks_and_its_files_with_it(client, picture):
    address = client.post("/models/xray/predictions", files={"image": picture}).json()["links"]["self"]
    store = client.app.state.service.store
    assert len(list(store.root.iterdir())) == 1
    assert client.delete(address).status_code == 204
    assert list(store.root.iterdir()) == []
    assert client.get(address).status_code == 404


def test_a_failure_in_the_background_is_told_by_the_status(client, nifti):
    bad = nifti(np.full((8, 8, 8), np.nan, np.float32))
    address = client.post("/models/heart/predictions", files={"image": bad}).json()["links"]["self"]
    found = wait(client, address)
    assert (found["status"], found["problem"]["status"], found["answer"]) == ("failed", 422, None)
    assert "NaN" in found["problem"]["detail"]
    assert client.get(f"{address}/mask").status_code == 409


def test_facts_about_the_case_reach_the_measurements(client, picture, monkeypatch, served):
    seen = []
    predictor = served["xray"].predictor
    read = predictor.read
    monkeypatch.setattr(predictor, "read", lambda case: seen.append(case.attributes) or read(case))
    response = client.post("/models/xray/predictions", files={"image": picture}, data={"height_cm": "180"})
    assert response.status_code == 200
    assert seen == [{"height_cm": "180"}]


def test_unknown_heads_and_predictions_are_told(client, picture):
    address = client.post("/models/xray/predictions", files={"image": picture}).json()["links"]["self"]
    assert client.get(f"{address}/mask?head=liver").json()["detail"] == "The prediction has label maps of: areas."
    assert client.get("/predictions/none/overlay").status_code == 404


def test_a_client_that_breaks_off_gives_its_place_back(client, picture):
    for _ in range(10):
        assert client.post("/models/xray/predictions", files={"picture": picture}).status_code == 422
    assert client.post("/models/xray/predictions", files={"image": picture}).status_code == 200
    assert client.app.state.service.worker._places == 0
