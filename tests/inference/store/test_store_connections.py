"""A store that hangs costs one wait, not one for every read."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
import redis

from inference.features.online_features import FeatureReader
from inference.store.outage import REST_SECONDS
from inference.store.store_connections import StoreUnreachableError
from pipelines.online.serve import open_for_reading
from tests.worlds.online.stores import working_tree

WAIT_SECONDS = 0.25
CLEARLY_MORE = 10 * WAIT_SECONDS
"""Half of twenty waits, and of the five seconds for which the settings of the file alone wait."""


def test_a_frozen_redis_is_waited_for_once_and_found_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with working_tree("production", tmp_path / "tree"):
        reader = FeatureReader(lambda: open_for_reading(WAIT_SECONDS))
        assert reader.read_user("r", "ann") is None
        host, port = os.environ["FEAST_REDIS"].split(":")
        pid = redis.Redis(host, int(port)).info("server")["process_id"]
        os.kill(pid, signal.SIGSTOP)
        try:
            seconds = []
            for _ in range(20):
                started = time.monotonic()
                with pytest.raises(StoreUnreachableError):
                    reader.read_user("r", "ann")
                seconds.append(time.monotonic() - started)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert max(seconds) < CLEARLY_MORE
        assert sum(seconds) < CLEARLY_MORE
        time.sleep(REST_SECONDS)
        assert reader.read_user("r", "ann") is None
    lines = [line.getMessage() for line in caplog.records if line.name.endswith("outage")]
    assert len(lines) == 2, "one for the whole outage, one for its end"
    assert lines[0].startswith("the online store does not answer: TimeoutError")
    assert lines[1].startswith("the online store answers again, after ")
