"""The model: hand-computed cycles of small programs; results of layers; faults."""

from dataclasses import replace

import numpy as np
import pytest
from tests.hw.cycles.programs import ONE, SINGLE, TWO, by_hand, layer_program, listed
from tests.hw.layers import random_layer

from zeroskip import reference
from zeroskip.compiler.program import Block, Part
from zeroskip.cycles import model, state
from zeroskip.cycles.account import lanes
from zeroskip.cycles.compiled import DIGEST
from zeroskip.spec.config import PRESETS
from zeroskip.spec.program import Target
from zeroskip.spec.words import Kind, Mode, Op, sync

RAW = {"pitch": 4, "columns": 511, "tail": 4, "gap": 1, "gap_end": 1, "mode": Mode.RAW, "stream": 1, "late": 1,
       "low": 0, "high": 255, "window": 1, "phases": 1}
FIRST = 7
"""The first map's first beat: fetch in cycle 1, execution in 4, waiting in 5, release in 6."""
GONE = 14
"""From then on jobs begin: the second barrier in 9, waiting in 10, release in 11, and the rest after it."""
TAKEN = 19
"""The cycle in which the first job is taken: the second barrier fetched in 4, four more of three cycles each."""


def raw_program(entries, *, bias=0, vectors=1, map_words=1):
    """Sums of a list, as they are: 4 words for each vector."""
    words = listed(ONE, entries, bias=bias, multiplier=2, shift=1)
    jobs = [{"words": len(words) - ONE.header_words - 1, "vectors": vectors - 1, "final": 1}]
    return by_hand(ONE, words, jobs, RAW, map_words=map_words, result_words=4 * vectors)


def test_one_entry_takes_the_cycles_of_the_whole_way():
    """Job in 19, two words of header, word read in 22, taken in 29, entry in 30, sums in 41, commands from 44 on."""
    program = raw_program([{"offset": 0, "weight": 3}], bias=-5)
    found = model.run(ONE, program.beats(), np.array([[1, 2, 0, 255]], np.uint8))
    sent = [TAKEN + 28 + 17 + 4 * k for k in range(4)]  # the fourth byte's command, and 17 cycles
    assert found.cycle.tolist() == [2, *(cycle + 2 - FIRST for cycle in sent)]
    assert found.beats.tolist() == [cycle + 4 - FIRST for cycle in sent]
    assert found.total == found.lasts[0] == found.beats[-1] + 1
    assert found.results().view(np.int32).ravel().tolist() == [-2, 1, -5, 760]


def test_classes_of_one_entry():
    program = raw_program([{"offset": 0, "weight": 3}])
    found = model.run(ONE, program.beats(), np.array([[1, 2, 0, 255]], np.uint8))
    after = found.counts[1, 0]
    assert after[state.MULTIPLYING] == 1
    assert after[state.INSTRUCTIONS] == TAKEN - GONE
    assert after[state.LOOKING] == 30 - TAKEN
    assert after[state.GATED] == 1 and after[state.PAIRS] == 3
    assert found.counts[:, :, :state.CLASSES].sum() == found.total


def test_an_empty_list_takes_a_slot_to_end():
    found = model.run(ONE, raw_program([{"weight": 0}], bias=7).beats(), np.array([[1, 2, 3, 4]], np.uint8))
    assert found.results().view(np.int32).ravel().tolist() == [7, 7, 7, 7]
    assert found.counts[1, 0, state.ENDING] == 1 and found.counts[1, 0, state.MULTIPLYING] == 0


def test_entries_follow_each_other_without_a_pause():
    one = model.run(ONE, raw_program([{"weight": 1}]).beats(), np.ones((1, 4), np.uint8))
    many = model.run(ONE, raw_program([{"weight": 1}] * 9).beats(), np.ones((1, 4), np.uint8))
    longer = len(raw_program([{"weight": 1}] * 9).beats()) - len(raw_program([{"weight": 1}]).beats())
    assert longer > 0 and many.total - one.total == 8
    assert many.results().view(np.int32).ravel().tolist() == [9] * 4


