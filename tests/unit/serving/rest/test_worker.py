import threading
import time

import pytest

from medweave.data.case import Case
from medweave.serving.limits import Limits
from medweave.serving.rest import worker as module
from medweave.serving.rest.job import Job
from medweave.serving.rest.metrics import Metrics
from medweave.serving.rest.problem import Problem
from medweave.serving.rest.worker import Worker


@pytest.fixture
def batches(monkeypatch):
    """Replace prediction by a gate that the test opens; return what came through it."""
    seen, gate = [], threading.Semaphore(0)

    def predict_jobs(jobs, *, limits, metrics):
        seen.append([job.job_id for job in jobs])
        gate.acquire(timeout=10)
        yield from ((job, None) for job in jobs)

    monkeypatch.setattr(module, "predict_jobs", predict_jobs)
    return seen, gate


@pytest.fixture
def worker():
    made = Worker(Limits(queue_length=5, job_s=5), Metrics())
    yield made
    made.close()


def submit(worker, model, name, tmp_path):
    job = Job(model, Case(name, name, {}), tmp_path, False, "r")
    worker.take_place()
    worker.submit(job)
    return job


def wait_until(condition):
    ends = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.005)


def test_what_waits_for_one_model_of_whole_images_is_predicted_together(worker, batches, served, tmp_path):
    seen, gate = batches
    first = submit(worker, served["xray"], "a", tmp_path)
    wait_until(lambda: seen == [["a"]])
    for model, name in (("xray", "b"), ("heart", "c"), ("xray", "d")):
        last = submit(worker, served[model], name, tmp_path)
    gate.release(3)
    for job in (first, last):
        job.ended.result(10)
    wait_until(lambda: len(seen) == 3)
    assert seen == [["a"], ["b", "d"], ["c"]]


def test_a_full_queue_is_told_with_a_time_to_ask_again(worker, batches, served, tmp_path):
    _, gate = batches
    jobs = [submit(worker, served["xray"], str(number), tmp_path) for number in range(5)]
    with pytest.raises(Problem) as caught:
        worker.take_place()
    assert (caught.value.status, caught.value.kind) == (503, "queue-full")
    assert int(caught.value.headers["Retry-After"]) >= 1
    gate.release(9)
    for job in jobs:
        job.ended.result(10)
    worker.take_place()
    worker.leave_place()


def test_closing_finishes_what_runs_and_refuses_what_waits(worker, batches, served, tmp_path):
    seen, gate = batches
    running = submit(worker, served["xray"], "a", tmp_path)
    wait_until(lambda: seen)
    waiting = submit(worker, served["xray"], "b", tmp_path)
    closing = threading.Thread(target=worker.close)
    closing.start()
    waiting.ended.result(10)
    assert (waiting.status, waiting.problem.kind) == ("failed", "shutting-down")
    with pytest.raises(Problem, match="shutting down"):
        worker.take_place()
    gate.release()
    closing.join(10)
    assert (running.status, running.problem, worker.is_ready) == ("done", None, False)
