"""Configurations of the vector engine: presets, what goes together, and the errors by their text."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, fields, replace

import pytest

from zeroskip.spec.config import (
    BY_MULTIPLIERS,
    CHOICES,
    LIMITS,
    POWERS,
    PRESETS,
    EngineConfig,
    preset_name,
)

TINY = PRESETS["tiny"]
SIZES = [field.name for field in fields(EngineConfig) if field.name not in ("even", "lean")]


def test_presets():
    assert {name: config.multipliers for name, config in PRESETS.items()} == {
        "tiny": 4, "small": 16, "base": 64, "large": 128, "fine": 64}
    assert {number: PRESETS[name].multipliers for number, name in BY_MULTIPLIERS.items()} == {
        number: number for number in (4, 16, 64, 128)}
    assert PRESETS["fine"].vector == 1 and PRESETS["fine"].look == 8
    assert [PRESETS[name].banks for name in ("base", "large")] == [16, 16]


def test_a_preset_has_its_name():
    assert {name: preset_name(replace(config)) for name, config in PRESETS.items()} == {name: name for name in PRESETS}
    assert preset_name(replace(TINY, look=1)) is None


@pytest.mark.parametrize("field", SIZES)
@pytest.mark.parametrize("value", [0, -1, 1.0, "4", True, None])
def test_positive_integers(field, value):
    with pytest.raises(TypeError, match=f"^{field} must be a positive integer, not {re.escape(repr(value))}$"):
        replace(TINY, **{field: value})


@pytest.mark.parametrize("value", [-1, 1.0, "4", True, None])
def test_a_number_that_may_be_zero(value):
    with pytest.raises(TypeError, match=f"^lean must be an integer, 0 or more, not {re.escape(repr(value))}$"):
        replace(TINY, lean=value)


def test_the_last_requantisers_are_lean():
    config = replace(PRESETS["base"], lean=3)
    assert [config.lean_of(lane) for lane in range(config.lanes)] == [0, 0, 1, 2]
    assert [PRESETS["tiny"].lean_of(0), replace(PRESETS["tiny"], lean=1).lean_of(0)] == [0, 1]


@pytest.mark.parametrize("value", [1, 0, "yes", None])
def test_even_is_a_truth_value(value):
    with pytest.raises(TypeError, match=f"^even must be true or false, not {re.escape(repr(value))}$"):
        replace(TINY, even=value)


@pytest.mark.parametrize("name", [name for name in LIMITS if name != "lean"])  # which has others, too
def test_both_ends_of_a_range(name):
    """The ends themselves are no error of the range; what lies beyond is one."""
    low, high = LIMITS[name]
    step = {"acc_width": 2}.get(name, 1)
    for value in (low - step, high * 2 if name in POWERS else high + step):
        if value > 0:
            with pytest.raises(ValueError, match=rf"^{name} must be in {low}\.\.{high}, not {value}$"):
                replace(TINY, **{name: value})
    for value in (low, high):
        assert getattr(replace(TINY, **{name: value}), name) == value


@pytest.mark.parametrize(("changes", "message"), [
    ({"vector": 3}, "vector must be one of 1, 2, 4, 8, 16, 32, not 3"),
    ({"look": 16}, "look must be one of 1, 2, 4, 8, not 16"),
    ({"ways": 3}, "ways must be one of 1, 2, 4, not 3"),
    *(({name: 24}, f"{name} must be a power of two, not 24") for name in POWERS),
    ({"vector": 8}, "banks must be at least the 8 positions of a vector, not 4"),
    ({"vector": 1, "ways": 2}, "ways must be at most the 1 positions of a vector, not 2"),
    ({"acc_width": 27}, "acc_width must be even, not 27"),
    ({"lean": 2}, "lean must be at most the 1 requantisers, not 2"),
])
def test_what_does_not_go_together(changes, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        replace(TINY, **changes)


def test_sizes_follow():
    """By hand: 8,192 words of four positions, so 15 bits of an offset; an entry has 8, 2 and 1 bits beside it."""
    assert (TINY.multipliers, TINY.positions, TINY.position_bits, TINY.word_bits, TINY.bank_bits) == (
        4, 32768, 15, 13, 2)
    assert (TINY.entry_bits, TINY.list_word_bits, TINY.list_bits) == (26, 52, 13)
    assert (TINY.header_bits, TINY.header_words) == (28 + 16 + 6 + 2, 1)
    assert (TINY.granule, TINY.flags) == (1, 4)
    base = PRESETS["base"]
    assert (base.multipliers, base.positions, base.granule, base.flags) == (64, 65536, 4, 4)
    assert replace(TINY, acc_width=30).header_words == 2


def test_frozen_and_by_keyword():
    with pytest.raises(FrozenInstanceError):
        TINY.lanes = 2
    with pytest.raises(TypeError):
        EngineConfig(1, 4)
    assert replace(TINY) == TINY and hash(replace(TINY)) == hash(TINY)
    assert set(CHOICES).isdisjoint(LIMITS)