def test_a_late_vector_waits_until_the_sums_before_it_have_a_place():
    """In 30 and 31; the first sums get to the way out in 42, and the third entry follows in 43."""
    program = raw_program([{"weight": 1}], vectors=3, map_words=3)
    found = model.run(ONE, program.beats(), np.arange(12, dtype=np.uint8).reshape(3, 4))
    words = found.cycle[found.stream]
    assert np.diff(words).tolist() == [4] * 11
    assert found.counts[1, 0, state.BLOCKED] == 43 - 32
    assert found.results().view(np.int32).ravel().tolist() == list(range(12))


@pytest.mark.parametrize("kind, result", [(Kind.ADD, [4, 6]), (Kind.ADD_HIGH, [3 + 256, 4 + 512])])
def test_kinds_that_add(kind, result):
    entries = [{"offset": 0, "weight": 1}, {"offset": 252, "weight": 1, "kind": kind}]
    program = raw_program([{"offset": 2, "weight": 1}, {**entries[1], "offset": 0}])
    found = model.run(ONE, program.beats(), np.array([[1, 2, 3, 4]], np.uint8))
    assert found.results().view(np.int32).ravel()[:2].tolist() == result


def test_compare_and_replace_keep_the_larger_one():
    entries = [{"offset": 0, "weight": 1}, {"offset": 4, "weight": -1, "kind": Kind.COMPARE},
               {"offset": 4, "weight": 1, "kind": Kind.REPLACE}]
    found = model.run(ONE, raw_program(entries, map_words=2).beats(), np.array([[9, 2, 3, 0], [1, 5, 3, 7]], np.uint8))
    assert found.results().view(np.int32).ravel().tolist() == [9, 5, 3, 7]


def test_signed_activations():
    found = model.run(ONE, raw_program([{"weight": 2, "signed": 1}]).beats(), np.array([[255, 128, 1, 127]], np.uint8))
    assert found.results().view(np.int32).ravel().tolist() == [-2, -256, 2, 254]


