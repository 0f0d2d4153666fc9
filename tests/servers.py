"""Real servers on loopback for tests, each with its own folder and a free port."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.conftest import require_program

REPOSITORY = Path(__file__).resolve().parents[1]
START_SECONDS = 20.0
SERVICE_START_SECONDS = 120.0  # it imports Feast, MLflow and torch


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Start Redis without persistence and yield its ``host:port``."""
    port = free_port()
    with _running(_redis(port, folder, ""), folder / "redis.log", lambda: _accepts(port)):
        yield f"127.0.0.1:{port}"


class LastingRedis:
    """A Redis that keeps its data when it is stopped, so that it can be started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._stop: Callable[[], object] | None = None
        self.address = f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it and wait until it answers with its data loaded."""
        command = _redis(self._port, self._folder, "3600 1")
        running = _running(command, self._folder / "redis.log", self._has_loaded)
        running.__enter__()
        self._stop = lambda: running.__exit__(None, None, None)

    def stop(self) -> None:
        """Stop it; it writes its data to disk before it ends."""
        if self._stop is not None:
            self._stop()
            self._stop = None

    def _has_loaded(self) -> bool:
        """Whether it answers ``PING``; while it loads it accepts connections but does not."""
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1) as probe:
                probe.sendall(b"PING\r\n")
                return probe.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _redis(port: int, folder: Path, save: str) -> list[str]:
    program = require_program(shutil.which("redis-server"), "redis-server")
    address = ["--port", str(port), "--bind", "127.0.0.1"]
    return [program, *address, "--save", save, "--dir", str(folder)]


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """Start a server that speaks S3 and yield its address; it forgets all when it ends."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _running(command, folder / "s3.log", lambda: _accepts(port)):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def recommendation_service(
    root: Path, port: int, log: Path, *module: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Start the service of the working tree at ``root`` by the command people type.

    It listens on the port that the tree's ``params.yaml`` names, which is ``port``; it may begin
    without a release. ``module``: another one that serves, and its arguments.
    """
    command = [sys.executable, "-m", *(module or ("pipelines.commands", "serve"))]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    start = partial(_running, command, log, lambda: _accepts(port), cwd=root, env=environment)
    with start(patience_seconds=SERVICE_START_SECONDS) as process:
        yield process


@contextmanager
def feast_server(root: Path, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start Feast's server on the store of the working tree at ``root``, with one worker."""
    feast = str(Path(sys.executable).with_name("feast"))
    command = [feast, "-c", "feature_repo", "serve", "--port", str(port), "--no-access-log"]
    command += ["--max-requests", "0"]  # or a worker ends after a thousand
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    start = partial(_running, command, log, lambda: _accepts(port), cwd=root, env=environment)
    with start(patience_seconds=SERVICE_START_SECONDS) as process:
        yield process


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """Start PostgreSQL with an empty database and yield its SQLAlchemy address."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = Path(require_program(str(programs[-1]) if programs else None, "postgresql"))
    # PostgreSQL refuses to run as root, so a root test hands the folder to Debian's account.
    as_owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    data = Path(subprocess.check_output([*as_owner, "mktemp", "-d"], text=True).strip())
    port = free_port()
    setup = [str(initdb), "-D", str(data), "-A", "trust", "-U", "postgres", "--no-sync"]
    options = ["-p", str(port), "-k", str(data), "-c", "listen_addresses=127.0.0.1", "-F"]
    command = [*as_owner, str(initdb.with_name("postgres")), "-D", str(data), *options]
    try:
        subprocess.run([*as_owner, *setup], check=True, capture_output=True, cwd="/")
        # while it starts up it accepts connections, and refuses them one by one
        asked = [str(initdb.with_name("pg_isready")), "-q", "-h", "127.0.0.1", "-p", str(port)]
        with _running(command, folder / "postgres.log", partial(_succeeds, asked)):
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(data, ignore_errors=True)


def render_page(
    address: str, folder: Path, screenshot: Path | None = None, net_log: Path | None = None
) -> str:
    """Return the text of a page as Chromium builds it, after its scripts have run.

    ``net_log`` is where Chromium notes every address that it asks for.
    """
    program = require_program(shutil.which("chromium"), "chromium")
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command = [
        *(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
        *(*quiet, "--no-first-run", f"--user-data-dir={folder / 'profile'}"),
        *("--window-size=1100,1400", "--virtual-time-budget=8000"),
    ]
    if net_log:
        command.append(f"--log-net-log={net_log}")
    if screenshot:
        subprocess.run(
            [*command, f"--screenshot={screenshot}", address],
            check=True,
            capture_output=True,
            timeout=90,
        )
    done = subprocess.run(
        [*command, "--dump-dom", address], check=True, capture_output=True, text=True, timeout=90
    )
    return done.stdout


def read_when_ready(address: str) -> str:
    """Return what a server answers as soon as it does so without an error.

    Raises:
        OSError: it did not within the patience that a start is given.
    """
    deadline = time.monotonic() + SERVICE_START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(address, timeout=10) as response:
                return str(response.read().decode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(
    command: list[str],
    log: Path,
    is_ready: Callable[[], bool],
    cwd: Path = Path("/"),
    env: Mapping[str, str] | None = None,
    patience_seconds: float = START_SECONDS,
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, cwd=cwd, env=env
        )
    try:
        deadline = time.monotonic() + patience_seconds
        while not is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start: {log.read_text()[-500:]}")
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=patience_seconds)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, check=False).returncode == 0
