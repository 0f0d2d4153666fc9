"""The chart: linted and rendered by Helm, held against Kubernetes' schemas and the service."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml

from inference.serving.config import ServingConfig
from pipelines.params.params import read_params
from tests.deploy.chart import (
    CHART,
    EVERYTHING,
    app,
    of_kind,
    pods,
    render,
    routes,
    service_containers,
)

KUBERNETES = ("1.27", "1.34")
"""The oldest that the chart takes, and a newer one."""
NO_SCHEMA = {"HTTPRoute", "ServiceMonitor"}
"""Kinds of the Gateway API and of Prometheus' operator, which Kubernetes itself does not know."""
VALUES = pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
NOBODY = 0


@VALUES
def test_helm_finds_nothing_to_complain_of(values: dict[str, Any]) -> None:
    report = helm_python.lint(CHART, values, strict=True)
    told = [said["error"] for said in report["messages"]]
    assert (told, report["errors"]) == (["icon is recommended"], [])


def test_helm_tells_what_is_wrong(tmp_path: Path) -> None:
    broken = shutil.copytree(CHART, tmp_path / CHART.name)
    (broken / "templates" / "more.yaml").write_text("kind: {{ .Values.absent.deeper }}\n")
    assert helm_python.lint(broken, {}, strict=True)["errors"]


@VALUES
@pytest.mark.parametrize("version", KUBERNETES)
def test_every_object_is_one_that_kubernetes_takes(version: str, values: dict[str, Any]) -> None:
    objects = render(values)
    assert len(objects) > 15
    for made in objects:
        if made["kind"] not in NO_SCHEMA:
            kubernetes_validate.validate(made, version, strict=True)


