"""The compose file's own commands, as processes of this machine in place of containers.

What the Dockerfile copies lies in a folder of its own, and the service runs there; names of
containers become ports of loopback.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from inference.client import calls
from inference.client.client import ServiceClient
from inference.client.errors import CallError, KeyRefusedError
from inference.client.retries import Retries
from inference.client.sent import ListOptions, UserEvent
from inference.serving.config import ServingConfig
from inference.serving.http.api_keys import hash_of_key, make_key
from pipelines.params.params import read_params
from pipelines.stages import release
from tests.conftest import require_program
from tests.deploy.test_images import DOCKERFILE, PASSWORDS, compose
from tests.house.imports import ROOT
from tests.servers import free_port, postgres_server
from tests.worlds.online.serving import NOW, build_tree, item_of

pytestmark = pytest.mark.long

PATIENCE_SECONDS = 180.0
ONCE = Retries(attempts=1)
PROGRAMS = Path(sys.executable).parent
PROMOTE = ("-m", "pipelines.commands", "promote", "--why", "first")
PUBLISH = """
from inference.release.manifest import read_manifest
from pipelines.io import paths
from pipelines.lifecycle.publish import publish
from pipelines.online.feature_store import open_store
from pipelines.release.tracking import open_tracking
publish(open_store(), open_tracking(), read_manifest(paths.RELEASE))
"""
"""The work of `explorer publish`, which itself wants the lock of a whole build."""


class Containers:
    """The services of the compose file, each started here by its own command."""

    def __init__(self, services: Mapping[str, Any], folder: Path, moved: Mapping[str, str]) -> None:
        self._services = services
        self._folder = folder
        self._moved = moved

    def here(self, text: str) -> str:
        """Return a command or address of a container as it is on this machine."""
        for there, here in self._moved.items():
            text = text.replace(there, here)
        return text

    def environment(self, name: str) -> dict[str, str]:
        """Return what the container is told, beside the path to the environment's programs."""
        told = self._services[name].get("environment", {})
        own = {key: self.here(str(value)) for key, value in told.items()}
        kept = {key: os.environ[key] for key in ("LANG",) if key in os.environ}
        path = f"{PROGRAMS}:/usr/local/bin:/usr/bin:/bin"
        return {"PATH": path, "HOME": str(self._folder), **kept, **own}

    @contextmanager
    def running(self, name: str, cwd: Path, **more: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a container's command until its own health check passes, and end it by SIGTERM."""
        command = [self.here(word).replace("$$", "$") for word in self._services[name]["command"]]
        log = self._folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=cwd, env=self.environment(name) | more, stdout=output, stderr=output
            )
        try:
            wait_until(lambda: self.is_healthy(name), process, log)
            yield process
        finally:
            process.terminate()
            process.wait(timeout=60)

    def is_healthy(self, name: str) -> bool:
        """Whether the health check of the compose file passes."""
        kind, *words = self._services[name]["healthcheck"]["test"]
        command = [self.here(word).replace("$$", "$") for word in words]
        done = subprocess.run(
            command if kind == "CMD" else ["sh", "-c", *command],
            env=self.environment(name),
            capture_output=True,
            check=False,
        )
        return done.returncode == 0


def wait_until(holds: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        said = log.read_text()[-2000:]
        assert process.poll() is None, said
        assert time.monotonic() < end, said
        time.sleep(0.2)


def lay_out_image(folder: Path) -> Path:
    """Copy what the Dockerfile copies, and make the folder that it makes."""
    last_stage = DOCKERFILE.rpartition("\nFROM")[2]
    folder.mkdir()
    for line in re.findall(r"^COPY (?!--from)(.+)$", last_stage, re.MULTILINE):
        source, target = line.split()
        if (ROOT / source).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / source, folder / target, ignore=ignored)
        else:
            shutil.copyfile(ROOT / source, folder / target)
    (folder / "var").mkdir()
    return folder


