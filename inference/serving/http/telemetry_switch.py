"""Whether OpenTelemetry's variables ask for traces or metrics; it is imported only then."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from expectations.contracts.errors import UserError

if TYPE_CHECKING:
    from inference.serving.http.telemetry import Telemetry

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
PROTOCOLS = ("", "http/protobuf")
"""What is understood of the variables that name a protocol; empty is the standard's default."""


class Signal(StrEnum):
    """What can be sent, by the word that the variables have for it."""

    TRACES = "TRACES"
    METRICS = "METRICS"


def is_wanted(signal: Signal, environment: Mapping[str, str]) -> bool:
    """Whether a signal is to be sent: where the variables name an address, and do not forbid it.

    Raises:
        UserError: they ask for a protocol that is not spoken here.
    """
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if environment.get(f"OTEL_{signal}_EXPORTER", "otlp") != "otlp":
        return False
    if not environment.get(ENDPOINT) and not environment.get(
        f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"
    ):
        return False
    general = environment.get("OTEL_EXPORTER_OTLP_PROTOCOL", "")
    protocol = environment.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", general)
    if protocol not in PROTOCOLS:
        rule = f"{PROTOCOLS[-1]} is the protocol"
        remedy = "leave the variable away, and name the collector's port for HTTP (4318)"
        raise UserError("OTEL_EXPORTER_OTLP_PROTOCOL", rule, remedy, protocol[:40])
    return True


def open_telemetry(environment: Mapping[str, str]) -> Telemetry | None:
    """Return what sends traces and metrics; ``None``, and nothing imported, where none are wanted.

    Raises:
        UserError: they are wanted by a protocol that is not spoken here, or the extra is missing.
    """
    wanted = [is_wanted(signal, environment) for signal in (Signal.TRACES, Signal.METRICS)]
    if not any(wanted):
        return None
    try:
        from inference.serving.http.telemetry import Telemetry
    except ImportError as error:
        rule = "what OpenTelemetry needs is installed where its variables ask for it"
        remedy = "install the extra: pip install -c constraints.txt -e '.[telemetry]'"
        raise UserError(ENDPOINT, rule, remedy, str(error.name)) from None
    return Telemetry(*wanted)
