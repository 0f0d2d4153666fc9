"""What Prometheus reads: requests, answers by the way they were made, release and store."""

from __future__ import annotations

from functools import cache

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
SHARED = ("PROMETHEUS_MULTIPROC_DIR", "PROMETHEUS_MULTIPROCESS_DIR")
"""One is Prometheus', the other Feast's, which sets both to a folder of each process' own."""
CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The metrics of one process; with several, each of them tells those of all.

    No label holds an id of a person or an item: routes stand by their patterns.

    Args:
        is_shared: several processes answer; they leave what they count where the variables
            :data:`SHARED` point, which were set before they began.
    """

    def __init__(self, is_shared: bool = False) -> None:
        self._is_shared = is_shared
        registry = CollectorRegistry()
        self._registry = registry
        self._of_request = cache(self._find_of_request)
        self.requests = Counter(
            "explorer_requests", "Requests", ("method", "route", "status"), registry=registry
        )
        self.seconds = Histogram(
            "explorer_request_seconds",
            "From the first byte of a request to the end of its answer",
            ("route",),
            buckets=SECONDS,
            registry=registry,
        )
        self.answers = Counter(
            "explorer_answers",
            "Lists by how they were made, and by arm of the experiment",
            ("answered_by", "arm"),
            registry=registry,
        )
        self.items = Counter(
            "explorer_items", "Items shown by the list they are from", ("list",), registry=registry
        )
        self.ready = Gauge(
            "explorer_ready", "1 while ready", registry=registry, multiprocess_mode="livemin"
        )
        self.version = Gauge(
            "explorer_release_version",
            "Version of the release in service, 0 before the first",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.share = Gauge(
            "explorer_exploration_share",
            "Share of a list that explores where nobody says",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.problem = Gauge(
            "explorer_problem",
            "1 while readiness tells a problem, such as a champion that is refused",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.store = Gauge(
            "explorer_online_store_complete",
            "1 while the online store answers and has the release's rows",
            registry=registry,
            multiprocess_mode="livemin",
        )

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        requests, durations = self._of_request(method, route, status)
        requests.inc()
        durations.observe(seconds)

    def _find_of_request(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        return self.requests.labels(method, route, str(status)), self.seconds.labels(route)

    def page(self) -> bytes:
        """Return all metrics as Prometheus reads them."""
        if not self._is_shared:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
