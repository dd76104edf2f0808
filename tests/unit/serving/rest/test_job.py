from http import HTTPStatus
from pathlib import Path

import pytest

from medweave.data.case import Case
from medweave.serving.rest.job import Job
from medweave.serving.rest.problem import Problem


@pytest.fixture
def job(served, tmp_path):
    return Job(served["xray"], Case("f00d", "f00d", {}), tmp_path, False, "r1")


def test_a_new_prediction_waits_under_its_random_name(job, served):
    found = job.describe()
    assert (found.id, found.status, found.progress) == ("f00d", "queued", 0)
    assert found.model_sha256 == served["xray"].description.sha256
    assert found.links.model_dump() == {"self": "/predictions/f00d", "masks": {}, "overlays": {}}


def test_progress_is_rounded_and_a_problem_names_the_request_that_asked(job):
    job.progress, job.problem = 1 / 3, Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "unusable-image", "It is damaged.")
    found = job.describe()
    assert found.progress == 0.333
    assert (found.problem.instance, found.problem.detail) == ("urn:uuid:r1", "It is damaged.")


def test_no_path_of_this_machine_is_told(job, tmp_path):
    assert str(Path(tmp_path)) not in job.describe().model_dump_json()
