"""The page of the service's HTTP interface, from its OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from inference.serving.app import create_app
from inference.serving.config import ServingConfig
from pipelines.reference.page_text import code, table
from pipelines.reference.schemas import Schema, accepted, schema_name_of

INTRODUCTION = """# HTTP

The service that `make serve` starts, from its OpenAPI document (`/openapi.json` of a running
service; defaults are those of section `serving`). `/` is a page for people. A request that cannot
be answered gets one line, `{"detail": …}`.
"""


def http_page() -> str:
    """Return the page of all routes, then of the bodies they take and give."""
    document = openapi_document()
    parts = [INTRODUCTION]
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            parts.append(_route(method, path, route))
    parts.append("## Bodies\n")
    for name, schema in document["components"]["schemas"].items():
        if not name.endswith("ValidationError"):
            parts.append(_body(name, schema))
    return "\n".join(parts)


def openapi_document() -> Schema:
    """Return the OpenAPI document of a service with the default settings."""
    unasked: Any = object()  # only requests touch release, store and log, and none is made
    return create_app(unasked, unasked, ServingConfig(), unasked).openapi()


def _route(method: str, path: str, route: Schema) -> str:
    said = str(route.get("description", "")).replace("``", "`")
    parts = [f"## {method.upper()} {path}\n\n{said}\n"]
    taken = [_parameter(given) for given in route.get("parameters", ())]
    if taken:
        parts.append(table(("Parameter", "In", "Default", "Accepted"), taken))
    if "requestBody" in route:
        parts.append(f"Takes {_named(route['requestBody'])}.\n")
    answers = [
        (status, _named(answer), str(answer.get("description", "")))
        for status, answer in route["responses"].items()
    ]
    parts.append(table(("Status", "Body", "Meaning"), answers))
    return "\n".join(parts)


def _parameter(given: Schema) -> tuple[str, ...]:
    schema: Schema = given["schema"]
    default = code(str(schema["default"])) if "default" in schema else "required"
    return code(given["name"]), str(given["in"]), default, accepted(schema)


def _named(holder: Schema) -> str:
    names = [schema_name_of(reference) for reference in _references(holder.get("content", {}))]
    return ", ".join(f"[{name}](#{name.lower()})" for name in names)


def _references(content: Schema) -> Iterator[str]:
    for kind in content.values():
        if "$ref" in kind.get("schema", {}):
            yield kind["schema"]["$ref"]


def _body(name: str, schema: Schema) -> str:
    required = set(schema.get("required", ()))
    rows = [
        (code(field), accepted(inner), "yes" if field in required else "no")
        for field, inner in schema.get("properties", {}).items()
    ]
    said = str(schema.get("description", "")).replace("``", "`")
    if not rows:
        return f"### {name}\n\n{said} {accepted(schema)}\n"
    return f"### {name}\n\n{said}\n\n{table(('Field', 'Accepted', 'Always there'), rows)}"
