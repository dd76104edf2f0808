import stat
import time

import pytest

from medweave.data.case import Case
from medweave.serving.limits import Limits
from medweave.serving.rest.job import Job
from medweave.serving.rest.job_store import JobStore
from medweave.serving.rest.problem import Problem


@pytest.fixture
def make(served):
    stores = []

    def call(**limits):
        stores.append(JobStore(Limits(**limits)))
        return stores[-1]

    yield call
    for store in stores:
        store.close()


@pytest.fixture
def put(served):
    def call(store, name, *, ended_before_s=None, disk_bytes=0):
        job = Job(served["xray"], Case(name, name, {}), store.new_folder(), False, "r")
        (job.folder / "0.png").write_bytes(b"x")
        if ended_before_s is not None:
            job.ended_s, job.disk_bytes = time.monotonic() - ended_before_s, disk_bytes
            job.ended.set_result(None)
        store.add(job)
        return job

    return call


def kept(store, *jobs):
    return [job.folder.exists() and store._jobs.get(job.job_id) is job for job in jobs]


def test_the_folders_are_for_their_owner_alone(make):
    store = make()
    folder = store.new_folder()
    assert folder.parent == store.root
    assert [stat.S_IMODE(path.stat().st_mode) for path in (store.root, folder)] == [0o700, 0o700]
    store.close()
    assert not store.root.exists()


def test_an_answer_goes_when_its_time_is_over_and_what_runs_stays(make, put):
    store = make(keep_s=60)
    old, running = put(store, "old"), put(store, "running")
    new = put(store, "new", ended_before_s=10)
    old.ended_s = time.monotonic() - 61
    old.ended.set_result(None)
    store.sweep()
    assert kept(store, old, running, new) == [False, True, True]
    with pytest.raises(Problem, match="60 s"):
        store.get("old")


def test_the_oldest_answers_go_where_there_are_too_many(make, put):
    store = make(kept=2)
    jobs = [put(store, str(age), ended_before_s=age) for age in (20, 30, 10)]
    assert kept(store, *jobs) == [True, False, True]


def test_the_oldest_answers_go_where_they_take_too_much_room(make, put):
    store = make(disk_mb=10)
    jobs = [put(store, str(age), ended_before_s=age, disk_bytes=4_000_000) for age in (30, 20, 10)]
    assert kept(store, *jobs) == [False, True, True]
