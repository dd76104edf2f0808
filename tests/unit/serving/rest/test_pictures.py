import gzip
import shutil

import pytest
import SimpleITK as sitk

from medweave.data.case import Case
from medweave.inference.writers.overlay import OverlayWriter
from medweave.serving.limits import Limits
from medweave.serving.rest import pictures
from medweave.serving.rest.job import Job
from medweave.serving.rest.metrics import Metrics
from medweave.serving.rest.predicting import predict_jobs
from medweave.serving.rest.problem import Problem


@pytest.fixture
def job(served, tmp_path, picture):
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "0.png").write_bytes(picture)
    made = Job(served["xray"], Case("a", "a", {"image": folder / "0.png"}), folder, False, "r")
    list(predict_jobs([made], limits=Limits(), metrics=Metrics()))
    made.status = "done"
    return made


def test_label_maps_leave_memory_and_come_back_as_they_were(job, served):
    assert job.prediction.segmentations["areas"].label_map.GetSize() == (0, 0)
    expected = served["xray"].predictor.predict(job.case).segmentations["areas"].label_map
    content = gzip.decompress(pictures.mask(job, "areas"))
    assert content[352:] == sitk.GetArrayFromImage(expected).tobytes()


def test_pictures_are_not_kept(job):
    before = sorted(job.folder.iterdir())
    assert pictures.overlay(job, None).startswith(b"\x89PNG")
    pictures.mask(job, None)
    assert sorted(job.folder.iterdir()) == before


def test_a_model_of_classes_alone_shows_the_image_and_has_no_mask(job):
    job.prediction.segmentations.clear()
    job.answer.segmentations.clear()
    assert pictures.overlay(job, None).startswith(b"\x89PNG")
    assert list(job.describe().links.overlays) == ["classes"]
    with pytest.raises(Problem, match="no structures"):
        pictures.mask(job, None)


@pytest.mark.parametrize("make", [pictures.mask, pictures.overlay])
def test_what_is_removed_in_the_meantime_is_not_there(job, make):
    shutil.rmtree(job.folder)
    with pytest.raises(Problem, match="not kept any more"):
        make(job, "areas")


def test_what_is_removed_while_it_is_drawn_is_not_there(job, monkeypatch):
    write = OverlayWriter.write

    def write_too_late(self, *arguments, **details):
        shutil.rmtree(job.folder)
        return write(self, *arguments, **details)

    monkeypatch.setattr(OverlayWriter, "write", write_too_late)
    with pytest.raises(Problem, match="not kept any more"):
        pictures.overlay(job, "areas")


def test_another_failure_is_not_hidden(job):
    next(job.folder.glob("label_map_*.nii")).unlink()
    with pytest.raises(RuntimeError, match="label_map_0"):
        pictures.mask(job, "areas")


def test_nothing_is_drawn_in_the_folder_of_a_prediction_that_has_not_ended(job):
    job.status = "running"  # its answer is there, and the worker counts the bytes of its files
    for picture in (pictures.mask, pictures.overlay):
        with pytest.raises(Problem, match="The prediction is running"):
            picture(job, "areas")
    assert (job.describe().answer, job.describe().links.masks) == (None, {})
