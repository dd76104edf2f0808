import io
import json
import os
import tempfile
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from medweave.core.errors import DataError
from medweave.data.case import Case
from medweave.serving.app import predicting
from medweave.serving.app.predicting import predict_example, predict_upload, read_truth
from medweave.serving.limits import Limits


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Where private folders are made."""
    root = tmp_path / "private"
    root.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(root))
    return root


@pytest.fixture
def predict(served):
    def call(name, content, *, limits=Limits(), told=None):  # noqa: B008
        told = [] if told is None else told
        images = {"image": io.BytesIO(content)}
        return predict_upload(served[name], images, limits=limits, on_progress=told.append)

    return call


def test_the_numbers_are_those_of_the_predictor_and_nothing_stays(predict, served, picture, tmp_path, folders):
    told = []
    shown = predict("xray", picture, told=told)
    assert (told, list(folders.iterdir())) == ([0.0], [])
    (tmp_path / "a.png").write_bytes(picture)
    expected = served["xray"].predictor.predict(Case("a", "a", {"image": tmp_path / "a.png"}))
    found = {name: of.probability for name, of in shown.answer.classifications["side"].classes.items()}
    assert found == pytest.approx(expected.classifications["side"].probabilities, abs=1e-6)
    assert shown.answer.segmentations["areas"].structures["bright"].volume == pytest.approx(
        expected.segmentations["areas"].volumes_ml["bright"], abs=1e-4
    )
    document = json.loads(shown.document)
    assert document["answer"] == shown.answer.model_dump(mode="json", exclude_none=True)
    assert (document["model"], "private" in shown.document) == ("xray", False)
    assert shown.segmentations["areas"].overlay.startswith(b"\x89PNG")
    assert (shown.segmentations["areas"].nifti, shown.can_explain, shown.attention) == (b"", False, {})


def test_the_mask_to_keep_is_the_label_map(predict, volume, tmp_path):
    shown = predict("heart", volume).segmentations["heart"]
    (tmp_path / "mask.nii.gz").write_bytes(shown.mask)
    written = sitk.ReadImage(str(tmp_path / "mask.nii.gz"))
    assert np.array_equal(sitk.GetArrayViewFromImage(written), sitk.GetArrayViewFromImage(shown.label_map))
    assert shown.nifti.startswith(b"\x1f\x8b")


def test_a_refused_image_leaves_nothing_and_its_message_names_no_path(predict, picture, folders):
    with pytest.raises(DataError, match="image 'image' has no content"):
        predict("xray", b"")
    with pytest.raises(DataError, match="none of NIfTI-1"):
        predict("xray", b"GIF89a" + bytes(400))
    with pytest.raises(DataError, match="more than 5 pixels"):
        predict("xray", picture, limits=Limits(pixels=5))
    with pytest.raises(DataError) as caught:
        predict("heart", picture)
    assert str(folders) not in str(caught.value)
    assert list(folders.iterdir()) == []


def test_a_prediction_that_takes_too_long_ends(predict, picture):
    with pytest.raises(DataError, match="longer than it may"):
        predict("xray", picture, limits=Limits(job_s=-1))
    assert not predicting.PREDICTING.locked()


def test_only_the_owner_can_open_the_private_folder(predict, picture, folders, monkeypatch):
    seen = []

    def look(predictor, case):
        folder = case.images["image"].parent
        seen.append((folder.stat().st_mode & 0o777, case.images["image"].name))
        raise DataError("enough")

    monkeypatch.setattr(predicting, "read_uploaded", look)
    with pytest.raises(DataError, match="enough"):
        predict("xray", picture)
    assert seen == [(0o700 if os.name == "posix" else seen[0][0], "0.png")]


def test_an_example_knows_its_truth(served, folders):
    shown = predict_example(served["heart"], limits=Limits(), on_progress=lambda _: None)
    truth = shown.segmentations["heart"].truth
    assert truth is not None
    assert truth.GetSize() == shown.segmentations["heart"].label_map.GetSize()
    assert list(folders.iterdir()) == []


def test_a_truth_must_lie_on_the_grid(predict, served, picture, encode, nifti):
    shown = predict("xray", picture).segmentations["areas"]

    def read(values):
        return read_truth(io.BytesIO(encode(values)), shown, served["xray"], limits=Limits())

    assert sitk.GetArrayFromImage(read(np.full((4, 6), 255, np.uint8))).tolist() == [[1] * 6] * 4
    with pytest.raises(DataError, match="does not lie on the image's grid: got size"):
        read(np.zeros((6, 6), np.uint8))
    several = replace(shown, info=replace(shown.info, merged_values={2: 1, 3: 1}))
    labels = nifti(np.arange(24, dtype=np.uint8).reshape(4, 6) % 4, spacing_mm=(1.0, 1.0))
    truth = sitk.GetArrayFromImage(read_truth(io.BytesIO(labels), several, served["xray"], limits=Limits()))
    assert np.bincount(truth.ravel()).tolist() == [6, 18]
    half = nifti(np.full((4, 6), 0.5, np.float32), spacing_mm=(1.0, 1.0))
    with pytest.raises(DataError, match="values that are not labels") as caught:
        read_truth(io.BytesIO(half), shown, served["xray"], limits=Limits())
    assert tempfile.gettempdir() not in str(caught.value)
