"""Params are strict: what is unknown is named, with the nearest known word."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from expectations.contracts.errors import UserError
from pipelines.params.moved_keys import MOVED_KEYS
from pipelines.params.params import Params, read_params
from tests.house.imports import ROOT
from tests.house.params_read import leaves_of


def params_file(folder: Path, text: str) -> Path:
    file = folder / "params.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_section_is_read_and_an_absent_one_has_defaults(tmp_path: Path) -> None:
    assert read_params(params_file(tmp_path, "runtime: {seed: 7}")).runtime.seed == 7
    assert read_params(params_file(tmp_path, "{}")) == Params()
    assert read_params(params_file(tmp_path, "runtime:\nserving:")) == Params()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("runtime: {sed: 1}", r"unknown key 'runtime.sed'.*did you mean 'seed'"),
        ("runtimes: {seed: 1}", r"unknown section 'runtimes'.*did you mean 'runtime'"),
        ("runtime: {seed: blue}", r"runtime.seed: .*integer.*'blue'"),
        ("clusters: {levle: 1}", r"unknown key 'clusters.levle'.*did you mean 'level'"),
        ("clusters: {level: 1, wanted: 4}", r"clusters: .*leave one of them out"),
        ("gates: {table: {min_coverage: 1}}", r"gates.table.min_coverage'.*'min_coverage_at_5'"),
        ("table: {workers: 2}", r"unknown key 'table.workers'.*called 'table_run.workers' now"),
        ("planner: {lora: {second_rate: 4.0}}", r"planner.lora: 'second_rate' is now called"),
        ("planner: {min_coverage: 0.9}", r"planner: 'min_coverage' is now called 'aimed_coverage'"),
        ("table: {places_per_row: 9}", r"table: 'places_per_row' is now called 'nodes_per_row'"),
        ("serving: {prot: 1}", r"'serving.prot'.*did you mean 'port'"),
        ("planner: {learning_rate: .inf}", r"planner.learning_rate: .*finite number"),
        ("dataset: {positive_threshold: .nan}", r"dataset.positive_threshold: .*finite number"),
        ("runtime: [", r"is YAML"),
        ("- 1", r"maps section names"),
        (
            "planner: {prompt: {cluster: likes it}}",
            r"planner\.prompt\.cluster: has \{description\} once \(found: 'likes it'\)",
        ),
    ],
)
def test_a_mistake_ends_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_params(params_file(tmp_path, text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("odd", [None, -1, [None], {"a": 1}, float("nan"), float("inf")], ids=str)
def test_whatever_a_key_is_given_it_is_taken_or_refused_in_one_line(
    tmp_path: Path, odd: object
) -> None:
    shipped = yaml.safe_load((ROOT / "params.yaml").read_text())
    refused: list[tuple[str, str]] = []
    for section, settings in shipped.items():
        for key in settings:
            changed = {section: settings | {key: odd}}
            try:
                read_params(params_file(tmp_path, yaml.safe_dump(changed)))
            except UserError as error:
                refused.append((section, str(error)))
    assert len(refused) > 50
    assert all(section in line and "\n" not in line for section, line in refused)


def test_a_missing_file_says_where_to_stand(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="top of the repository"):
        read_params(tmp_path / "params.yaml")


def test_the_shipped_settings_are_those_of_the_code() -> None:
    shipped = read_params(ROOT / "params.yaml")
    assert shipped.model_copy(update={"dataset": Params().dataset}) == Params()


def test_what_a_key_is_called_now_is_there_and_its_old_name_is_not() -> None:
    keys = leaves_of(Params)
    assert set(MOVED_KEYS.values()) <= keys
    assert not set(MOVED_KEYS) & keys


def test_params_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Params().runtime.seed = 1  # type: ignore[misc]
