"""What taking live events costs, by the number of events in a request, on both stores.

Run from the top of the repository: `python -m benchmarks.serving.events`. It starts its own Redis
and PostgreSQL and works in a temporary folder. Users have up to a few dozen events by the end,
which are all written again with every request: a row of the live view is derived anew from the log.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inference.events.event import ItemEvent
from inference.events.live_view import LiveView
from inference.serving.config import ServingConfig
from pipelines.online.live_events import open_live_view
from tests.worlds.online.stores import STORES, working_tree

REQUESTS = {1: 300, 10: 100, 100: 50, 1_000: 20}
"""Events in a request, and how many such requests are timed."""
N_USERS = 2_500
N_ITEMS = 10_000
PER_MILLE = 1000


def main() -> None:
    """Print one line a store and size of request."""
    print("store       events a request   median ms   p95 ms   events/s   events per CPU second")
    for kind in STORES:
        with (
            tempfile.TemporaryDirectory() as folder,
            working_tree(kind, Path(folder) / "tree"),
        ):
            live = open_live_view(ServingConfig())
            rng = np.random.default_rng(0)
            live.record(make_events(rng, 100, 0))  # opens the store
            n_sent = 100
            for size, count in REQUESTS.items():
                requests = [make_events(rng, size, n_sent + size * k) for k in range(count)]
                n_sent += size * count
                print(f"{kind:<12}{size:>16,}{measure(live, requests)}", flush=True)


def make_events(rng: np.random.Generator, count: int, first: int) -> list[ItemEvent]:
    """Return events of made-up users, ids ascending from ``first``."""
    users = (rng.beta(1, 2.5, size=count) * N_USERS).astype(int)
    items = rng.integers(0, N_ITEMS, count)
    return [
        ItemEvent(f"event-{first + nth:09}", f"user-{user}", f"item-{item}", first + nth, 5.0)
        for nth, (user, item) in enumerate(zip(users, items, strict=True))
    ]


def measure(live: LiveView, requests: Sequence[list[ItemEvent]]) -> str:
    """Send the requests one after the other and say how long they took."""
    waits = []
    cpu, wall = time.process_time(), time.perf_counter()
    for events in requests:
        started = time.perf_counter()
        live.record(events)
        waits.append(time.perf_counter() - started)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    n_events = sum(map(len, requests))
    p95 = statistics.quantiles(waits, n=20)[-1]
    median = statistics.median(waits)
    times = f"{median * PER_MILLE:>12.1f}{p95 * PER_MILLE:>9.1f}"
    return f"{times}{n_events / wall:>11,.0f}{n_events / cpu:>24,.0f}"


if __name__ == "__main__":
    main()
