"""Encodes whole columns as the messages and keys that Feast keeps in online stores.

Making a message object of every value costs most of a load. The wire format of Protocol Buffers is
fixed (https://protobuf.dev/programming-guides/encoding), so the content of a whole column is laid
out at once, and a value is a slice of it behind a head that tells its length. Tests hold every
byte against Feast's own messages and keys.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from feast.infra.key_encoding_utils import serialize_entity_key_prefix
from feast.protos.feast.types.Value_pb2 import Value, ValueType
from numpy.typing import NDArray

BYTES_FOLLOW = 2
"""Wire type of everything that is preceded by its length."""

ELEMENT_TAG = bytes([1 << 3 | BYTES_FOLLOW])
"""Tag of field ``val`` of Feast's list messages: of all numbers together, or of each string."""

EMPTY = pa.scalar(b"", pa.large_binary())

Encoded = tuple[bytes, NDArray[np.int64]]
"""The elements of a column one behind the other, and where each begins; last, where all end."""


def encode_lists(lists: pa.ListArray | pa.LargeListArray) -> list[bytes]:
    """Return each list as a serialized Feast ``Value``; a null becomes a value without content.

    Args:
        lists: lists of int64, float32 or strings, none of them null within a list.

    Raises:
        KeyError: Feast's messages for lists of this type are not known here.
        ValueError: an element of a list is null.
    """
    field, encode, is_packed = LISTS_OF[lists.type.value_type]
    elements = lists.flatten()
    if elements.null_count:
        raise ValueError(f"{elements.null_count} elements of lists are null")
    content, starts = encode(elements)
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    bounds = starts[np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])].tolist()
    tag = _varint(Value.DESCRIPTOR.fields_by_name[field].number << 3 | BYTES_FOLLOW)

    @cache
    def head(size: int) -> bytes:
        inner = ELEMENT_TAG + _varint(size) if is_packed and size else b""
        return tag + _varint(len(inner) + size) + inner

    slices = zip(bounds, bounds[1:], lists.is_valid().to_pylist(), strict=False)
    return [head(end - start) + content[start:end] if full else b"" for start, end, full in slices]


def encode_keys(own_name: str, own_values: Iterable[str], *rest: tuple[str, str]) -> list[bytes]:
    """Return an entity key, version 3 of Feast's format, for each of ``own_values``.

    Args:
        own_name: the join key that varies.
        own_values: its value in each row.
        rest: name and value of the join keys that are the same in all rows.
    """
    others = sorted(rest)
    start = serialize_entity_key_prefix([own_name, *(name for name, _ in others)])
    start += b"".join(_key_part(value) for name, value in others if name < own_name)
    end = b"".join(_key_part(value) for name, value in others if name > own_name)
    return [start + _key_part(value) + end for value in own_values]


def encode_entities(names: tuple[str, ...], entities: Iterable[Sequence[str]]) -> list[bytes]:
    """Return the same key of each entity.

    Args:
        names: of the join keys.
        entities: their values, in the order of ``names``.
    """
    start, order = _start_and_order(names)
    return [start + b"".join([_key_part(entity[at]) for at in order]) for entity in entities]


@cache
def _start_and_order(names: tuple[str, ...]) -> tuple[bytes, tuple[int, ...]]:
    order = tuple(sorted(range(len(names)), key=names.__getitem__))
    return serialize_entity_key_prefix(list(names)), order


def _key_part(value: str) -> bytes:
    content = value.encode()
    return struct.pack("<II", ValueType.STRING, len(content)) + content


def _encode_floats(elements: pa.FloatArray) -> Encoded:
    numbers = elements.to_numpy().astype("<f4", copy=False)
    return numbers.tobytes(), np.arange(len(numbers) + 1) * numbers.itemsize


def _encode_integers(elements: pa.Int64Array) -> Encoded:
    return _encode_varints(elements.to_numpy().view(np.uint64))


def _encode_strings(elements: pa.StringArray) -> Encoded:
    content = elements.cast(pa.large_binary())
    lengths = pc.binary_length(content).dictionary_encode()
    heads = pa.array(
        [ELEMENT_TAG + _varint(n) for n in lengths.dictionary.to_pylist()], pa.large_binary()
    )
    joined = pc.binary_join_element_wise(heads.take(lengths.indices), content, EMPTY)
    sizes = pc.binary_length(joined).to_numpy()
    return b"".join(joined.to_pylist()), np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


def _encode_varints(numbers: NDArray[np.uint64]) -> Encoded:
    """Seven bits a byte, the lowest first; all but the last of a number have their top bit set."""
    sizes = np.ones(len(numbers), dtype=np.int64)
    for group in range(1, 10):
        is_longer = numbers >> np.uint64(7 * group) > 0
        if not is_longer.any():
            break
        sizes += is_longer
    starts = np.concatenate([[0], np.cumsum(sizes)])
    content = np.empty(starts[-1], dtype=np.uint8)
    for group in range(int(sizes.max(initial=0))):
        there = np.flatnonzero(sizes > group)
        bits = (numbers[there] >> np.uint64(7 * group)).astype(np.uint8) & 0x7F
        goes_on = sizes[there] > group + 1
        content[starts[there] + group] = bits | goes_on.astype(np.uint8) << 7
    return content.tobytes(), starts


def _varint(number: int) -> bytes:
    return _encode_varints(np.array([number], dtype=np.uint64))[0]


LISTS_OF: dict[pa.DataType, tuple[str, Callable[[pa.Array], Encoded], bool]] = {
    pa.int64(): ("int64_list_val", _encode_integers, True),
    pa.float32(): ("float_list_val", _encode_floats, True),
    pa.string(): ("string_list_val", _encode_strings, False),
    pa.large_string(): ("string_list_val", _encode_strings, False),
}
"""Type of the elements to the field of Feast's ``Value``, its encoder, and whether it is packed."""
