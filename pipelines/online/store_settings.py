"""Reads the feature store's settings, and says in one line what is wrong with them."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path

import yaml
from feast import RepoConfig
from feast.errors import FeastError
from feast.repo_config import FeastConfigError, load_repo_config
from pydantic import ValidationError

from expectations.contracts.errors import UserError

REMEDY = "mend it, or compare it with the shipped file"

# Feast says at every start that a flag of ours is meant for other registries; see the settings.
logging.getLogger("feast.repo_config").setLevel(logging.ERROR)


def read_store_settings(file: Path, folder: Path, absent: str, *, is_online: bool) -> RepoConfig:
    """Return the settings of a feature store.

    Args:
        file: Feast's ``feature_store.yaml``, by whatever name.
        folder: the feature repository; paths in the settings start there.
        absent: what helps where there is no such file.
        is_online: whether the stores they name are to be reached, so that every variable in them
            has to be set.

    Raises:
        UserError: the file is absent or not YAML, names a variable that is not set, has a section
            that Feast does not have, or a value that Feast does not take.
    """
    if not file.is_file():
        raise UserError(str(file), "the file exists", absent)
    try:
        text = file.read_text(encoding="utf-8")
        content: object = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(str(file), "is YAML", REMEDY, _shorten(error)) from None
    if not isinstance(content, Mapping):
        raise UserError(str(file), "maps Feast's sections to settings", REMEDY, str(content)[:80])
    _require_known_sections(file, content)
    if is_online:
        _require_variables(file, text)
    try:
        settings: RepoConfig = load_repo_config(folder, file)
    except (FeastConfigError, FeastError, ValidationError, ValueError) as error:
        raise UserError(str(file), "Feast takes the settings", REMEDY, _shorten(error)) from None
    return settings


def _require_variables(file: Path, text: str) -> None:
    """Feast would take ``${NAME}`` for the address itself."""
    named = set(re.findall(r"\$\{(\w+)\}", text))
    if unset := sorted(name for name in named if not os.environ.get(name)):
        rule, remedy = "every variable in it is set", f"export {'=… '.join(unset)}=…"
        raise UserError(str(file), rule, remedy, f"{', '.join(unset)} unset")


def _require_known_sections(file: Path, content: Mapping[str, object]) -> None:
    """Feast would pass over a misspelt section, and put rows where nobody looks for them."""
    fields = RepoConfig.model_fields
    known = {*fields, *(field.alias for field in fields.values() if field.alias)}
    if unknown := sorted(str(name) for name in content if name not in known):
        raise UserError(str(file), "every section is one of Feast's", REMEDY, ", ".join(unknown))


def _shorten(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
