"""Feature store settings that Feast would misread or fail at are refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from feast.constants import FEAST_FS_YAML_FILE_PATH_ENV_NAME

from expectations.contracts.errors import UserError
from pipelines.online.feature_store import open_offline_store, open_store
from pipelines.online.store_settings import read_store_settings

SHIPPED = Path("feature_repo/feature_store.yaml")
UNSOUND = {
    "not UTF-8": ("# ", "# caf\\xe9 ", "is YAML"),
    "an open bracket": ("type: duckdb", "type: [duckdb", "is YAML"),
    "a misspelt section": ("online_store:", "online_stor:", "every section.*online_stor"),
    "a misspelt setting": ("type: duckdb", "type: duckdb\n  pathh: x", "Feast takes.*pathh"),
    "a store that is none": ("type: duckdb", "type: no.such", "Feast takes"),
    "a module that is none": ("type: inference.store", "type: no.such", "Feast takes"),
    "no project": ("project: interest_explorer\n", "", "Feast takes.*project"),
    "a name Feast refuses": ("project: interest", "project: no-interest", "Feast takes.*no-inter"),
}


@pytest.mark.parametrize("case", UNSOUND)
@pytest.mark.parametrize("is_online", [False, True])
def test_unsound_settings_are_refused_in_one_line(
    case: str, is_online: bool, tmp_path: Path
) -> None:
    sound, unsound, rule = UNSOUND[case]
    content = SHIPPED.read_text(encoding="utf-8")
    assert sound in content
    file = tmp_path / SHIPPED
    file.parent.mkdir()
    file.write_bytes(content.replace(sound, unsound).encode().replace(b"\\xe9", b"\xe9"))
    with pytest.raises(UserError, match=rf"feature_store\.yaml: .*{rule}") as caught:
        open_store(tmp_path) if is_online else open_offline_store(tmp_path).__enter__()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "- a\n", "text\n"])
def test_settings_that_are_no_sections_are_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(content)
    with pytest.raises(UserError, match="maps Feast's sections"):
        read_store_settings(tmp_path / "other.yaml", tmp_path, "write one", is_online=False)


def test_a_variable_has_to_be_set_where_the_stores_are_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "chosen.yaml"
    file.write_text(SHIPPED.read_text().replace("../var/feast_online.db", "${NOT_SET_ANYWHERE}"))
    read_store_settings(file, tmp_path, "write one", is_online=False)
    monkeypatch.setenv(FEAST_FS_YAML_FILE_PATH_ENV_NAME, str(file))
    with pytest.raises(UserError, match=r"export NOT_SET_ANYWHERE=…"):
        open_store()
    monkeypatch.setenv("NOT_SET_ANYWHERE", str(tmp_path / "online.db"))
    assert open_store().config.online_store.path == str(tmp_path / "online.db")


def test_settings_that_are_absent_are_refused_with_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="run from the top of the repository"):
        open_store(tmp_path)
    monkeypatch.setenv(FEAST_FS_YAML_FILE_PATH_ENV_NAME, str(tmp_path / "nowhere.yaml"))
    with pytest.raises(UserError, match=f"unset {FEAST_FS_YAML_FILE_PATH_ENV_NAME}"):
        open_store()
