"""Reads ``params.yaml`` strictly: an unknown or misspelt key is an error that names it."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from expectations.contracts.errors import UserError
from training.config import Config, RenamedKeyError

PARAMS_FILE = Path("params.yaml")

SECTIONS = (
    "runtime",
    "dataset",
    "split",
    "clusters",
    "histories",
    "curation",
    "collective",
    "planner",
    "recommender",
    "table",
    "plan",
    "alignment",
    "evaluation",
    "gates",
    "experiment",
    "serving",
    "retention",
)

ConfigT = TypeVar("ConfigT", bound=Config)


def read_params(section: str, model: type[ConfigT], file: Path = PARAMS_FILE) -> ConfigT:
    """Return one section of ``params.yaml`` as its typed config.

    Raises:
        UserError: the file is missing or not YAML, or a key is unknown, absent or ill-typed.
    """
    content = _load(file)
    for name in content:
        if name not in SECTIONS:
            raise UserError(str(file), f"unknown section {name!r}", _hint(name, SECTIONS))
    try:
        return model.model_validate(content.get(section) or {})
    except ValidationError as error:
        raise _explain(error, section, model, file) from None


def _load(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise UserError(str(file), "the file exists", "run from the top of the repository")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(str(file), "is YAML", "mend the syntax", str(error)[:200]) from None
    if not isinstance(content, dict):
        raise UserError(str(file), "maps section names to settings", "see the shipped params.yaml")
    return content


def _explain(error: ValidationError, section: str, model: type[Config], file: Path) -> UserError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in (section, *first["loc"]))
    if first["type"] == "extra_forbidden":
        known = _keys_at(model, first["loc"][:-1])
        return UserError(str(file), f"unknown key {key!r}", _hint(str(first["loc"][-1]), known))
    reason = first.get("ctx", {}).get("error")
    if isinstance(reason, RenamedKeyError):
        return UserError(str(file), f"{key}: {reason}", "rename it")
    found = "" if first["type"] == "missing" else repr(first["input"])[:80]
    return UserError(str(file), f"{key}: {first['msg']}", "correct the value", found)


def _keys_at(model: type[Config], location: tuple[int | str, ...]) -> tuple[str, ...]:
    for part in location:
        field = model.model_fields.get(str(part))
        inner = field.annotation if field else None
        if isinstance(inner, type) and issubclass(inner, Config):
            model = inner
    return tuple(model.model_fields)


def _hint(name: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
