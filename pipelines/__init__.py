"""Wiring: parameters, paths, table I/O, tracking, one short file per DVC stage, promotion."""

# The one import-time effect of the house: dependencies read these while they are imported, so
# nothing later could switch their telemetry off, or bound how long their threads spin. A value the
# user has set is left alone.
import os

import typeguard

from pipelines.io.processors import settle_threads

settle_threads(os.environ)

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# A server that went away in the middle of a command: 15 seconds of new tries, not four minutes.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # files, not work
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("DVC_NO_ANALYTICS", "1")
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault("FEAST_USAGE", "False")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# Despite its name this keeps Ray's servers on the loopback, on Linux too.
os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # transformers' bars of a second, too
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# Feast has its classes check their arguments, for which typeguard rewrites and compiles them anew
# at every import: half of the five seconds that Feast takes to load. mypy checks our calls.
_checked = typeguard.typechecked


def _checked_unless_feast(target: object = None, **options: object) -> object:
    if target is not None and target.__module__.partition(".")[0] == "feast":
        return target
    return _checked(target, **options)  # type: ignore[call-overload]


typeguard.typechecked = _checked_unless_feast  # type: ignore[assignment]
