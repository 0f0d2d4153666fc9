"""Clean checkouts of this repository with a small world, built by the commands people type."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import yaml

from tests.house.imports import ROOT
from tests.servers import free_port

SMALL_WORLD: dict[str, dict[str, object]] = {
    "runtime": {"seed": 0, "threads": 2},
    "dataset": {
        "source": "synthetic",
        "path": "pipelines/sources/synthetic/catalogue.yaml",
        "synthetic": {"n_users": 500, "n_items": 640},
    },
    "clusters": {"levels": [2, 4, 12]},
    "planner": {"max_steps": 200, "embedded": {"vocabulary": 1000, "steps": 200}},
    "recommender": {"max_epochs": 2, "dimension": 32},
    "experiment": {"max_users": 50, "rounds": 3},
}
POLL_SECONDS = 0.05
CHUNK_BYTES = 1 << 16
"""Read of a terminal at one time."""


def clean_checkout(folder: Path) -> Path:
    """Clone what is committed into ``folder`` and shrink its world."""
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    shipped = yaml.safe_load((folder / "params.yaml").read_text())
    for section, settings in SMALL_WORLD.items():
        shipped.setdefault(section, {})
        for key, value in settings.items():
            shipped[section][key] = value
    (folder / "params.yaml").write_text(yaml.safe_dump(shipped, sort_keys=True))
    (folder / "dvc.lock").unlink(missing_ok=True)
    return folder


def start_repro(checkout: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start ``dvc repro`` in a process group of its own, its output in ``log``."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(checkout),
    }
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "dvc", "repro"],
            cwd=checkout,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def run_module(checkout: Path, *command: str) -> str:
    """Run ``python -m`` in the checkout and return what it printed; fails the test if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout


@contextmanager
def make_target(checkout: Path, target: str, folder: Path, port_variable: str) -> Iterator[str]:
    """Run a target of the Makefile that serves pages; yield its address, and stop all it started.

    ``port_variable`` is the variable that names the target's port.
    """
    port = free_port()
    here = Path(sys.executable).parent
    with (folder / f"{target}.log").open("wb") as output:
        process = subprocess.Popen(
            ["make", "-o", ".venv/installed", target],  # this interpreter's packages serve
            cwd=checkout,
            env=os.environ
            | {"PATH": f"{here}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(checkout)}
            | {port_variable: str(port)},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def run_on_terminal(checkout: Path, *command: str) -> str:
    """Run ``python -m`` as somebody at a terminal does, and return what stood there; it must work.

    Only there progress bars are drawn.
    """
    ours, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 100))  # a new one has no width, so no bar either
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=checkout,
        env=os.environ
        | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(checkout),
        },
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    with os.fdopen(ours, "rb", buffering=0) as screen:
        text = b"".join(iter(lambda: _read_screen(screen), b"")).decode(errors="replace")
    assert process.wait() == 0, text[-4000:]
    return text


def _read_screen(screen: FileIO) -> bytes:
    try:
        return screen.read(CHUNK_BYTES)
    except OSError:  # what Linux answers once nobody holds the terminal any more
        return b""


def repro(checkout: Path) -> str:
    """Run ``dvc repro`` to its end and return what it printed; fails the test if it fails."""
    log = checkout.with_suffix(".log")
    log.write_bytes(b"")
    status = start_repro(checkout, log).wait()
    text = log.read_text(errors="replace")
    assert status == 0, text[-4000:]
    return text


def repro_and_kill(checkout: Path, stage: str, after_seconds: float) -> None:
    """Run ``dvc repro`` and kill the whole group, unasked, shortly after ``stage`` has begun."""
    log = checkout.with_suffix(".killed.log")
    log.write_bytes(b"")
    process = start_repro(checkout, log)
    while f"Running stage '{stage}'" not in log.read_text(errors="replace"):
        assert process.poll() is None, log.read_text(errors="replace")[-4000:]
        time.sleep(POLL_SECONDS)
    time.sleep(after_seconds)
    assert process.poll() is None, f"the pipeline had ended before {stage} could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
