"""The running service against slow and half-sent requests, over real connections."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest
import yaml

from tests.inference.serving.asked_service import set_champion
from tests.servers import REPOSITORY, free_port, recommendation_service
from tests.worlds.online.published import PublishedReleases

BODY_SECONDS = 1.0
PATIENCE_SECONDS = 30.0
HALF_A_BODY = (
    b"POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    b"content-length: 500\r\n\r\n{"
)


@pytest.fixture(scope="module")
def service(
    published: PublishedReleases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    folder, port = tmp_path_factory.mktemp("service"), free_port()
    params_file = published.root / "params.yaml"
    before = params_file.read_text()
    params = yaml.safe_load(before)
    own = {"port": port, "body_seconds": BODY_SECONDS, "grace_seconds": 2}
    params["serving"] |= own | {"event_log": str(folder / "events.db")}
    params_file.write_text(yaml.safe_dump(params))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(published.root)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        set_champion(published.first)
        with recommendation_service(published.root, port, folder / "log") as process:
            end = time.monotonic() + PATIENCE_SECONDS
            while not _is_ready(port):
                assert time.monotonic() < end, (folder / "log").read_text()
                time.sleep(0.1)
            yield port, process
    params_file.write_text(before)


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


def test_a_taken_port_is_told_before_anything_is_loaded(
    service: tuple[int, subprocess.Popen[bytes]], tree: PublishedReleases
) -> None:
    """Not after the release was loaded, and the option goes before the settings."""
    command = [sys.executable, "-m", "pipelines.commands", "serve", "--host", "127.0.0.1"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "EXPLORER_PORT": str(service[0])}
    done = subprocess.run(
        command, cwd=tree.root, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error")]
    assert f"127.0.0.1:{service[0]}" in line
    assert "address is free" in line


def test_bodies_that_do_not_come_end_in_time_and_others_are_answered_meanwhile(
    service: tuple[int, subprocess.Popen[bytes]],
) -> None:
    port, _ = service
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
    for connection in slow:
        connection.sendall(HALF_A_BODY)
    assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=PATIENCE_SECONDS).is_success
    for connection in slow:
        connection.settimeout(PATIENCE_SECONDS)
        said = connection.recv(1000)
        assert said.startswith(b"HTTP/1.1 408")
        assert b"server:" not in said
        while connection.recv(1000):
            pass  # until the service has closed it


def test_a_half_sent_body_does_not_keep_the_service_from_ending(
    service: tuple[int, subprocess.Popen[bytes]],
) -> None:
    port, process = service
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(HALF_A_BODY)
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE_SECONDS) in (0, -signal.SIGTERM)
