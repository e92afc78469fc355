"""The dense array's program: what `encode` writes `decode` undoes, and damage is found."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroskip.spec.axi import BEAT_BYTES, MAGIC, VERSION
from zeroskip.spec.dense_program import (
    LAYER,
    TAP,
    ProgramError,
    Section,
    SectionData,
    decode,
    encode,
    registers_of,
    rows_of,
)

KINDS = [kind for kind in Section if kind != Section.END]


def section(kind=Section.PARAMETERS, address=5, count=2, fill=7):
    return SectionData(kind, address, np.full((count, BEAT_BYTES), fill, np.uint8))


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 2**32 - 1), st.binary(max_size=5 * BEAT_BYTES)),
                max_size=6))
def test_round_trip(parts):
    sections = []
    for kind, address, content in parts:
        rows = np.frombuffer(content[: len(content) // BEAT_BYTES * BEAT_BYTES], np.uint8).reshape(-1, BEAT_BYTES)
        sections.append(SectionData(kind, address, rows))
    beats = encode(sections)
    assert beats.dtype == np.uint8 and beats.shape == (1 + sum(1 + len(s.rows) for s in sections), BEAT_BYTES)
    found = decode(beats)
    assert [(one.kind, one.address, one.rows.tobytes()) for one in found] == [
        (one.kind, one.address, one.rows.tobytes()) for one in sections]


def test_header_fields():
    """Byte for byte: they are part of the format."""
    beat = encode([section(Section.WEIGHTS, address=0x01020304, count=258)])[0]
    assert beat.tobytes() == bytes.fromhex("04 04 4b5a 00000000 04030201 02010000")
    assert (VERSION, MAGIC) == (4, 0x5A4B)
    assert encode([])[0].tobytes() == bytes.fromhex("07 04 4b5a") + bytes(12)
    assert {kind.name: int(kind) for kind in Section} == {
        "CONFIG": 0, "TAPS": 1, "PARAMETERS": 2, "WEIGHTS": 4, "END": 7}


def changed(byte, value):
    beats = encode([section()]).copy()
    beats[0, byte] = value
    return beats


KNOWN = "one of [0, 1, 2, 4, 7]"


@pytest.mark.parametrize(("beats", "message"), [
    (changed(0, 3), "beat 0: found magic 0x5a4b, version 4, kind 3; expected 0x5a4b, 4, " + KNOWN),
    (changed(1, 1), "beat 0: found magic 0x5a4b, version 1, kind 2; expected 0x5a4b, 4, " + KNOWN),
    (changed(2, 0x4C), "beat 0: found magic 0x5a4c, version 4, kind 2; expected 0x5a4b, 4, " + KNOWN),
    (changed(12, 4), "beat 0: found 3 rows, expected 4"),
    (changed(12, 1), "beat 2: found magic 0x707, version 7, kind 7; expected 0x5a4b, 4, " + KNOWN),
    (encode([section()])[:-1], "found no END section, expected one as the last"),
    (encode([section()])[:-2], "beat 0: found 1 rows, expected 2"),
    (encode([])[:0], "found no END section, expected one as the last"),
    (np.concatenate([encode([]), encode([section()])]), "found 4 beats after END, expected none"),
])
def test_damage(beats, message):
    with pytest.raises(ProgramError, match=f"^{re.escape(message)}$"):
        decode(beats)


def test_registers():
    """By number, also from two sections; signed ones as they are."""
    values = np.zeros((2, BEAT_BYTES), np.uint8)
    values[:, :4] = np.array([[5], [3]], "<i4").view(np.uint8)
    low = np.zeros((1, BEAT_BYTES), np.uint8)
    low[0, :4] = np.array([-128], "<i4").view(np.uint8)
    number = list(LAYER.widths).index("clamp_low")
    sections = [SectionData(Section.CONFIG, 0, values), SectionData(Section.CONFIG, number, low)]
    assert registers_of(decode(encode(sections))) == {"mode": 5, "images": 3, "clamp_low": -128}


def test_rows():
    """Fields in the low bits of a beat."""
    (row,) = rows_of(TAP, [{"offset": -2, "dy": -1, "dx": 3, "channels": 16}])
    assert row.tobytes() == bytes.fromhex("feffffff ffff 0300 10000000") + bytes(4)
