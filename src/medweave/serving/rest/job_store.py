"""The predictions that are remembered, each in a private folder, until their time is over."""

import shutil
import tempfile
import time
from http import HTTPStatus
from pathlib import Path

from medweave.serving.limits import BYTES_PER_MB, Limits
from medweave.serving.rest.job import Job
from medweave.serving.rest.problem import Problem


class JobStore:
    """Keeps predictions and their files.

    Args:
        limits: For how long, and how many.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.root = Path(tempfile.mkdtemp(prefix="medweave-serve-"))  # for its owner alone
        self._jobs: dict[str, Job] = {}

    def new_folder(self) -> Path:
        """Make the folder of a prediction."""
        return Path(tempfile.mkdtemp(dir=self.root))

    def add(self, job: Job) -> None:
        """Remember a prediction; the oldest answers go where there are too many."""
        self._jobs[job.job_id] = job
        self.sweep()

    def get(self, job_id: str) -> Job:
        """Return a prediction.

        Raises:
            Problem: There is none of this name, or its time is over.
        """
        if job_id not in self._jobs:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "unknown-prediction",
                f"There is no such prediction; answers are kept for {self.limits.keep_s:g} s.",
            )
        return self._jobs[job_id]

    def remove(self, job: Job) -> None:
        """Forget a prediction and remove its files."""
        self._jobs.pop(job.job_id, None)
        shutil.rmtree(job.folder, ignore_errors=True)

    def sweep(self) -> None:
        """Remove what is older than it may be, and the oldest answers beyond the limits."""
        ended = sorted((job for job in self._jobs.values() if job.ended.done()), key=lambda job: job.ended_s)
        kept, disk_bytes = len(ended), sum(job.disk_bytes for job in ended)
        oldest_s = time.monotonic() - self.limits.keep_s
        for job in ended:
            is_too_much = kept > self.limits.kept or disk_bytes > self.limits.disk_mb * BYTES_PER_MB
            if job.ended_s > oldest_s and not is_too_much:
                break
            kept, disk_bytes = kept - 1, disk_bytes - job.disk_bytes
            self.remove(job)

    def close(self) -> None:
        """Remove everything."""
        self._jobs.clear()
        shutil.rmtree(self.root, ignore_errors=True)
