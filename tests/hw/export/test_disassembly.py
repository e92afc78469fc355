"""Instructions as text, and what lanes do: against what the compiler was asked for."""

import re

import pytest
from tests.hw.cycles.programs import ONE, by_hand, listed
from tests.hw.export.networks import SEEDS, WIDE, drawn

from zeroskip.cycles.decode import decode
from zeroskip.export.disassembly import Share, instructions, shares, text
from zeroskip.spec.words import Op


def small():
    """A program of one lane: a list of four entries, one of them zero, that runs over four vectors."""
    entries = [{"offset": 3, "weight": -128}, {"offset": 9, "weight": 5}, {"weight": 0}, {"offset": 1, "weight": 1}]
    made = by_hand(ONE, listed(ONE, entries, bias=-7, multiplier=9, shift=3),
                   [{"list": 0, "words": 1, "first": 2, "vectors": 3, "dest": 8, "column": 1, "final": 1}],
                   {"pitch": 5, "columns": 4, "mode": 1, "low": -3, "plane": 17}, map_words=1, result_words=1)
    return decode(ONE, made.beats())


def test_every_instruction_in_words():
    decoded = small()
    assert [own.step for own in instructions(ONE, decoded.instructions[0])] == [-1, -1, 1, 1, 1, 1, 1]
    lines = [text(decoded, 0, own) for own in instructions(ONE, decoded.instructions[0])]
    assert lines == [
        "sync   wait for all lanes; the map that came in is not needed any more; then step 0",
        "sync   wait for all lanes; for a map; then step 1",
        "config part 0: pitch 5, columns 4",
        "config part 1: mode POOL, low -3",
        "config part 2: plane 17",
        "job    list at 0, 2 words (bias -7, times 9 >> 3); vectors 2..5 to position 8, column 1, ends the plane",
        ("sync   wait for all lanes; the map that came in is not needed any more; the answer is complete; go on at 1"),
    ]


def test_what_a_lane_does_in_a_step():
    own = shares(small(), 2)
    assert own[1] == [Share(jobs=1, vectors=4, lists=1, list_words=2 + ONE.header_words, entries=3, issued=12,
                            filled=0)]
    assert own[0] == [Share(jobs=0, vectors=0, lists=0, list_words=0, entries=0, issued=0, filled=0)]


@pytest.mark.parametrize("seed", SEEDS)
def test_lanes_do_together_what_the_steps_ask_for(seed):
    made, _, _ = drawn(seed)
    found = shares(made.decoded, len(made.builder.steps))
    for step, built, lanes in zip(made.builder.steps, made.builder.built, found, strict=True):
        repeats = step.factor[0] * step.factor[1]
        assert sum(own.vectors for own in lanes) == built.out.vectors * step.filters * repeats
        assert sum(own.issued for own in lanes) == sum(
            int((taps.weight != 0).sum()) for taps in step.taps) * built.out.vectors * repeats


@pytest.mark.parametrize("seed", SEEDS)
def test_every_lane_ends_with_the_jump_and_has_every_step_in_order(seed):
    made, _, _ = drawn(seed, WIDE)
    for lane, words in enumerate(made.decoded.instructions):
        own = list(instructions(WIDE, words))
        assert own[-1].op == Op.SYNC and own[-1].fields["jump"]
        assert [line.address for line in own] == list(range(len(own)))
        seen = [line.step for line in own]
        assert sorted(seen) == seen and set(range(len(made.builder.steps))) <= set(seen)
        assert all(re.match(r"(sync|config|job|fill) ", text(made.decoded, lane, line)) for line in own)
