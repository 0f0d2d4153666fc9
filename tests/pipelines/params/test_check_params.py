"""One command reads all of ``params.yaml``; each stage alone reads only its own sections."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from expectations.contracts.errors import UserError
from pipelines.io.params import SECTIONS
from pipelines.params.check_params import CONFIG_OF, check_params
from tests.house.imports import ROOT


def test_every_section_has_its_config() -> None:
    assert tuple(CONFIG_OF) == SECTIONS


def test_the_shipped_settings_are_those_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    check_params()
    shipped = yaml.safe_load((ROOT / "params.yaml").read_text())
    for section, config in CONFIG_OF.items():
        if section == "dataset":  # its path depends on the source and has no default
            continue
        assert config.model_validate(shipped.get(section) or {}) == config.model_validate({})


def test_a_mistake_in_the_last_section_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = yaml.safe_load((ROOT / "params.yaml").read_text())
    shipped["serving"]["prot"] = 1
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(shipped))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"'serving\.prot'.*did you mean 'port'"):
        check_params()
