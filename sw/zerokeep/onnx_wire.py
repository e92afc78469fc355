"""How much memory an ONNX file takes when it is parsed, found by going through its fields, before it is parsed.

Protocol buffers: a message of two bytes becomes an object of a hundred, and a number of one byte one of eight.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import onnx

from zerokeep.errors import UserError
from zeroskip.files import memory

MOST_FIELDS = 1 << 19
"""A network of ten thousand operations has 300,000."""
MOST_DEPTH = 100
"""Messages in messages, as for the parser."""
FIELD_BYTES = 256
"""What a field takes at most, beside its own bytes."""
VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5
FIXED = {FIXED64: 8, FIXED32: 4}
PACKED = object()


class DamagedError(ValueError):
    """The bytes are no message."""


def check(content: bytes, name: str) -> None:
    """Refuse what is no ONNX model, or takes too much memory or time as one.

    Parameters
    ----------
    content
        Of the file.
    name
        Of the file, for the message.

    Raises
    ------
    UserError
        It is, or does.
    """
    try:
        memory.check(_measured(content), name)
    except DamagedError as error:
        raise UserError(f"{name} is no valid ONNX model: {error}") from None
    except memory.ReadError as error:
        raise UserError(str(error)) from None


@cache
def _fields(kind: Any) -> dict[int, Any]:
    """By number, the fields of a message that are messages (their kind) or packed numbers."""
    return {field.number: PACKED if field.message_type is None else field.message_type for field in kind.fields
            if field.message_type is not None or field.type not in (field.TYPE_BYTES, field.TYPE_STRING)}


def _measured(content: bytes) -> int:
    """Bytes that the parsed model takes, at most."""
    size, fields, at, end, known = 2 * len(content), 0, 0, len(content), _fields(onnx.ModelProto.DESCRIPTOR)
    outer: list[tuple[int, dict[int, Any]]] = []
    while True:
        while at == end:
            if not outer:
                return size + FIELD_BYTES * fields
            end, known = outer.pop()
        fields += 1
        if fields > MOST_FIELDS:
            raise DamagedError(f"found more than {MOST_FIELDS:,} fields, expected fewer")
        key, at = _number(content, at, end)
        start, at = _value(content, at, end, key & 7)
        kind = known.get(key >> 3) if key & 7 == DELIMITED else None
        if kind is PACKED:
            size += 8 * (at - start)
        elif kind is not None:
            if len(outer) == MOST_DEPTH:
                raise DamagedError(f"found messages more than {MOST_DEPTH} deep, expected fewer")
            outer.append((end, known))
            at, end, known = start, at, _fields(kind)


def _number(content: bytes, at: int, end: int) -> tuple[int, int]:
    """A number of variable length, and where it ends."""
    if at < end and content[at] < 128:  # as most are
        return content[at], at + 1
    value = 0
    for place, byte in enumerate(content[at : min(at + 10, end)]):
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    raise DamagedError("found no end of a number, expected one in ten bytes")


def _value(content: bytes, at: int, end: int, wire: int) -> tuple[int, int]:
    """Where the value of a field begins and ends."""
    if wire == VARINT:
        return at, _number(content, at, end)[1]
    if wire == DELIMITED:
        length, at = _number(content, at, end)
    elif wire in FIXED:
        length = FIXED[wire]
    else:
        raise DamagedError(f"found a field of the unknown kind {wire}")
    if length > end - at:
        raise DamagedError(f"found the end within a field, expected {memory.in_words(length)} of it")
    return at, at + length
