"""Two processes on one port: one copy of the release, one memory of what was shown, one rate."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from inference.release.release_copies import PREPARED
from inference.serving.http.api_keys import hash_of_key, make_key
from pipelines.online.service_folder import PREFIX
from tests.inference.serving.asked_service import set_champion
from tests.servers import free_port, recommendation_service
from tests.worlds.online.published import PublishedReleases

pytestmark = pytest.mark.long

BURST, REST_AFTER = 7, 6
PATIENCE_SECONDS = 120.0
CONNECTIONS = 32
"""Dealt out by a hash: that one of two gets none of them has a chance of 2 in 2 ** 32."""


@dataclass(frozen=True)
class Workers:
    """A service of two processes, and a folder in which it has its own."""

    port: int
    parent: psutil.Process
    scratch: Path
    keys: dict[str, str]

    def ask(self, path: str, holder: str = "usual", **query: Any) -> httpx.Response:
        """Ask over a connection of its own, which either of them may accept."""
        bearer = {"authorization": f"Bearer {self.keys[holder]}"}
        address = f"http://127.0.0.1:{self.port}{path}"
        return httpx.get(address, params=query, headers=bearer, timeout=PATIENCE_SECONDS)

    def maps(self) -> dict[int, set[str]]:
        """The files of prepared releases that each process has in its memory, with their inodes."""
        found = {}
        for process in [self.parent, *self.parent.children(recursive=True)]:
            lines = Path(f"/proc/{process.pid}/maps").read_text().splitlines()
            # one that has swapped removes the files that the other may still have mapped
            named = [line.removesuffix(" (deleted)") for line in lines if PREPARED in line]
            files = {" ".join(line.split()[4:]) for line in named}
            if files:
                found[process.pid] = files
        return found


@pytest.fixture
def workers(
    published: PublishedReleases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workers]:
    keys = {"usual": make_key(), "hasty": make_key()}
    entries = [
        {"name": name, "sha256": hash_of_key(key.encode()), "scopes": ["read", "metrics"]}
        for name, key in keys.items()
    ]
    entries[1] |= {"per_second": 1e-6, "burst": BURST}
    (tmp_path / "keys.yaml").write_text(yaml.safe_dump(entries))
    scratch, port = tmp_path / "scratch", free_port()
    scratch.mkdir()
    params_file = published.root / "params.yaml"
    before = params_file.read_text()
    params = yaml.safe_load(before)
    params["serving"] |= {
        "port": port,
        "api_keys": str(tmp_path / "keys.yaml"),
        "event_log": "",
        "shown_clusters": str(tmp_path / "shown.db"),
        "exploration": {"cluster_decay": 0, "item_decay": 0, "rest_after": REST_AFTER},
    }
    params_file.write_text(yaml.safe_dump(params))
    monkeypatch.chdir(published.root)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("TMPDIR", str(scratch))
    set_champion(published.first)
    command = ("pipelines.commands", "serve", "--workers", "2")
    with recommendation_service(published.root, port, tmp_path / "log", *command) as process:
        workers = Workers(port, psutil.Process(process.pid), scratch, keys)
        end = time.monotonic() + PATIENCE_SECONDS
        while len(workers.maps()) < 2 or not workers.ask("/readyz").is_success:
            assert time.monotonic() < end, (tmp_path / "log").read_text()
            time.sleep(0.1)
        yield workers
    params_file.write_text(before)


def test_two_workers_are_one_service(workers: Workers, published: PublishedReleases) -> None:
    first, second = workers.maps().values()
    assert first == second
    assert len(first) == 1
    shown = []
    for _ in range(REST_AFTER + 1):
        answer = workers.ask("/v1/users/ann/recommendations", count=2, exploration_share=0.5).json()
        shown.append([i["cluster"]["cluster_id"] for i in answer["items"] if i["probability"]])
    assert shown[:REST_AFTER] == [[2]] * REST_AFTER  # each by itself would go on for as many more
    assert shown[REST_AFTER] == [3]
    asked = [workers.ask("/v1/release", "hasty").status_code for _ in range(3 * BURST)]
    assert asked == [200] * BURST + [429] * 2 * BURST
    counting = {int(f.stem.split("_")[1]) for f in workers.scratch.rglob("metrics/counter_*.db")}
    assert len(counting) == 2, "both have answered"
    assert min(hold_connections(workers)) > 0, "one takes all that wait"
    set_champion(published.second)
    end = time.monotonic() + PATIENCE_SECONDS
    while any(files & first for files in workers.maps().values()):
        assert time.monotonic() < end, "what was swapped out is still mapped"
        workers.ask("/v1/release")
        time.sleep(0.1)
    first, second = workers.maps().values()
    assert first == second
    (folder,) = workers.scratch.glob(f"{PREFIX}*")
    assert len(list((folder / "releases").iterdir())) == 1
    workers.parent.send_signal(signal.SIGTERM)
    assert workers.parent.wait(PATIENCE_SECONDS) == 0
    assert list(workers.scratch.glob(f"{PREFIX}*")) == []


def hold_connections(workers: Workers) -> list[int]:
    """How many of some connections that are kept each process has, after an answer over each."""
    with ExitStack() as kept:
        for _ in range(CONNECTIONS):
            client = kept.enter_context(httpx.Client(timeout=PATIENCE_SECONDS))
            client.get(f"http://127.0.0.1:{workers.port}/healthz").raise_for_status()
        return [
            sum(
                connection.status == psutil.CONN_ESTABLISHED
                and connection.laddr.port == workers.port
                for connection in psutil.Process(pid).net_connections("tcp")
            )
            for pid in workers.maps()
        ]
