import numpy as np
import pytest

from medweave.core.errors import DataError
from medweave.data.case import Case
from medweave.inference.gate.warning import InputWarning
from medweave.serving.limits import Limits
from medweave.serving.rest.job import Job
from medweave.serving.rest.metrics import Metrics
from medweave.serving.rest.predicting import predict_jobs


@pytest.fixture
def make_job(served, tmp_path, picture):
    def call(name="a", content=picture, *, strict=False):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "0.png").write_bytes(content)
        return Job(served["xray"], Case(name, name, {"image": folder / "0.png"}), folder, strict, "r")

    return call


def predict(*jobs, **limits):
    metrics = Metrics()
    ended = {job.job_id: problem for job, problem in predict_jobs(jobs, limits=Limits(**limits), metrics=metrics)}
    assert set(ended) == {job.job_id for job in jobs}
    return ended, metrics.text().decode()


def test_pictures_of_one_size_pass_the_network_together_and_answer_as_alone(make_job, encode, monkeypatch, served):
    others = [np.full((4, 6), value, np.uint8) for value in (0, 100)]
    jobs = [make_job("a"), make_job("b", encode(others[0])), make_job("c", encode(others[1]))]
    ended, metrics = predict(*jobs)
    assert set(ended.values()) == {None}
    assert 'medweave_batch_cases_sum{model="xray"} 3.0' in metrics
    assert 'medweave_batch_cases_count{model="xray"} 1.0' in metrics
    for job in jobs:
        alone = served["xray"].predictor.predict(job.case)
        found = job.answer.classifications["side"].classes
        assert {name: each.probability for name, each in found.items()} == pytest.approx(
            alone.classifications["side"].probabilities, abs=1e-6
        )
    assert jobs[2].answer.segmentations["areas"].structures["bright"].volume == 0.24


def test_a_failure_leaves_the_others_alone_and_names_no_path(make_job, tmp_path):
    bad = make_job("bad", b"\x89PNG\r\n\x1a\n" + bytes(40))
    ended, _ = predict(make_job("a"), bad, make_job("c"))
    assert (ended["a"], ended["c"]) == (None, None)
    assert (ended["bad"].status, ended["bad"].kind) == (422, "unusable-image")
    assert ended["bad"].detail.startswith("image 'image': ")
    assert str(tmp_path) not in ended["bad"].detail


def test_a_message_that_quotes_the_file_is_told_without_the_folder(make_job, monkeypatch, served, tmp_path):
    job = make_job()

    def fail(case):
        path = case.images["image"]
        raise DataError("cannot be read", where=path, got=f"bad file {path}", fix="send it again.")

    monkeypatch.setattr(served["xray"].predictor, "read", fail)
    ended, _ = predict(job)
    assert ended["a"].detail == "image 'image': cannot be read: got bad file 0.png. Fix: send it again."


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (RuntimeError("itk::ERROR"), 422, "unusable-image"),
        (ZeroDivisionError("secret"), 500, "internal-error"),
        (MemoryError(), 500, "internal-error"),
    ],
)
def test_what_nobody_foresaw_ends_one_prediction_and_is_logged(make_job, monkeypatch, served, error, status, kind):
    def fail(case):
        raise error

    monkeypatch.setattr(served["xray"].predictor, "read", fail)
    ended, _ = predict(make_job())
    assert (ended["a"].status, ended["a"].kind) == (status, kind)
    assert "secret" not in ended["a"].detail


def test_a_prediction_that_takes_too_long_is_ended(make_job):
    ended, _ = predict(make_job(), job_s=-1)
    assert (ended["a"].status, ended["a"].kind) == (503, "prediction-too-slow")


def test_a_doubtful_image_is_answered_with_warnings_or_refused_if_so_asked(make_job, monkeypatch, served):
    predictor = served["xray"].predictor
    monkeypatch.setattr(predictor, "gate", Doubting())
    lenient, strict = make_job("a"), make_job("b", strict=True)
    ended, _ = predict(lenient, strict)
    assert (lenient.answer.gate, lenient.answer.warnings[0].message) == ("doubtful", "it is dark")
    assert (ended["b"].status, ended["b"].kind) == (422, "unlike-training-images")
    assert "it is dark" in ended["b"].detail


class Doubting:
    def check_images(self, name, channels, paths, preprocessor):
        return [InputWarning("intensity", name, "it is dark")]

    def check_features(self, features):
        return []
