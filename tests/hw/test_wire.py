"""The program stream: what `encode` writes `decode` undoes, and damage is found."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroskip.spec.axi import BEAT_BYTES, MAGIC, VERSION
from zeroskip.wire import Config, Section, SectionData, WireError, decode, encode, header

KINDS = [kind for kind in Section if kind != Section.END]
WORDS = st.integers(0, 2**32 - 1)


def section(kind=Section.LISTS, mask=3, address=5, count=2, fill=7):
    return SectionData(kind, mask, address, np.full((count, BEAT_BYTES), fill, np.uint8))


@given(st.lists(st.tuples(st.sampled_from(KINDS), WORDS, WORDS, st.binary(max_size=5 * BEAT_BYTES)), max_size=6))
def test_round_trip(parts):
    sections = []
    for kind, mask, address, content in parts:
        rows = np.frombuffer(content[: len(content) // BEAT_BYTES * BEAT_BYTES], np.uint8).reshape(-1, BEAT_BYTES)
        sections.append(SectionData(kind, mask, address, rows))
    beats = encode(sections)
    assert beats.dtype == np.uint8 and beats.shape == (1 + sum(1 + len(s.rows) for s in sections), BEAT_BYTES)
    found = decode(beats)
    assert len(found) == len(sections)
    for one, other in zip(found, sections, strict=True):
        assert (one.kind, one.mask, one.address) == (other.kind, other.mask, other.address)
        assert np.array_equal(one.rows, other.rows)


def test_header_fields():
    """As the page on the wire format says, byte for byte."""
    beat = header(section(Section.WEIGHTS, mask=0xA1B2C3D4, address=0x01020304, count=258))
    assert beat.tobytes() == bytes.fromhex("04 03 4b5a d4c3b2a1 04030201 02010000")
    assert (VERSION, MAGIC) == (3, 0x5A4B)
    assert encode([])[0].tobytes() == bytes.fromhex("07 03 4b5a") + bytes(12)


def test_numbers_stay():
    """The numbers on the page: they are part of the format."""
    assert [kind.name for kind in Section] == [
        "CONFIG", "WINDOWS", "REQUANT", "LISTS", "WEIGHTS", "PASS", "FEED", "END"]
    assert [int(kind) for kind in Section] == [0, 1, 2, 3, 4, 5, 6, 7]
    assert (Config.ROW_OFFSET, Config.COL_OFFSET, Config.WORD_OFFSET) == (32, 64, 96)


def changed(byte, value):
    beats = encode([section()]).copy()
    beats[0, byte] = value
    return beats


KNOWN = "one of [0, 1, 2, 3, 4, 5, 6, 7]"


@pytest.mark.parametrize(("beats", "message"), [
    (changed(0, 8), "beat 0: found magic 0x5a4b, version 3, kind 8; expected 0x5a4b, 3, " + KNOWN),
    (changed(1, 1), "beat 0: found magic 0x5a4b, version 1, kind 3; expected 0x5a4b, 3, " + KNOWN),
    (changed(2, 0x4C), "beat 0: found magic 0x5a4c, version 3, kind 3; expected 0x5a4b, 3, " + KNOWN),
    (changed(12, 4), "beat 0: found 3 payload beats, expected 4"),
    (changed(12, 1), "beat 2: found magic 0x707, version 7, kind 7; expected 0x5a4b, 3, " + KNOWN),
    (encode([section()])[:-1], "found no END section, expected one as the last"),
    (encode([section()])[:-2], "beat 0: found 1 payload beats, expected 2"),
    (encode([])[:0], "found no END section, expected one as the last"),
    (np.concatenate([encode([]), encode([section()])]), "found 4 beats after END, expected none"),
])
def test_damage(beats, message):
    with pytest.raises(WireError, match=f"^{re.escape(message)}$"):
        decode(beats)


@given(st.integers(0, 3 * 128 - 1))
def test_any_bit(bit):
    """A bit changed in a header is an error or another section, never silence; in the payload it is that bit."""
    beats = encode([section()])
    beats[bit // 128, bit % 128 // 8] ^= 1 << bit % 8
    try:
        (found,) = decode(beats)
    except WireError:
        assert bit < 128
        return
    plain = section()
    same = (found.kind, found.mask, found.address, found.rows.tobytes()) == (
        plain.kind, plain.mask, plain.address, plain.rows.tobytes())
    assert not same