def test_an_object_with_a_field_too_many_is_found() -> None:
    (budget,) = of_kind(render(), "PodDisruptionBudget").values()
    budget["spec"]["maxUnavailble"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(budget, KUBERNETES[0], strict=True)


@VALUES
def test_what_selects_pods_finds_some(values: dict[str, Any]) -> None:
    objects = render(values)
    labels = [pod["metadata"]["labels"].items() for pod in pods(objects).values()]
    for name, made in of_kind(objects, "Service", "PodDisruptionBudget").items():
        selector = made["spec"]["selector"]
        wanted = selector.get("matchLabels", selector).items()
        assert sum(wanted <= own for own in labels) == 1, name
    for made in of_kind(objects, "NetworkPolicy").values():
        parts = made["spec"]["podSelector"]["matchExpressions"][1]["values"]
        assert set(parts) <= {dict(own)["app.kubernetes.io/component"] for own in labels}


@VALUES
def test_no_pod_runs_as_root_or_writes_to_its_image(values: dict[str, Any]) -> None:
    for name, pod in pods(render(values)).items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"], name
        assert spec["securityContext"]["runAsUser"] != NOBODY
        assert not spec["automountServiceAccountToken"]
        for container in spec["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"]
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert not context["allowPrivilegeEscalation"]
            assert {"requests", "limits"} <= set(container["resources"])


@VALUES
def test_secrets_are_named_and_never_held(values: dict[str, Any]) -> None:
    objects = render(values)
    assert not of_kind(objects, "Secret")
    named = (CHART / "values.yaml").read_text()
    for pod in pods(objects).values():
        for container in pod["spec"]["containers"]:
            for variable in container.get("env", ()):
                if re.search("PASSWORD|REDIS|REGISTRY|STORE_URI", variable["name"]):
                    assert variable["valueFrom"]["secretKeyRef"]["key"] in named


def test_a_pod_is_given_longer_than_the_service_takes_to_end() -> None:
    for values, grace in (({}, ServingConfig().grace_seconds), (EVERYTHING, 20)):
        for pod in pods(render(values)).values():
            (container, *_) = pod["spec"]["containers"]
            if container["name"] == "service":
                (_, wait) = container["lifecycle"]["preStop"]["exec"]["command"]
                assert pod["spec"]["terminationGracePeriodSeconds"] > int(wait) + grace


@VALUES
def test_one_pod_takes_events_and_the_readers_have_no_log(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    objects = render(values)
    files = of_kind(objects, "ConfigMap")["shop-interest-explorer"]["data"]
    logs = {}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        logs[name] = read_params(tmp_path / name).serving.event_log
    assert logs == {"readers.yaml": "", "events.yaml": ServingConfig().event_log}
    made = of_kind(objects, "StatefulSet")["shop-interest-explorer-events"]["spec"]
    (claim,) = made["volumeClaimTemplates"]
    for pod, settings in ((made["template"], "events.yaml"), (None, "readers.yaml")):
        spec = (pod or pods(objects)["shop-interest-explorer"])["spec"]
        mounts = {mount["mountPath"]: mount for mount in spec["containers"][0]["volumeMounts"]}
        assert mounts["/app/params.yaml"]["subPath"] == settings
        assert mounts["/app/var"]["name"] == claim["metadata"]["name"]
    assert made["replicas"] == 1
    scaled = [
        one["spec"]["scaleTargetRef"]
        for one in of_kind(objects, "HorizontalPodAutoscaler").values()
    ]
    assert all(target["kind"] == "Deployment" for target in scaled)
    assert bool(scaled) == (values == {})


def test_the_route_sends_to_the_log_what_needs_the_log() -> None:
    (route,) = of_kind(render(EVERYTHING), "HTTPRoute").values()
    services = of_kind(render(EVERYTHING), "Service")
    to_log, to_readers = route["spec"]["rules"]
    for rule in (to_log, to_readers):
        (backend,) = rule["backendRefs"]
        assert backend["port"] in [
            port["port"] for port in services[backend["name"]]["spec"]["ports"]
        ]
    without_log = {path for _, path in routes(app(takes_events=False))}
    all_paths = {path for _, path in routes(app())}
    assert "/v1/events" in all_paths - without_log
    for path in all_paths:
        asked = re.sub(r"\{\w+\}", "a/b", path)
        assert any(_matches(asked, one["path"]) for one in to_log["matches"]) == (
            path not in without_log
        ), path


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"readers": {"replica": 3}}, "replica"),
        ({"events": {"replicas": 2}}, "replicas"),
        ({"port": 80}, "port"),  # below 1024 only root may listen
        ({"serviceMonitor": {"enabled": "yes"}}, "enabled"),
    ],
)
def test_a_value_that_is_misspelt_or_out_of_range_is_refused(
    values: dict[str, Any], named: str
) -> None:
    report = helm_python.lint(CHART, values, strict=True)
    assert named in " ".join(said["error"] for said in report["messages"])
    assert report["errors"]


def test_the_schema_knows_every_value_and_no_other() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def keys(content: Any, known: dict[str, Any], where: str = "") -> Iterator[str]:
        for name in content.keys() ^ known.get("properties", content).keys():
            yield f"{where}{name}"
        for name in content.keys() & known.get("properties", {}).keys():
            if isinstance(content[name], dict):
                yield from keys(content[name], known["properties"][name], f"{name}.")

    assert list(keys(values, schema)) == ["global"]  # what Helm itself hands to charts in charts


def test_a_route_without_a_gateway_is_refused() -> None:
    with pytest.raises(helm_python.HelmError, match="names no Gateway"):
        render({"httpRoute": {"enabled": True}})


def _matches(asked: str, path: dict[str, str]) -> bool:
    if path["type"] == "PathPrefix":
        return asked == path["value"] or asked.startswith(f"{path['value'].rstrip('/')}/")
    return re.fullmatch(path["value"], asked) is not None


@pytest.mark.parametrize("store", ["redis", "postgres", "mlflow"])
def test_a_store_of_ones_own_takes_the_place_of_the_trials(store: str) -> None:
    objects = render({store: {"enabled": False}, "trackingUri": "https://runs.example"})
    assert f"shop-interest-explorer-{store}" not in of_kind(objects, "StatefulSet", "Service")
    for container in service_containers(objects):
        values = {one["name"]: one.get("value") for one in container["env"]}
        assert values["MLFLOW_TRACKING_URI"] == "https://runs.example"


def test_the_chart_is_of_the_projects_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = (CHART.parents[1] / "pyproject.toml").read_text()
    assert f'version = "{chart["appVersion"]}"' in project
