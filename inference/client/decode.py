"""Turns JSON into the dataclasses of :mod:`inference.client.replies`, checked on the way.

Fields that a dataclass does not have are passed over: a newer service may tell more.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from inference.client.errors import StrangeReplyError

Reply = TypeVar("Reply")


def read_reply(kind: type[Reply], content: object, where: str = "reply") -> Reply:
    """Return JSON as an object of this type: a dataclass, tuple, union, or one of JSON's own.

    Args:
        kind: a type as a dataclass' annotation has it.
        content: parsed JSON.
        where: names its place in an error.

    Raises:
        StrangeReplyError: something is absent or of another type.
    """
    return cast(Reply, _decode(kind, content, where))


def _decode(kind: object, content: object, where: str) -> object:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _decode_any(get_args(kind), content, where)
    if origin is Literal:
        if content not in get_args(kind):
            raise _strange(where, f"one of {get_args(kind)}", content)
        return content
    if origin is tuple:
        if not isinstance(content, list):
            raise _strange(where, "a list", content)
        element = get_args(kind)[0]
        return tuple(_decode(element, one, f"{where}[{n}]") for n, one in enumerate(content))
    if isinstance(kind, type) and is_dataclass(kind):
        return _decode_object(kind, content, where)
    if kind is float and isinstance(content, int) and not isinstance(content, bool):
        return float(content)  # JSON writes a whole number without a point
    is_right = isinstance(kind, type) and isinstance(content, kind)
    if not is_right or (isinstance(content, bool) and kind is not bool):
        raise _strange(where, getattr(kind, "__name__", str(kind)), content)
    return content


def _decode_any(kinds: tuple[object, ...], content: object, where: str) -> object:
    if content is None and NoneType in kinds:
        return None
    for kind in kinds:
        if kind is not NoneType:
            try:
                return _decode(kind, content, where)
            except StrangeReplyError as error:
                last = error
    raise last


def _decode_object(kind: type, content: object, where: str) -> object:
    if not isinstance(content, dict):
        raise _strange(where, "an object", content)
    hints = _hints(kind)
    absent = [name for name in hints if name not in content]
    if absent:
        raise StrangeReplyError(f"{where}: {absent[0]} is absent; is the service of this version?")
    made: object = kind(
        **{name: _decode(hint, content[name], f"{where}.{name}") for name, hint in hints.items()}
    )
    return made


@cache
def _hints(kind: type) -> dict[str, object]:
    """Return the types of a dataclass' fields; to resolve their text takes time."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _strange(where: str, expected: str, content: object) -> StrangeReplyError:
    return StrangeReplyError(f"{where}: {expected} is expected, not {str(content)[:40]!r}")
