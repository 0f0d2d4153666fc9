"""The reference pages leave nothing out: no parameter, metric, table, route, error or gate."""

from __future__ import annotations

import ast
import re

import pytest

from expectations.contracts.tables import ALL_TABLES
from pipelines.commands.app import GROUPS, name_of
from pipelines.params.params import Params
from pipelines.reference.commands import commands_page
from pipelines.reference.errors import FAMILIES, error_lines, errors_page, family_of
from pipelines.reference.metric_words import FILES, PARTS
from pipelines.reference.metrics import metrics_page, unexplained
from pipelines.reference.parameters import (
    Parameter,
    all_sections,
    own_parameters,
    parameters_page,
    read_advice,
)
from pipelines.reference.service import http_page, openapi_document
from pipelines.reference.tables import tables_page
from tests.house.imports import ROOT, source_files

GUARDS = (ROOT / "docs" / "reference" / "guards.md").read_text(encoding="utf-8")
TROUBLES = (ROOT / "docs" / "guide" / "troubleshooting.md").read_text(encoding="utf-8")


def all_parameters() -> list[Parameter]:
    return [
        parameter for name, inner in all_sections() for parameter in own_parameters(name, inner)
    ]


def test_every_section_of_the_params_is_there() -> None:
    page = parameters_page()
    assert all(f"\n## {section}\n" in page for section in Params.model_fields)


def test_every_parameter_has_a_meaning() -> None:
    assert [p.key for p in all_parameters() if not p.meaning] == []


def test_every_parameter_says_when_to_change_it_and_no_advice_is_left_over() -> None:
    advice = read_advice()
    assert {p.key for p in all_parameters()} == set(advice)
    assert [key for key, given in advice.items() if not given.change] == []


@pytest.mark.parametrize(
    ("key", "default", "accepted"),
    [
        ("clusters.balance", "`1.2`", "number, above 1"),
        ("clusters.levels", "`[4, 16, 64]`", "list of integer"),
        ("table_run.engine", '`"local"`', "`local` or `ray`"),
        ("planner.refit", "`true`", "`true` or `false`"),
        ("clusters.previous.margin", "`0.15`", "number, at least 0"),
        ("clusters.previous.folder", "required", "text"),
        ("recommender.dropout", "`0.5`", "number, at least 0, below 1"),
    ],
)
def test_defaults_and_bounds_are_those_of_the_models(key: str, default: str, accepted: str) -> None:
    (found,) = (p for p in all_parameters() if p.key == key)
    assert (found.default, found.accepted) == (default, accepted)
    assert f"| `{key}` | {default} |" in parameters_page()


def test_every_table_and_column_is_there() -> None:
    page = tables_page()
    for declared in ALL_TABLES:
        assert f"\n## {declared.name}\n" in page
        assert all(f"| `{column.name}` |" in page for column in declared.columns)


def test_every_command_is_there_with_its_example_and_options() -> None:
    page = commands_page()
    modules = [module for group in GROUPS.values() for module in group]
    assert all(f"\n### explorer {name_of(module)}\n" in page for module in modules)
    assert all(f"\n{module.EXAMPLE}\n" in page for module in modules)
    assert "| `--rollback` |  | return to the champion before |" in page
    assert "| `--release` | `champion` |" in page


def test_every_route_and_body_is_there() -> None:
    page, document = http_page(), openapi_document()
    for path, methods in document["paths"].items():
        assert all(f"## {method.upper()} {path}\n" in page for method in methods)
    bodies = [name for name in document["components"]["schemas"] if "ValidationError" not in name]
    assert bodies
    assert all(f"### {name}\n" in page for name in bodies)


def test_every_error_has_a_family_and_every_family_is_explained() -> None:
    strangers = {line.module for line in error_lines() if family_of(line.module) is None}
    assert strangers == set()
    assert set(FAMILIES) <= set(re.findall(r"^## (.+)$", TROUBLES, re.MULTILINE))


def test_errors_are_read_as_the_code_has_them() -> None:
    page = errors_page()
    assert "| has rows | look at what the source delivers |" in page
    assert "4bit needs the package bitsandbytes" in page  # a rule in two pieces
    assert len({line.module for line in error_lines()}) > 40


def guards_of_code() -> set[str]:
    """The names that guards are given where they judge, and those that constants hold."""
    found: set[str] = set()
    for file in source_files():
        for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(attr="judge_figures" | "judge_rows") | ast.Name("_check"),
                    args=[ast.Constant(value=str(name)), *_],
                ):
                    found.add(name)
                case ast.Assign(
                    targets=[ast.Name(id=constant)], value=ast.Constant(value=str(name))
                ) if constant.endswith(("GUARD", "TABLE_FIGURES")):
                    found.add(name)
    return found


def test_every_guard_is_explained() -> None:
    guards = guards_of_code()
    assert {"drift", "raw_items", "planner_figures", "table_figures"} <= guards
    assert [name for name in guards if f"`{name}`" not in GUARDS] == []


def test_metrics_that_nobody_explains_are_told() -> None:
    known = ["recall_at_10_as_served_low", "validation_mrr_ease_minus_logistic", "match_rate"]
    assert unexplained("planner", [*known, "recall_at_7_as_served", "new_figure"]) == [
        "recall_at_7_as_served",
        "new_figure",
    ]


def test_every_part_of_a_metric_s_name_is_listed() -> None:
    used = {part for names in FILES.values() for p in names for part in re.findall(r"{(\w+)}", p)}
    assert used == set(PARTS)
    assert all(f"`{{{part}}}` is one of" in metrics_page() for part in used)
