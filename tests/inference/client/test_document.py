"""The client against the OpenAPI document: operations, parameters, bodies, fields of replies."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import jsonschema
import pytest

from inference.client import calls
from inference.client.calls import Call
from inference.client.errors import RefusedError, refusal
from inference.client.sent import InterestChoice, ListOptions, UserEvent
from pipelines.reference.service import openapi_document
from tests.house.imports import ROOT

DOCUMENT = openapi_document()
EVERYTHING = ListOptions(
    count=5,
    exploration_share=0.5,
    novelty="new_field",
    mix="1:2:2",
    seed=7,
    shown_to="nobody",
    exclude=("a", "b"),
    interests=(1, 2),
    category=("music", "jazz"),
)
EVENT = UserEvent("ann", "i1", datetime(2024, 5, 1, tzinfo=UTC), feedback=4.0)
RELEASE = "0" * 64
SAMPLES: dict[str, Call[Any]] = {
    "recommend": calls.recommend("ann", EVERYTHING),
    "recommend_to_several": calls.recommend_to_several(["ann"], EVERYTHING),
    "recommend_in_session": calls.recommend_in_session(["i1"], [3], EVERYTHING),
    "plan": calls.plan("ann", EVERYTHING),
    "interests": calls.interests("ann"),
    "change_interests": calls.change_interests("ann", [InterestChoice(3, "hide")], 0.4),
    "profile": calls.profile("ann"),
    "record_event": calls.record_event(EVENT),
    "record_events": calls.record_events([EVENT]),
    "cluster_tree": calls.cluster_tree(),
    "similar_clusters": calls.similar_clusters(3),
    "cluster_map": calls.cluster_map(),
    "find_items": calls.find_items("jazz guitar"),
    "find_users": calls.find_users("an"),
    "item": calls.item("i1"),
    "interest_of_item": calls.interest_of_item("i1", "title", "text", ["music"]),
    "features_of_user": calls.features_of_user("ann", RELEASE),
    "novel_clusters": calls.novel_clusters([0, 1], 10, RELEASE),
    "release": calls.release(),
    "gates": calls.gates(),
    "readiness": calls.readiness(),
    "health": calls.health(),
    "metrics": calls.metrics(),
}
"""Every call, with all that it can say."""
SAMPLE = pytest.mark.parametrize("call", SAMPLES.values(), ids=SAMPLES)
JSON_TYPES: dict[object, str] = {str: "string", bool: "boolean", int: "integer", float: "number"}


def operation_of(call: Call[Any]) -> dict[str, Any]:
    operation: dict[str, Any] = DOCUMENT["paths"][call.route][call.method.lower()]
    return operation


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def differences(kind: object, schema: dict[str, Any], where: str) -> list[str]:
    """Where a type of a reply and a schema of the document are not the same."""
    schema = resolved(schema)
    if get_origin(kind) in (Union, UnionType):
        return _differences_of_union(get_args(kind), schema, where)
    if "anyOf" in schema:
        return [f"{where}: may be null"]
    if get_origin(kind) is tuple:
        if schema.get("type") != "array":
            return [f"{where}: is no list"]
        return differences(get_args(kind)[0], schema["items"], f"{where}[]")
    if isinstance(kind, type) and is_dataclass(kind):
        hints, properties = get_type_hints(kind), schema.get("properties", {})
        names = {field.name for field in fields(kind)}
        apart = [f"{where}: {name} is in one only" for name in names ^ set(properties)]
        return apart + [
            line
            for name in sorted(names & set(properties))
            for line in differences(hints[name], properties[name], f"{where}.{name}")
        ]
    return [] if schema.get("type") == JSON_TYPES.get(kind) else [f"{where}: {schema.get('type')}"]


def _differences_of_union(
    kinds: tuple[object, ...], schema: dict[str, Any], where: str
) -> list[str]:
    if NoneType in kinds:
        others = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
        if len(others) != 1 or len(schema["anyOf"]) != 2:
            return [f"{where}: is never null"]
        rest = tuple(kind for kind in kinds if kind is not NoneType)
        inner = rest[0] if len(rest) == 1 else Union[rest]  # noqa: UP007  made at run time
        return differences(inner, others[0], where)
    words = {word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)}
    return [] if words == set(schema.get("enum", ())) else [f"{where}: {schema.get('enum')}"]


def test_there_is_a_call_for_each_operation_and_a_sample_of_each_call() -> None:
    source = ast.parse((ROOT / "inference/client/calls.py").read_text())
    defined = {node.name for node in source.body if isinstance(node, ast.FunctionDef)}
    assert set(SAMPLES) == {name for name in defined if name[0] != "_"}
    ours = {(call.route, call.method.lower()) for call in SAMPLES.values()}
    theirs = {(path, method) for path, found in DOCUMENT["paths"].items() for method in found}
    assert ours == theirs


@SAMPLE
def test_a_call_can_say_all_that_its_operation_takes_and_nothing_else(call: Call[Any]) -> None:
    taken = operation_of(call).get("parameters", [])
    for place, said in (("path", set(call.named)), ("query", {name for name, _ in call.query})):
        assert said == {one["name"] for one in taken if one["in"] == place}
    body = operation_of(call).get("requestBody")
    assert (call.body is None) == (body is None)
    if body is not None:
        schema = body["content"]["application/json"]["schema"]
        jsonschema.validate(call.body, {**schema, "components": DOCUMENT["components"]})
        assert set(call.body or ()) == set(resolved(schema)["properties"])


@SAMPLE
def test_a_reply_has_the_fields_of_the_document(call: Call[Any]) -> None:
    for status in call.answers:
        (content,) = operation_of(call)["responses"][str(status)]["content"].values()
        assert differences(call.reply, content["schema"], call.reply.__name__) == []


@SAMPLE
def test_every_refusal_of_the_document_has_an_error(call: Call[Any]) -> None:
    for status in map(int, operation_of(call)["responses"]):
        if status not in call.answers:
            assert isinstance(refusal(status, "why", "id"), RefusedError)


@dataclass(frozen=True)
class OneFieldLess:
    """A receipt without its status."""

    event_id: str


@dataclass(frozen=True)
class OtherType:
    """A receipt whose id would be a number."""

    event_id: int
    status: Literal["accepted"] | str


def test_a_reply_that_is_not_the_documents_is_found() -> None:
    receipt = DOCUMENT["components"]["schemas"]["Receipt"]
    assert differences(OneFieldLess, receipt, "x") == ["x: status is in one only"]
    less, other = differences(OtherType, receipt, "x")
    assert less == "x.event_id: string"
    assert other.startswith("x.status: ['accepted', 'duplicate'")


def test_the_client_needs_httpx_alone() -> None:
    heavy = ("torch", "feast", "mlflow", "pydantic", "fastapi", "numpy", "polars", "pyarrow")
    program = (
        "import sys, inference.client.client, inference.client.calls\n"
        f"print([name for name in {heavy!r} if name in sys.modules])\n"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in"
        " ('inference', 'training', 'expectations', 'pipelines')"
        " and not m.startswith('inference.client') and m != 'inference'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]
