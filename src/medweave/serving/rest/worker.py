"""The queue of predictions and the one thread that works it off, several of a model at a time where that helps."""

import time
from collections import deque
from http import HTTPStatus
from math import ceil
from threading import Condition, Thread

from medweave.core.logging import get_logger
from medweave.inference.batching import MAX_CASES
from medweave.serving.limits import Limits
from medweave.serving.rest.job import Job
from medweave.serving.rest.metrics import Metrics
from medweave.serving.rest.predicting import predict_jobs
from medweave.serving.rest.problem import Problem

logger = get_logger(__name__)

#: Weight of the newest prediction in the mean of their times.
NEWEST_SHARE = 0.2


def shutting_down() -> Problem:
    """Return why nothing is taken any more."""
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "shutting-down", "The service is shutting down; ask another.")


class Worker:
    """Predicts one batch at a time.

    A client takes a place before it sends its images, so that the queue bounds what is received, waits and runs.

    Args:
        limits: Length of the queue, and time of a prediction.
        metrics: Are told what happens.
    """

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self.limits = limits
        self.metrics = metrics
        self._changed = Condition()
        self._waiting: deque[Job] = deque()
        self._places = 0
        self._mean_s = 1.0
        self._is_closing = False
        self._thread = Thread(target=self._work, name="predictions", daemon=True)
        self._thread.start()
        metrics.queue_length.set_function(lambda: self._places)

    @property
    def is_ready(self) -> bool:
        """Whether predictions are taken and worked off."""
        return self._thread.is_alive() and not self._is_closing

    def take_place(self) -> None:
        """Take a place in the queue.

        Raises:
            Problem: There is none, or the service is shutting down.
        """
        with self._changed:
            if self._is_closing:
                raise shutting_down()
            if self._places >= self.limits.queue_length:
                raise Problem(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    "queue-full",
                    f"{self._places} predictions are before you. Ask again later.",
                    headers={"Retry-After": str(max(ceil(self._places * self._mean_s), 1))},
                )
            self._places += 1

    def leave_place(self) -> None:
        """Give a place back."""
        with self._changed:
            self._places -= 1

    def submit(self, job: Job) -> None:
        """Queue a prediction that has a place, which it gives back when it ends."""
        with self._changed:
            self._waiting.append(job)
            self._changed.notify()

    def close(self) -> None:
        """Refuse what waits, let what runs come to its end, and stop."""
        with self._changed:
            self._is_closing = True
            waiting, self._waiting = list(self._waiting), deque()
            self._changed.notify()
        for job in waiting:
            self._end(job, shutting_down())
        self._thread.join(self.limits.job_s)

    def _work(self) -> None:
        while jobs := self._next():
            started = time.monotonic()
            model = jobs[0].model.name
            for job, problem in predict_jobs(jobs, limits=self.limits, metrics=self.metrics):
                self._end(job, problem)
            seconds = time.monotonic() - started
            self.metrics.prediction_seconds.labels(model).observe(seconds)
            self._mean_s += NEWEST_SHARE * (seconds / len(jobs) - self._mean_s)

    def _next(self) -> list[Job]:
        """Wait for a prediction; return it with those of its model that wait too, none when the service closes."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closing)
            if not self._waiting:
                return []
            first = self._waiting[0]
            takes = MAX_CASES if first.model.predictor.takes_whole_cases else 1
            jobs = [job for job in self._waiting if job.model is first.model][:takes]
            self._waiting = deque(job for job in self._waiting if job not in jobs)
            return jobs

    def _end(self, job: Job, problem: Problem | None) -> None:
        job.problem = problem
        job.progress = 0.0 if problem else 1.0
        job.disk_bytes = sum(path.stat().st_size for path in job.folder.iterdir()) if job.folder.is_dir() else 0
        job.ended_s = time.monotonic()
        job.status = "failed" if problem else "done"
        self.metrics.predictions.labels(job.model.name, job.status).inc()
        self.leave_place()
        logger.info(
            "prediction=%s request=%s model=%s status=%s problem=%s",
            job.job_id,
            job.request_id,
            job.model.name,
            job.status,
            problem.kind if problem else "none",
        )
        job.ended.set_result(None)
