"""What a monitoring system reads of the service, in the text format of Prometheus."""

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)


class Metrics:
    """The counts of one service."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        self.requests = Counter(
            "medweave_requests", "Requests answered.", ("method", "route", "status"), registry=registry
        )
        self.request_seconds = Histogram(
            "medweave_request_seconds", "Time to the end of an answer.", ("route",), buckets=SECONDS, registry=registry
        )
        self.predictions = Counter(
            "medweave_predictions", "Predictions that ended.", ("model", "status"), registry=registry
        )
        self.prediction_seconds = Histogram(
            "medweave_prediction_seconds",
            "Time from reading the images to the answer, of a batch.",
            ("model",),
            buckets=SECONDS,
            registry=registry,
        )
        self.batch_cases = Histogram(
            "medweave_batch_cases",
            "Cases that passed the network together.",
            ("model",),
            buckets=(1, 2, 4, 8),
            registry=registry,
        )
        self.queue_length = Gauge(
            "medweave_queue_length", "Predictions that are received, wait or run.", registry=registry
        )
        memory = Gauge("medweave_memory_bytes", "Resident memory of the service.", registry=registry)
        memory.set_function(lambda: psutil.Process().memory_info().rss)

    def text(self) -> bytes:
        """Return all of it."""
        return generate_latest(self._registry)
