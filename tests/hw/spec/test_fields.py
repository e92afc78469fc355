"""Words of fields: packed and read back, and what does not fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroskip.spec.config import PRESETS, EngineConfig
from zeroskip.spec.fields import Fields
from zeroskip.spec.words import configure, entry, fill, header, instruction_bits, job, step_parts, sync

WORD = Fields("word", {"a": 3, "b": 5, "c": 1}, signed=frozenset({"b"}))


@given(a=st.integers(0, 7), b=st.integers(-16, 15), c=st.integers(0, 1))
def test_values_come_back(a, b, c):
    packed = WORD.pack(a=a, b=b, c=c)
    assert 0 <= packed < 1 << WORD.bits
    assert WORD.unpack(packed) == {"a": a, "b": b, "c": c}


@pytest.mark.parametrize(("values", "text"), [({"a": 8}, "word: a is 8, expected 0..7"),
                                              ({"b": -17}, "word: b is -17, expected -16..15"),
                                              ({"d": 0}, "word has no field d")])
def test_what_does_not_fit_is_refused(values, text):
    with pytest.raises(ValueError, match=text):
        WORD.pack(**values)


@pytest.mark.parametrize("name", PRESETS)
def test_instructions_of_every_preset_have_room_for_all_kinds(name):
    config = PRESETS[name]
    widest = instruction_bits(config)
    for fields in (job(config), fill(config), sync(config), configure()):
        assert fields.bits <= widest and next(iter(fields.widths)) == "op"
    assert all(part.bits <= configure().widths["value"] for part in step_parts(config))
    assert entry(config).bits == config.entry_bits and header(config).bits == config.header_bits


@pytest.mark.parametrize(("wrong", "error", "text"), [
    ({"vector": 3}, ValueError, "vector must be one of 1, 2, 4, 8, 16, 32, not 3"),
    ({"lanes": 0}, TypeError, "lanes must be a positive integer, not 0"),
    ({"lanes": 65}, ValueError, r"lanes must be in 1\.\.64, not 65"),
    ({"look": 3}, ValueError, "look must be one of 1, 2, 4, 8, not 3"),
    ({"ways": 4, "vector": 2}, ValueError, "ways must be at most the 2 positions of a vector, not 4"),
    ({"banks": 4, "vector": 8}, ValueError, "banks must be at least the 8 positions of a vector, not 4"),
    ({"banks": 12}, ValueError, "banks must be a power of two, not 12"),
    ({"acc_width": 27}, ValueError, "acc_width must be even, not 27"),
    ({"even": 1}, TypeError, "even must be true or false, not 1"),
    ({"map_words": True}, TypeError, "map_words must be a positive integer, not True"),
])
def test_configurations_that_cannot_be(wrong, error, text):
    with pytest.raises(error, match=text):
        EngineConfig(**{"lanes": 2, "vector": 4, **wrong})
