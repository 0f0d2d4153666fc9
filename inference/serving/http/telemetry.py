"""Spans and durations of requests for OpenTelemetry; imported only where they are asked for.

Our own and not FastAPI's instrumentation: that one writes addresses into spans, and in them stand
ids of people. Here a route stands by its pattern.
"""

from __future__ import annotations

import time

from fastapi import FastAPI
from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inference.serving.http.metrics import SECONDS
from inference.serving.http.request_log import KNOWN_METHODS, route_of

OUR_NAME = "interest-explorer"
"""Of the service, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES names it otherwise."""
UNNAMED = "unknown_service"
"""What the standard calls a service that nobody named."""
FLUSH_MS = 5_000
"""How long the end of the service waits for a collector to take what is left."""


class Telemetry:
    """Sends spans and durations over OTLP/HTTP, as the standard variables of OpenTelemetry say.

    What is sent waits in a thread of its own: a collector that is away costs no request anything.

    Args:
        sends_traces: whether spans are sent.
        sends_metrics: whether durations are.
    """

    def __init__(self, sends_traces: bool, sends_metrics: bool) -> None:
        resource = Resource.create()
        if str(resource.attributes[SERVICE_NAME]).startswith(UNNAMED):
            resource = resource.merge(Resource({SERVICE_NAME: OUR_NAME}))
        self._traces = TracerProvider(resource=resource)
        if sends_traces:
            self._traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        readers = []
        if sends_metrics:
            readers.append(PeriodicExportingMetricReader(OTLPMetricExporter()))
        self._meters = MeterProvider(readers, resource)
        self.tracer: trace.Tracer = self._traces.get_tracer(OUR_NAME)
        self.durations: metrics.Histogram = self._meters.get_meter(OUR_NAME).create_histogram(
            "http.server.request.duration",
            "s",
            "Duration of HTTP server requests.",
            explicit_bucket_boundaries_advisory=SECONDS,
        )

    def watch(self, app: FastAPI) -> None:
        """Let every request of ``app`` make a span and a duration."""
        app.add_middleware(RequestSpans, telemetry=self)

    def end(self) -> None:
        """Send what is left."""
        self._traces.force_flush(FLUSH_MS)
        self._traces.shutdown()
        self._meters.shutdown(FLUSH_MS)


class RequestSpans:
    """Makes a span of each request, within that of the caller if there is one.

    Args:
        app: what answers.
        telemetry: takes spans and durations.
    """

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry
        self._propagator = TraceContextTextMapPropagator()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on within a span."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        asked = scope["method"]
        method = asked if asked in KNOWN_METHODS else "_OTHER"
        status = 500

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        sent = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        caller = self._propagator.extract(sent)
        with self._telemetry.tracer.start_as_current_span(
            method, caller, trace.SpanKind.SERVER, record_exception=False
        ) as span:
            try:
                await self._app(scope, receive, send_and_note)
            finally:
                about: dict[str, str | int] = {
                    "http.request.method": method,
                    "http.route": route_of(scope),
                    "http.response.status_code": status,
                }
                span.update_name(f"{method} {route_of(scope)}")
                span.set_attributes(about)
                if status >= 500:
                    span.set_status(trace.StatusCode.ERROR)
                self._telemetry.durations.record(time.perf_counter() - started, about)
