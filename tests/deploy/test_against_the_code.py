"""Variables, ports, paths and commands of compose file and chart, against what the code takes."""

from __future__ import annotations

import re
from typing import Any

import mlflow.cli
import numba
import typer
import yaml
from feast.constants import FEAST_FS_YAML_FILE_PATH_ENV_NAME

from inference.serving.config import ServingConfig
from pipelines.commands.app import build_app
from tests.deploy.chart import (
    CHART,
    DEPLOY,
    EVERYTHING,
    app,
    pods,
    render,
    routes,
    service_containers,
)
from tests.house.imports import ROOT
from tests.house.test_documented_commands import parse

COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
STORE_SETTINGS = "feature_repo/feature_store.production.yaml"
OF_THE_STORE = set(re.findall(r"\$\{(\w+)\}", (ROOT / STORE_SETTINGS).read_text()))
OF_THE_IMAGE = {"PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "HOME"}
"""Read by the shell and by Python itself."""
OF_OTHER_IMAGES = {
    "redis": {"REDIS_PASSWORD"},  # by the command beside it
    "postgres": {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD", "PGDATA"},
}


def variables_of_serve() -> set[str]:
    command = typer.main.get_group(build_app()).commands["serve"]
    return {str(option.envvar) for option in command.params if getattr(option, "envvar", None)}


def read_by_the_service() -> set[str]:
    fixed = {FEAST_FS_YAML_FILE_PATH_ENV_NAME, "MLFLOW_TRACKING_URI"}
    return variables_of_serve() | OF_THE_STORE | fixed


def read_by_mlflow() -> set[str]:
    return {
        str(option.envvar) for option in mlflow.cli.server.params if getattr(option, "envvar", None)
    }


def test_the_service_is_told_all_that_it_needs_and_nothing_that_it_does_not_read() -> None:
    assert (
        'os.environ.get("MLFLOW_TRACKING_URI")'
        in (ROOT / "pipelines/io/tracking_address.py").read_text()
    )
    needed = OF_THE_STORE | {FEAST_FS_YAML_FILE_PATH_ENV_NAME, "MLFLOW_TRACKING_URI"}
    told = [set(COMPOSE["services"]["service"]["environment"])]
    for values in ({}, EVERYTHING):
        told += [{one["name"] for one in c["env"]} for c in service_containers(render(values))]
    assert len(told) == 5
    for names in told:
        assert needed <= names <= read_by_the_service()


def test_the_image_sets_what_is_read_by_somebody() -> None:
    (block,) = re.findall(r"^ENV (.*?[^\\])$", DOCKERFILE.partition("USER")[0].split("FROM")[-1],
                          re.MULTILINE | re.DOTALL)  # fmt: skip
    names = set(re.findall(r"^\s*(\w+)=", block, re.MULTILINE))
    assert hasattr(numba.config, "CACHE_DIR")
    assert names - OF_THE_IMAGE - {"NUMBA_CACHE_DIR"} <= variables_of_serve()


def test_the_other_containers_are_told_what_they_read() -> None:
    told = {
        name: set(COMPOSE["services"][name]["environment"])
        for name in ("redis", "postgres", "mlflow")
    }
    known = OF_OTHER_IMAGES | {"mlflow": read_by_mlflow()}
    for name, names in told.items():
        assert names <= known[name]
    for name, pod in pods(render()).items():
        part = name.rpartition("-")[2]
        if part in known:
            (container,) = pod["spec"]["containers"]
            assert {one["name"] for one in container["env"]} <= known[part]


def test_probes_ask_routes_that_need_no_key_at_the_port_that_is_served() -> None:
    open_routes = {path for method, path in routes(app()) if method == "GET"}
    for container in service_containers(render()):
        (port,) = container["ports"]
        told = {one["name"]: one.get("value") for one in container["env"]}
        assert str(port["containerPort"]) == told["EXPLORER_PORT"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            asked = container[probe]["httpGet"]
            assert asked["port"] == port["name"]
            assert asked["path"] in open_routes & {"/healthz", "/readyz"}
    for text in (DOCKERFILE, (DEPLOY / "compose.yaml").read_text()):
        for port, path in re.findall(r"http://127\.0\.0\.1:(\d+)(/\w+)'", text):
            assert (port, path) in {("8000", "/healthz"), ("5000", "/health")}
    port = ServingConfig().port
    assert COMPOSE["services"]["service"]["environment"]["EXPLORER_PORT"] == str(port)
    assert f"EXPOSE {port}" in DOCKERFILE
    assert COMPOSE["services"]["service"]["ports"] == [f"${{LISTEN:-127.0.0.1}}:{port}:{port}"]


def test_prometheus_operator_asks_the_route_of_metrics_at_a_port_of_the_services() -> None:
    objects = render(EVERYTHING)
    (monitor,) = [made for made in objects if made["kind"] == "ServiceMonitor"]
    (endpoint,) = monitor["spec"]["endpoints"]
    assert ("GET", endpoint["path"]) in routes(app())
    parts = monitor["spec"]["selector"]["matchExpressions"][1]["values"]
    for made in objects:
        if (
            made["kind"] == "Service"
            and made["metadata"]["labels"]["app.kubernetes.io/component"] in parts
        ):
            assert endpoint["port"] in [port["name"] for port in made["spec"]["ports"]]


def test_stores_are_where_the_service_is_told_they_are() -> None:
    told = COMPOSE["services"]["service"]["environment"]
    for name in ("FEAST_REDIS", "FEAST_REGISTRY", "MLFLOW_TRACKING_URI"):
        host, port = re.findall(r"(redis|postgres|mlflow):(\d+)", told[name])[-1]
        assert f"127.0.0.1:{port}:{port}" in COMPOSE["services"][host]["ports"]
    hosts = {made["metadata"]["name"] for made in render() if made["kind"] == "Service"}
    for container in service_containers(render()):
        values = {one["name"]: one.get("value") for one in container["env"]}
        assert re.findall(r"//([\w-]+):5000", values["MLFLOW_TRACKING_URI"])[0] in hosts


def test_every_command_can_be_typed() -> None:
    commands = [COMPOSE["services"]["service"]["command"]]
    commands += [container["args"] for container in service_containers(render())]
    assert [" ".join(command) for command in commands] == ["explorer serve"] * 3
    notes = (CHART / "templates" / "NOTES.txt").read_text()
    named = [
        part
        for line in notes.splitlines()
        for part in line.split("&&")
        if "explorer " in part and "{{" not in part
    ]
    assert len(named) == 2
    for command in ["explorer serve", *map(str.strip, named)]:
        parse(command)
    servers = [COMPOSE["services"]["mlflow"]["command"]]
    servers += [
        container["args"]
        for pod in pods(render()).values()
        for container in pod["spec"]["containers"]
        if container["name"] == "mlflow"
    ]
    assert len(servers) == 2
    for program, word, *options in servers:
        assert (program, word) == ("mlflow", "server")
        taken = mlflow.cli.server.make_context("server", options).params
        assert (taken["host"], taken["port"]) == ("0.0.0.0", 5000)
        assert re.search(r"mlflow:5000,", taken["allowed_hosts"])
