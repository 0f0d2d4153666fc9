"""Params are strict: what is unknown is named, with the nearest known word."""

from __future__ import annotations

from pathlib import Path

import pytest

from expectations.contracts.errors import UserError
from inference.search.config import TableConfig
from pipelines.io.params import read_params
from training.config import RuntimeConfig
from training.planner.config import PlannerConfig


def params_file(folder: Path, text: str) -> Path:
    file = folder / "params.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_section_is_read_and_an_absent_one_has_defaults(tmp_path: Path) -> None:
    assert (
        read_params("runtime", RuntimeConfig, params_file(tmp_path, "runtime: {seed: 7}")).seed == 7
    )
    assert read_params("runtime", RuntimeConfig, params_file(tmp_path, "{}")) == RuntimeConfig()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("runtime: {sed: 1}", r"unknown key 'runtime.sed'.*did you mean 'seed'"),
        ("runtimes: {seed: 1}", r"unknown section 'runtimes'.*did you mean 'runtime'"),
        ("runtime: {seed: blue}", r"runtime.seed: .*integer.*'blue'"),
        ("runtime: [", r"is YAML"),
        ("- 1", r"maps section names"),
    ],
)
def test_a_mistake_ends_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_params("runtime", RuntimeConfig, params_file(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_where_to_stand(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="top of the repository"):
        read_params("runtime", RuntimeConfig, tmp_path / "params.yaml")


def test_a_key_of_an_earlier_version_is_told_its_new_name(tmp_path: Path) -> None:
    file = params_file(
        tmp_path, "planner: {lora: {second_rate: 4.0}}\ntable: {places_per_row: 512}"
    )
    for section, model, message in (
        ("planner", PlannerConfig, "planner.lora: 'second_rate' is now called 'loraplus_lr_ratio'"),
        ("table", TableConfig, "table: 'places_per_row' is now called 'nodes_per_row'"),
    ):
        with pytest.raises(UserError, match=message) as caught:
            read_params(section, model, file)
        assert "\n" not in str(caught.value)
