"""Alerts and dashboard: checked and run by promtool, over metrics that the service really tells."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from inference.serving.answers import AnsweredBy
from inference.serving.exploration.blend import ListName
from inference.serving.http.metrics import Metrics
from tests.conftest import require_program
from tests.deploy.chart import DEPLOY, app, routes
from tests.house.imports import ROOT

PROMETHEUS = DEPLOY / "prometheus"
RULES: dict[str, Any] = yaml.safe_load((PROMETHEUS / "rules.yml").read_text())
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
OF_THE_SCRAPE = {"job", "instance"}
"""Labels that Prometheus itself adds."""
WORDS = {
    "answered_by": {str(word) for word in AnsweredBy},
    "list": {str(word) for word in ListName},
    "le": {"+Inf"},
}


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = require_program(shutil.which("promtool"), "prometheus")
    return subprocess.run(
        [program, *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False
    )


def rules() -> list[dict[str, Any]]:
    return [rule for group in RULES["groups"] for rule in group["rules"]]


def panels() -> list[tuple[str, str]]:
    return [
        (panel["title"], target["expr"])
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
    ]


def told() -> dict[str, set[str]]:
    """The labels of every sample under ``/metrics``, by its name."""
    metrics = Metrics()
    metrics.observe_request("GET", "/", 200, 0.1)
    metrics.answers.labels("full", "default").inc()
    metrics.items.labels("ordinary").inc()
    families = text_string_to_metric_families(metrics.page().decode())
    return {sample.name: set(sample.labels) for family in families for sample in family.samples} | {
        "up": set()
    }


def selectors(expression: str) -> list[tuple[str, dict[str, str]]]:
    """Metric and matchers of every selector of an expression that asks the service's metrics."""
    found = re.findall(r"\b(explorer_\w+|up)\b(?:\{([^}]*(?:\{\w+\}[^}]*)*)\})?", expression)
    return [(name, dict(re.findall(r'(\w+)=~?"([^"]*)"', inside))) for name, inside in found]


def wrong(expression: str) -> list[str]:
    """What an expression asks that the service never tells."""
    known, paths = told(), {path for _, path in routes(app())}
    lines = []
    for name, matchers in selectors(expression):
        if name not in known:
            lines.append(f"no metric {name}")
            continue
        for label, value in matchers.items():
            if label not in known[name] | OF_THE_SCRAPE:
                lines.append(f"{name} has no label {label}")
            elif label in WORDS and value not in WORDS[label]:
                lines.append(f"{label} is never {value}")
            elif label == "route" and not any(re.fullmatch(value, p) or value == p for p in paths):
                lines.append(f"no route {value}")
    return lines


def test_promtool_takes_the_rules() -> None:
    done = promtool("check", "rules", "--lint-fatal", "rules.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_fires_when_it_should_and_not_otherwise() -> None:
    done = promtool("test", "rules", "rules_test.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    tests = yaml.safe_load((PROMETHEUS / "rules_test.yml").read_text())["tests"]
    fired = {
        case["alertname"]
        for test in tests
        for case in test.get("alert_rule_test", ())
        if case["exp_alerts"]
    }
    assert fired == {rule["alert"] for rule in rules() if "alert" in rule}


def test_promtool_takes_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    expressions = [
        expression.replace("$__rate_interval", "5m").replace("$job", ".*")
        for _, expression in panels()
    ]
    made = [{"record": f"panel:{n}", "expr": text} for n, text in enumerate(expressions)]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": made}]}))
    done = promtool("check", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    file.write_text(file.read_text().replace("sum by (route)", "sum by route)"))
    assert promtool("check", "rules", str(file)).returncode != 0


def test_rules_and_dashboard_ask_what_the_service_tells() -> None:
    asked = [(rule.get("alert", rule.get("record")), rule["expr"]) for rule in rules()] + panels()
    assert {name: found for name, text in asked if (found := wrong(text))} == {}
    used = {name for _, text in asked for name, _ in selectors(text)}
    assert {re.sub("_(total|bucket)$", "", name) for name in used - {"up"}} == {
        re.sub("_(total|bucket|sum|count|created)$", "", name) for name in told() if name != "up"
    }


@pytest.mark.parametrize(
    ("expression", "line"),
    [
        ("rate(explorer_request_total[5m])", "no metric explorer_request_total"),
        ('explorer_requests_total{code="500"}', "explorer_requests_total has no label code"),
        ('explorer_answers_total{answered_by="ful"}', "answered_by is never ful"),
        ('explorer_requests_total{route="/v2/events"}', "no route /v2/events"),
    ],
)
def test_what_the_service_never_tells_is_found(expression: str, line: str) -> None:
    assert wrong(expression) == [line]


def test_recorded_series_are_asked_by_the_names_they_have() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    asked = {name for rule in rules() for name in re.findall(r"\bexplorer:\w+:\w+", rule["expr"])}
    assert asked <= recorded


def test_each_alert_has_its_section_in_the_runbook() -> None:
    page = (ROOT / "docs" / "guide" / "runbook.md").read_text(encoding="utf-8")
    anchors = {name.lower() for name in re.findall(r"^## (\w+)$", page, re.MULTILINE)}
    led_to = {
        rule["annotations"]["runbook"].removeprefix("runbook.md#")
        for rule in rules()
        if "alert" in rule
    }
    assert led_to == anchors
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in ("page", "ticket")
            assert rule["alert"] in page


def test_the_guide_lists_every_metric() -> None:
    page = (ROOT / "docs" / "guide" / "production.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(explorer_\w+)`", page, re.MULTILINE))
    families = {re.sub("_(bucket|sum|count|created)$", "", name) for name in told()}
    told_names = {name for name in families if name != "up" and f"{name}_total" not in families}
    assert listed == told_names


def test_panels_of_the_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