@pytest.mark.parametrize("config", [ONE, TWO, SINGLE], ids=["one", "two", "single"])
@pytest.mark.parametrize("look", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_layers_are_bit_exact_and_classes_add_up(config, look, seed):
    config = replace(config, map_words=4096, list_words=4096)
    layer = random_layer(seed, filters=4, channels=2, size=(5, 7), images=2, padding=(seed % 2, 1),
                         stride=(1 + seed // 2, 1), activations=0.4, output=[None, "uint8", "int8"][seed % 3])
    program, beats, _ = layer_program(config, layer, look=look)
    found = model.run(config, program.beats(), beats)
    got = np.stack([program.leaving.values(words) for words in found.results()])
    assert (got == reference.run(layer).reshape(layer.output_shape)).all()
    assert (lanes(found).sum(axis=1) == found.total).all()


def test_images_take_turns_without_changing_each_other():
    layer = random_layer(5, filters=6, channels=3, size=(8, 9), images=3, padding=(1, 1))
    program, beats, _ = layer_program(TWO, layer, look=True)
    together = model.run(TWO, program.beats(), beats)
    alone = [model.run(TWO, program.beats(), own) for own in np.split(beats, 3)]
    assert (together.results() == np.concatenate([own.results() for own in alone])).all()
    assert together.lasts[0] == alone[0].total
    assert np.diff(together.lasts).max() <= max(own.total for own in alone)


def test_a_long_log_grows(monkeypatch):
    layer = random_layer(5, filters=6, channels=3, size=(8, 9), images=3, padding=(1, 1))
    program, beats, _ = layer_program(TWO, layer, look=True)
    whole = model.run(TWO, program.beats(), beats)
    monkeypatch.setattr(model, "LOG_WORDS", 5)
    found = model.run(TWO, program.beats(), beats)
    assert (found.cycle == whole.cycle).all() and (found.data == whole.data).all()
    assert (found.counts == whole.counts).all()


def two_lists(first, second, **fields):
    """Sums of two lists one after the other: the first one is held, the second one resumes."""
    head = {"multiplier": 2, "shift": 1}
    words, more = listed(ONE, first, bias=-7, hold=1, **head), listed(ONE, second, bias=99, resume=1, **head)
    size = ONE.header_words + 1
    jobs = [{"words": len(words) - size, "final": 1, **fields},
            {"list": len(words), "words": len(more) - size, "final": 1, **fields}]
    return by_hand(ONE, words + more, jobs, RAW, map_words=1, result_words=4)


@pytest.mark.parametrize("first", [[{"weight": 3}], [{"weight": 0}], [{"weight": 2}, {"weight": 1}, {"weight": 0}] * 3])
def test_a_list_that_goes_on_in_another_one(first):
    """The bias is the first one's; a held list that has nothing to do costs no slot."""
    found = model.run(ONE, two_lists(first, [{"weight": 5}]).beats(), np.array([[1, 2, 3, 4]], np.uint8))
    factor = sum(own["weight"] for own in first) + 5
    assert found.results().view(np.int32).ravel().tolist() == [factor * value - 7 for value in (1, 2, 3, 4)]
    counts = found.counts.sum(axis=(0, 1))
    assert counts[state.MULTIPLYING] == sum(own["weight"] != 0 for own in first) + 1
    assert counts[state.ENDING] == 0


def test_a_program_that_waits_for_a_part_and_has_none_is_a_fault():
    program = raw_program([{"weight": 1}])
    program.instructions[0][1] = sync(ONE).pack(op=Op.SYNC, input=1, program=1, step=1)
    with pytest.raises(model.ModelError, match="waits for a part, and has none"):
        model.run(ONE, program.beats(), np.ones((1, 4), np.uint8))


def test_a_part_that_takes_long_is_waited_for_and_then_in_the_memory():
    """The list comes with each map: another weight than the one that was there at first."""
    program = raw_program([{"weight": 1}])
    program.instructions[0][0] = sync(ONE).pack(op=Op.SYNC, release=1, free=1)
    program.instructions[0][1] = sync(ONE).pack(op=Op.SYNC, input=1, program=1, step=1)
    end = sync(ONE).unpack(program.instructions[0][-1])
    program.instructions[0][-1] = sync(ONE).pack(**{**end, "free": 1, "program": 1, "input": 1, "target": 2})
    cycles = {}
    for padding in (0, 200):
        words = [*listed(ONE, [{"weight": 6}], multiplier=2, shift=1), *[0] * padding][:64]
        blocks = [Block(target=Target.LIST, lane=0, words=words)] * (1 + padding // 50)
        own = replace(program, parts=[Part(blocks=blocks)])
        found = model.run(ONE, own.beats(), np.array([[1, 2, 3, 4]], np.uint8), parts=own.part_beats())
        assert found.results().view(np.int32).ravel().tolist() == [6, 12, 18, 24]
        cycles[padding] = found.counts[:, :, state.PART_WAIT].sum(), found.total
    (waits, total), (longer, later) = cycles.values()
    assert later - total == longer - waits > 600


def test_sums_that_come_too_early_are_a_fault():
    words = listed(ONE, [{"weight": 1}], multiplier=1, shift=1)
    jobs = [{"words": 0, "vectors": 3, "final": 1}]
    program = by_hand(ONE, words, jobs, {**RAW, "late": 0}, map_words=4, result_words=16)
    with pytest.raises(model.ModelError, match="sums came before"):
        model.run(ONE, program.beats(), np.ones((4, 4), np.uint8))


def test_compiled_code_is_kept_by_the_content_of_all_files():
    from zeroskip.cycles.bus import run

    assert run._cache._cache_file._source_stamp == DIGEST  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["small", "large"])
def test_presets_run(name):
    layer = random_layer(3, filters=9, channels=4, size=(6, 6), padding=(1, 1))
    program, beats, _ = layer_program(PRESETS[name], layer, look=True)
    found = model.run(PRESETS[name], program.beats(), beats)
    assert (program.leaving.values(found.results()[0]) == reference.run(layer)[0]).all()