def run_python(cwd: Path, environment: Mapping[str, str], *words: str) -> str:
    """Run Python in a folder, as a container's environment has it; it must not fail."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=cwd, env=dict(environment), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def status_of(address: str, host: str) -> int:
    try:
        asked = urllib.request.Request(address, headers={"Host": host})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_commands_of_the_compose_file_serve_a_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_program(shutil.which("redis-server"), "redis-server")
    services = json.loads(compose("config", "--format", "json", **PASSWORDS).stdout)["services"]
    image, tree = lay_out_image(tmp_path / "app"), build_tree(tmp_path / "tree")
    key = make_key()
    entry = {"name": "shop", "sha256": hash_of_key(key.encode()), "scopes": ["read", "write"]}
    (tmp_path / "api_keys.yaml").write_text(yaml.safe_dump([entry]))
    redis, mlflow, port = free_port(), free_port(), free_port()
    with ExitStack() as stack:
        database = stack.enter_context(postgres_server(tmp_path))
        plain = database.replace("+psycopg", "")
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute((ROOT / "deploy" / "postgres.sql").read_text().encode())
        ours, _, _ = database.rpartition("/")
        moved = {
            "postgresql+psycopg://explorer:two@postgres:5432/feast": database,
            "postgresql+psycopg://explorer:two@postgres:5432": ours,
            "redis:6379": f"127.0.0.1:{redis}",
            "exec redis-server": f"exec redis-server --port {redis} --bind 127.0.0.1",
            "redis-cli": f"redis-cli -p {redis}",
            "/data": str(tmp_path),
            "http://mlflow:5000": f"http://127.0.0.1:{mlflow}",
            ":5000": f":{mlflow}",
            "--port=5000": f"--port={mlflow}",
            "0.0.0.0": "127.0.0.1",
            "/artifacts": str(tmp_path / "artifacts"),
            ":8000": f":{port}",
            "/run/secrets": str(tmp_path),
        }
        services["service"]["environment"]["EXPLORER_PORT"] = str(port)
        services["service"]["environment"]["EXPLORER_API_KEYS"] += ".yaml"
        containers = Containers(services, tmp_path, moved)
        stack.enter_context(containers.running("redis", tmp_path))
        stack.enter_context(containers.running("mlflow", tmp_path))
        registry = f"http://127.0.0.1:{mlflow}/api/2.0/mlflow/experiments/get?experiment_id=0"
        hosts = ("mlflow", "127.0.0.1", "evil.example")
        assert [status_of(registry, f"{host}:{mlflow}") for host in hosts] == [200, 200, 403]

        environment = containers.environment("service") | {"PYTHONPATH": str(image)}
        production = "feature_repo/feature_store.production.yaml"
        shutil.copyfile(ROOT / production, tree / production)
        monkeypatch.chdir(tree)
        release.main(read_params())
        run_python(tree, environment, "-c", PUBLISH)
        service = stack.enter_context(
            containers.running("service", image, PYTHONPATH=str(image), OMP_NUM_THREADS="1")
        )
        address = f"http://127.0.0.1:{port}"
        client = stack.enter_context(ServiceClient(address, key, retries=ONCE))
        assert "no alias champion" in client.send(calls.readiness()).problem
        # in the container, which has the code and the settings alone
        assert "champion" in run_python(image, environment, *PROMOTE)
        wait_until(lambda: client.send(calls.readiness()).ready, service, tmp_path / "service.log")

        liked = client.send(calls.recommend("ann", ListOptions(count=4, exploration_share=0.5)))
        assert liked.answered_by == "full"
        event = UserEvent("ben", item_of(5, 0), NOW)
        assert client.send(calls.record_event(event)).visible
        assert (image / ServingConfig().event_log).is_file()
        with ServiceClient(address, retries=ONCE) as stranger, pytest.raises(KeyRefusedError):
            stranger.send(calls.release())

        new = [path for path in image.rglob("*") if is_new(path, image)]
        written = {path.relative_to(image).parts[0] for path in new}
        assert written <= {"var"}, "a container may write below var alone"
        started = time.monotonic()
        service.terminate()
        assert service.wait(timeout=60) in (0, -15)
        assert time.monotonic() - started < ServingConfig().grace_seconds
        with pytest.raises(CallError):
            client.send(calls.health())


def is_new(path: Path, image: Path) -> bool:
    """Whether a file of the image was not copied from the tree; caches of bytecode aside."""
    is_cache = "__pycache__" in path.parts
    return path.is_file() and not is_cache and not (ROOT / path.relative_to(image)).is_file()
