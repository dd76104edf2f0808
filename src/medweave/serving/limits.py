"""What the service refuses, so that no request can exhaust the machine."""

from dataclasses import dataclass

BYTES_PER_MB = 10**6


@dataclass(frozen=True)
class Limits:
    """Bounds of a request and of what is kept.

    Attributes:
        upload_mb: Of the body of a request.
        decompressed_mb: Of all images of a request, decompressed.
        pixels: Of a picture.
        archive_files: Of a zipped DICOM series.
        voxels: Of a volume, as it is and in the model's spacing.
        upload_s: Time in which an upload must be there.
        job_s: Time that a prediction may take once it has begun.
        wait_s: Time after which a request that waits for its answer is told where to find it later.
        queue_length: Predictions at a time that are received, wait or run.
        keep_s: Time for which an upload and its answer are kept once it is answered.
        kept: Answers that are kept; the oldest go first.
        disk_mb: Of the files that are kept.
    """

    upload_mb: int = 500
    decompressed_mb: int = 2000
    pixels: int = 50_000_000
    archive_files: int = 5000
    voxels: int = 200_000_000
    upload_s: float = 120
    job_s: float = 900
    wait_s: float = 60
    queue_length: int = 16
    keep_s: float = 900
    kept: int = 1000
    disk_mb: int = 20_000
