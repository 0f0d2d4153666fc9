"""The Dockerfile by hadolint, the compose file by Docker Compose; both without an engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from inference.serving.config import ServingConfig
from tests.deploy.chart import DEPLOY
from tests.house.imports import ROOMS, ROOT

HADOLINT, COMPOSE = (
    str(Path(sys.executable).with_name(name)) for name in ("hadolint", "docker-compose")
)
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
PASSWORDS = {"REDIS_PASSWORD": "one", "POSTGRES_PASSWORD": "two"}


def compose(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in PASSWORDS}
    files = ["-f", str(DEPLOY / "compose.yaml"), "--env-file", str(DEPLOY / "env.example")]
    command = [COMPOSE, *files, *arguments]
    return subprocess.run(
        command, env=environment | variables, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def composed() -> dict[str, Any]:
    done = compose("config", "--format", "json", **PASSWORDS)
    assert done.returncode == 0, done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def test_hadolint_finds_nothing_to_complain_of() -> None:
    done = subprocess.run([HADOLINT, str(DEPLOY / "Dockerfile")], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_tells_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN pip install torch\n")
    done = subprocess.run(
        [HADOLINT, str(tmp_path / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "DL3006" in done.stdout


def test_what_is_copied_is_there_and_let_through_to_the_builder() -> None:
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"
    }
    copied = set()
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        *sources, _ = line.split()
        copied |= set(sources)
    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)
    assert set(ROOMS) <= copied


def test_the_image_ends_as_an_ordinary_user_who_may_write_where_the_log_lies() -> None:
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE)[-1] == "10001:10001"
    assert f"mkdir {Path(ServingConfig().event_log).parts[0]} " in DOCKERFILE


def test_dependencies_install_without_the_code_and_bring_the_command(tmp_path: Path) -> None:
    """The layer of dependencies is built from two files, so that code does not change it."""
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", str(tmp_path), "."], cwd=tmp_path, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        (points,) = [name for name in content.namelist() if name.endswith("entry_points.txt")]
        assert "explorer = pipelines.commands.app:main" in content.read(points).decode()
        assert not [name for name in content.namelist() if name.startswith("inference/")]


def test_without_passwords_compose_says_what_is_missing() -> None:
    done = compose("config", "-q")
    assert done.returncode != 0
    assert all(f"{name} is missing a value: set it in .env" in done.stderr for name in PASSWORDS)


def test_no_file_holds_a_password() -> None:
    for line in (DEPLOY / "env.example").read_text().splitlines():
        name, _, value = line.partition("=")
        assert not (name in PASSWORDS and value)
    ignored = (ROOT / ".gitignore").read_text().split()
    assert {"/deploy/.env", "/deploy/api_keys.yaml"} <= set(ignored)


def test_containers_are_hardened_and_reachable_from_this_machine_alone(
    composed: dict[str, Any],
) -> None:
    assert set(composed["services"]) == {"service", "redis", "postgres", "mlflow"}
    for name, service in composed["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"]
        assert service["user"].split(":")[0] not in ("0", "root")
        assert service["healthcheck"]["test"]
        assert {port["host_ip"] for port in service["ports"]} == {"127.0.0.1"}


def test_what_must_last_lies_on_named_volumes(composed: dict[str, Any]) -> None:
    kept = {
        (name, volume["target"])
        for name, service in composed["services"].items()
        for volume in service.get("volumes", ())
        if volume["type"] == "volume"
    }
    assert kept == {
        ("service", "/app/var"),
        ("redis", "/data"),
        ("postgres", "/var/lib/postgresql/data"),
        ("mlflow", "/artifacts"),
    }
    assert Path("/app", ServingConfig().event_log).is_relative_to("/app/var")


def test_compose_waits_longer_than_the_service_takes_to_end(composed: dict[str, Any]) -> None:
    given = composed["services"]["service"]["stop_grace_period"]
    assert int(given.removesuffix("s")) > ServingConfig().grace_seconds
