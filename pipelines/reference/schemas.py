"""What a JSON schema accepts, in a few words for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]
"""A JSON schema as pydantic writes it, or any other object of an OpenAPI document."""


def accepted(schema: Schema) -> str:
    """Return what a schema accepts: ``integer, at least 1`` or ``auto, cpu or cuda``."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(accepted, schema["anyOf"])))
    if "$ref" in schema:
        return schema_name_of(schema["$ref"])
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        return _array(schema)
    words = {"boolean": "`true` or `false`", "string": "text", "null": "`null`", "object": "object"}
    return ", ".join([words.get(kind, kind), *_bounds(schema)])


def schema_name_of(reference: str) -> str:
    """Return the name that a reference to another schema ends in."""
    return reference.rpartition("/")[2]


def _array(schema: Schema) -> str:
    inner = schema.get("items") or {}
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    size = f", {least} to {most} of them" if most else f", at least {least}" if least else ""
    return f"list of {accepted(inner)}{size}"


def _bounds(schema: Schema) -> list[str]:
    words = {
        "minimum": "at least {}",
        "exclusiveMinimum": "above {}",
        "maximum": "at most {}",
        "exclusiveMaximum": "below {}",
        "minLength": "at least {} characters",
        "maxLength": "at most {} characters",
        "format": "{}",
        "pattern": "like `{}`",
    }
    return [word.format(f"{schema[key]}") for key, word in words.items() if key in schema]
