"""The chart as Helm's own library renders it, and the code's side that it is held against."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import helm_python
import yaml
from fastapi import FastAPI

from inference.serving.app import create_app
from inference.serving.config import ServingConfig
from tests.house.imports import ROOT

DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "chart"
EVERYTHING: dict[str, Any] = {
    "httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway"}], "hostnames": ["a.example"]},
    "serviceMonitor": {"enabled": True, "keySecret": {"name": "keys", "key": "metrics"}},
    "serving": {"event_log": "elsewhere.db", "grace_seconds": 20, "exploration_share": 0.3},
    "podAnnotations": {"team": "shop"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "only", "operator": "Exists"}],
    "imagePullSecrets": [{"name": "pull"}],
    "priorityClassName": "high",
    "networkPolicy": {"from": [{"namespaceSelector": {}}], "to": [{"podSelector": {}}]},
    "serviceAccount": {"annotations": {"role": "reader"}},
    "readers": {"autoscaling": {"enabled": False}},
    "redis": {"storage": {"storageClassName": "fast"}},
    "events": {"storage": {"storageClassName": "fast"}},
}
"""Every switch of the values, the other way than it stands there."""


def render(values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the objects that an installation named ``shop`` would make."""
    files = helm_python.Chart.load(CHART).render(values or {}, name="shop", namespace="ns")
    texts = [text for name, text in files.items() if name.endswith(".yaml")]
    return [made for text in texts for made in yaml.safe_load_all(text) if made]


def of_kind(objects: list[dict[str, Any]], *kinds: str) -> dict[str, dict[str, Any]]:
    """The objects of some kinds, by name."""
    return {made["metadata"]["name"]: made for made in objects if made["kind"] in kinds}


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The pod templates, by the name of what makes them."""
    makers = of_kind(objects, "Deployment", "StatefulSet")
    return {name: made["spec"]["template"] for name, made in makers.items()}


def service_containers(objects: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The containers that run the service: of the readers, and of the one that takes events."""
    for pod in pods(objects).values():
        yield from (one for one in pod["spec"]["containers"] if one["name"] == "service")


def app(takes_events: bool = True) -> FastAPI:
    """The application with its routes; none is asked, so nothing stands behind it."""
    unasked: Any = object()
    return create_app(unasked, unasked, ServingConfig(), unasked if takes_events else None)


def routes(application: FastAPI) -> set[tuple[str, str]]:
    """Method and path of every route, those outside the OpenAPI document included."""
    return {
        (method, route.path_format)
        for route in application.routes
        if hasattr(route, "path_format")
        for method in route.methods or ()
    }
