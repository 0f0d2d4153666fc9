"""Real servers on loopback for tests, each with its own folder and a free port."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import require_program

START_SECONDS = 20.0


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Start Redis without persistence and yield its ``host:port``."""
    program = require_program(shutil.which("redis-server"), "redis-server")
    port = free_port()
    command = [
        program,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(folder),
    ]
    with _running(command, folder / "redis.log", lambda: _accepts(port)):
        yield f"127.0.0.1:{port}"


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
        with _running(command, folder / "postgres.log", lambda: _accepts(port)):
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(data, ignore_errors=True)


def render_page(address: str, folder: Path, screenshot: Path | None = None) -> str:
    """Return the text of a page as Chromium builds it, after its scripts have run."""
    program = require_program(shutil.which("chromium"), "chromium")
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command = [
        *(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
        *(*quiet, "--no-first-run", f"--user-data-dir={folder / 'profile'}"),
        *("--window-size=1100,1400", "--virtual-time-budget=8000"),
    ]
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


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(command: list[str], log: Path, is_ready: Callable[[], bool]) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd="/")
    try:
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start: {log.read_text()[-500:]}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
