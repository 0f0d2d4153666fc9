"""The page of parameters: every key of ``params.yaml``, from the models that check it."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Union, get_args, get_origin

import yaml

from pipelines.params.params import Params
from pipelines.reference.page_text import code, summary, table
from pipelines.reference.schemas import Schema, accepted
from training.config import Config

ADVICE = Path(__file__).with_name("advice.yaml")
HEADER = ("Key", "Default", "Unit", "Accepted", "Meaning", "When to change it")
INTRODUCTION = """# Parameters

Every key of `params.yaml`, made from the models that check it. A key that is left out has its
default; an unknown one ends in an error that names the nearest. `explorer check-params` checks all
of them in a second; `dvc exp run -S KEY=VALUE` runs with another value without editing the file.
"""


@dataclass(frozen=True)
class Parameter:
    """One key: its dotted name, default, what it accepts, and what it means."""

    key: str
    default: str
    accepted: str
    meaning: str


@dataclass(frozen=True)
class Advice:
    """The unit of a parameter, and when one would change it."""

    unit: str
    change: str


def parameters_page() -> str:
    """Return the page of all sections.

    Raises:
        KeyError: a parameter is without advice.
    """
    advice = read_advice()
    parts = [INTRODUCTION]
    for name, inner in all_sections():
        rows = [_row(p, advice[p.key]) for p in own_parameters(name, inner)]
        mark = "###" if "." in name else "##"
        parts.append(f"{mark} {name}\n\n{summary(inner.__doc__)}\n")
        if rows:
            parts.append(table(HEADER, rows))
    return "\n".join(parts)


def all_sections() -> Iterator[tuple[str, type[Config]]]:
    """Give every section, by dotted name, in the order of ``params.yaml``."""
    for section, field in Params.model_fields.items():
        model = _model_in(field.annotation)
        if model is not None:
            yield from sections_of(section, model)


def sections_of(name: str, model: type[Config]) -> Iterator[tuple[str, type[Config]]]:
    """Give a section and, after it, every section within it, by dotted name."""
    yield name, model
    for field, info in model.model_fields.items():
        inner = _model_in(info.annotation)
        if inner is not None:
            yield from sections_of(f"{name}.{field}", inner)


def own_parameters(name: str, model: type[Config]) -> list[Parameter]:
    """Return the keys of one section; a section within it counts only where it may be absent."""
    properties: Mapping[str, Schema] = model.model_json_schema()["properties"]
    documented = meanings(model)
    found = []
    for field, info in model.model_fields.items():
        if _model_in(info.annotation) is not None and not _may_be_null(info.annotation):
            continue
        default = "required" if info.is_required() else code(json.dumps(info.default))
        key = info.alias or field
        meaning = documented.get(key, "")
        found.append(Parameter(f"{name}.{key}", default, accepted(properties[key]), meaning))
    return found


def meanings(model: type[Config]) -> dict[str, str]:
    """Return what the keys of a model mean: as it and its bases say, else their fields."""
    fields = model.model_fields.items()
    own = {info.alias or name: info.description or "" for name, info in fields}
    found = {key: " ".join(said.split()) for key, said in own.items()}
    for declaring in reversed(model.__mro__[: model.__mro__.index(Config)]):
        text = inspect.getdoc(declaring) or ""
        block = re.search(r"^(?:Args|Attributes):\n((?:    .*\n|\n)+)", f"{text}\n", re.MULTILINE)
        for entry in re.split(r"^    (?=\w+: )", block[1] if block else "", flags=re.MULTILINE)[1:]:
            field, _, meaning = entry.partition(": ")
            found[field] = " ".join(meaning.split())
    return found


def read_advice() -> dict[str, Advice]:
    """Return dotted key to advice."""
    content = yaml.safe_load(ADVICE.read_text(encoding="utf-8"))
    return {key: Advice(*(str(part) for part in entry)) for key, entry in content.items()}


def _row(parameter: Parameter, advice: Advice) -> tuple[str, ...]:
    key = code(parameter.key)
    meaning = parameter.meaning[:1].upper() + parameter.meaning[1:]
    meaning = meaning.replace("``None``", "``null``")  # as YAML calls it
    return key, parameter.default, advice.unit, parameter.accepted, meaning, advice.change


def _model_in(annotation: object) -> type[Config] | None:
    kinds = get_args(annotation) if _is_union(annotation) else (annotation,)
    models = (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Config))
    return next(models, None)


def _may_be_null(annotation: object) -> bool:
    return _is_union(annotation) and type(None) in get_args(annotation)


def _is_union(annotation: object) -> bool:
    return get_origin(annotation) in (Union, UnionType)
