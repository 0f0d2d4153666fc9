"""OpenTelemetry: spans and durations over OTLP where the variables ask for them, else nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from expectations.contracts.errors import UserError
from inference.serving.http.telemetry_switch import open_telemetry
from tests.inference.serving.asked_service import ask, serve, set_champion
from tests.servers import REPOSITORY
from tests.worlds.online.published import PublishedReleases

LIST_ROUTE = "/v1/users/{user_id}/recommendations"
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
IMPORTS_NOTHING = """
import os, sys
from inference.serving.http.telemetry_switch import open_telemetry
import inference.serving.app
assert open_telemetry(os.environ) is None
print([name for name in sys.modules if name.startswith("opentelemetry.exporter")])
print("inference.serving.http.telemetry" in sys.modules)
"""


@dataclass
class Collector:
    """Takes what is sent over OTLP/HTTP, by path."""

    address: str
    bodies: list[tuple[str, bytes]] = field(default_factory=list)

    def spans(self) -> list[tuple[str, dict[str, object], bytes, bytes]]:
        """Name, attributes, trace and parent of every span, and the service in its resource."""
        found = []
        for path, body in self.bodies:
            if path == "/v1/traces":
                for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    for scope in of_resource.scope_spans:
                        for span in scope.spans:
                            about = values_of(span.attributes)
                            about |= values_of(of_resource.resource.attributes)
                            found.append((span.name, about, span.trace_id, span.parent_span_id))
        return found

    def durations(self) -> dict[object, int]:
        """How many durations were counted of each route, by the last that was told."""
        counts: dict[object, int] = {}
        for path, body in self.bodies:
            if path == "/v1/metrics":
                for of_resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                    for scope in of_resource.scope_metrics:
                        for metric in scope.metrics:
                            for point in metric.histogram.data_points:
                                counts[values_of(point.attributes)["http.route"]] = point.count
        return counts


def values_of(attributes: object) -> dict[str, object]:
    return {
        a.key: a.value.int_value or a.value.string_value
        for a in attributes  # type: ignore[attr-defined]
    }


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            collector.bodies.append((self.path, self.rfile.read(length)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield collector
    server.shutdown()
    thread.join()
    server.server_close()


def ask_a_few() -> None:
    """A list, one asked for within a caller's trace, a refusal, and a path that there is not."""
    with serve() as client:
        ask(client, "ann")
        parent = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
        assert client.get("/v1/users/ben/recommendations", headers=parent).status_code == 200
        assert client.get("/v1/users/ann/recommendations?count=0").status_code == 422
        assert client.get("/nowhere/ann").status_code == 404


def test_requests_are_told_as_spans_and_durations_without_ids(
    tree: PublishedReleases, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address)
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=trial")
    set_champion(tree.first)
    ask_a_few()
    spans = collector.spans()
    told = [(n, a["http.route"], a["http.response.status_code"]) for n, a, _, _ in spans]
    assert told == [
        (f"GET {LIST_ROUTE}", LIST_ROUTE, 200),
        (f"GET {LIST_ROUTE}", LIST_ROUTE, 200),
        (f"GET {LIST_ROUTE}", LIST_ROUTE, 422),
        ("GET none", "none", 404),
    ]
    assert {about["service.name"] for _, about, _, _ in spans} == {"interest-explorer"}
    assert {about["deployment.environment.name"] for _, about, _, _ in spans} == {"trial"}
    _, _, trace_id, parent_id = spans[1]
    assert (trace_id.hex(), parent_id.hex()) == (TRACE, CALLER)
    assert spans[0][3] == b""
    assert collector.durations() == {LIST_ROUTE: 1, "none": 1} | {LIST_ROUTE: 1}
    for _, body in collector.bodies:
        assert not any(name in body for name in (b"ann", b"ben", b"nowhere"))


def test_each_signal_has_variables_of_its_own(
    tree: PublishedReleases, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"{collector.address}/only/traces"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", address)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "named")
    set_champion(tree.first)
    ask_a_few()
    assert {path for path, _ in collector.bodies} == {"/only/traces"}
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    assert open_telemetry(os.environ) is None
    monkeypatch.delenv("OTEL_TRACES_EXPORTER")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert open_telemetry(os.environ) is None


def test_a_protocol_that_is_not_spoken_is_refused() -> None:
    asked = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    with pytest.raises(UserError, match=r"http/protobuf is the protocol.*grpc.*4318"):
        open_telemetry(asked)


def test_a_collector_that_is_away_costs_no_request(
    tree: PublishedReleases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    set_champion(tree.first)
    ask_a_few()


def test_without_the_variables_nothing_is_imported() -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS_NOTHING],
        env=clean | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n")[:2] == ["[]", "False"]
