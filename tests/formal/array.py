"""A whole array, the smallest: what comes out is the layer's sums, whatever the weights, activations and pauses are."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import numpy as np
from amaranth.hdl import Array, Cat, Const, Fragment, Mux, Signal, Value, signed
from amaranth.lib import stream
from tests.formal.harness import Harness

import zeroskip.lane
from zeroskip.array import ZeroSkipArray
from zeroskip.config import ArrayConfig
from zeroskip.layer import Layer
from zeroskip.lists import END_OF_WORD, NOTHING
from zeroskip.map_packing import map_beats
from zeroskip.plan import Plan
from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.wire import Section, encode
from zeroskip.zero_skip_packing import best_plan, decode_result
from zeroskip.zero_skip_program import program_sections

BITS = 2
"""Bits of an activation, unsigned, and of a weight, signed."""
SUM_BITS = 6
SUM = signed(32)
SMALLEST = ArrayConfig(
    groups=1, lanes=1, pixels=1, output_units=1, dense_filters=1, dense_pixels=1, lane_filters=2, queue_words=2,
    value_positions=32, result_rows=4, map_positions=8, windows=2, words=2, list_entries=8, dense_weights=2)


def array(h: Harness, *, filters: int, channels: int, kernel: int, columns: int, pauses: int, within: int) -> None:
    """A layer of one row with a kernel of one row.

    The program has an entry for every weight, also for one that is zero: that entry says nothing. It does not pause;
    the map does for `pauses` cycles at most, the result for as long as it likes, and where it never does, the last
    beat has left `within` so many cycles. Sums and operands have the bits that they need: with more, the solver would
    be proving adders.
    """
    layer = Layer(weight=np.ones((filters, channels, 1, kernel), np.int8),
                  input=np.ones((1, channels, 1, columns), np.uint8), bias=np.zeros(filters, np.int32))
    plan, _ = best_plan(layer, SMALLEST, skip_activations=True)
    weights = {index: h.constant("weight_" + "_".join(map(str, index)), signed(BITS))
               for index in np.ndindex(filters, channels, kernel)}
    values = {index: h.constant("value_" + "_".join(map(str, index)), BITS) for index in np.ndindex(channels, columns)}
    sums = {(f, x): sum((weights[f, c, k] * values[c, x + k] for c in range(channels) for k in range(kernel)),
                        start=Const(0, SUM))
            for f in range(filters) for x in range(columns - kernel + 1)}

    config = replace(SMALLEST)
    object.__setattr__(config, "acc_width", SUM_BITS)
    dut = ZeroSkipArray(config=config)
    with patch.object(zeroskip.lane, "OPERAND_WIDTH", BITS + 1):
        h.m.submodules.dut = Fragment.get(dut, None)
    program, program_valid = _offer(h, dut.weights.ready, "weights", _program(plan, weights), 0)
    beats, map_valid = _offer(h, dut.map.ready, "map", _map(plan, values), pauses)
    h.drive(dut, reset=0, weights_payload=program, weights_valid=program_valid, map_payload=beats, map_valid=map_valid)
    _expect(h, dut.result, _result(plan, sums), within)


def _offer(h: Harness, ready: Value, name: str, beats: list[Value], most: int) -> tuple[Value, Value]:
    """Payload and valid of a stream of these beats, each after a pause, `most` cycles of pauses in all."""
    number, offered = Signal(range(len(beats) + 1), name=f"{name}_number"), Signal(name=f"{name}_offered")
    paused, valid = Signal(range(most + 1), name=f"{name}_paused"), Signal(name=f"{name}_valid")
    left, goes = number != len(beats), h.free(f"{name}_goes") | (paused == most)
    h.m.d.comb += valid.eq(left & (offered | goes))
    h.m.d.sync += [offered.eq(valid & ~ready), number.eq(number + (valid & ready)), paused.eq(paused + (left & ~valid))]
    return Array(beats)[number], valid


def _expect(h: Harness, result: stream.Interface, beats: list[Value], within: int) -> None:
    """These beats, in order, and no other; all of them `within` so many cycles where `ready`, which is free, is 1."""
    number = Signal(range(len(beats) + 1), name="result_number")
    h.m.d.sync += number.eq(number + (result.valid & result.ready))
    h.prove(~result.valid | ((number != len(beats)) & (Value.cast(result.payload) == Array(beats)[number])))
    cycle, paused = Signal(range(within + 1), name="cycle"), Signal(name="result_paused")
    h.m.d.sync += [cycle.eq(cycle + (cycle != within)), paused.eq(paused | ~result.ready)]
    h.prove((cycle != within) | paused | (number == len(beats)))
    h.cover((number == len(beats)) & paused)


def _symbolic(beats: np.ndarray, symbols: dict[tuple[int, int], Value]) -> list[Value]:
    """Beats with bytes that are not known, `symbols` by beat and byte; the flag of the last on top."""
    return [Cat(*(symbols.get((number, at), Const(int(byte), 8)) for at, byte in enumerate(beat)),
                Const(number == len(beats) - 1, 1)) for number, beat in enumerate(beats)]


def _program(plan: Plan, weights: dict[tuple[int, ...], Value]) -> list[Value]:
    sections = program_sections(plan)
    (place,) = [at for at, section in enumerate(sections) if section.kind == Section.LISTS]
    first, word, symbols = len(encode(sections[:place])), 0, {}
    for row, entry in enumerate(np.ascontiguousarray(sections[place].rows).view("<u2")[:, 0]):
        if entry == END_OF_WORD:
            word += 1
            continue
        weight = weights[int(plan.passes[0].filters[0, entry >> 8 & 15]), entry >> 12, word]
        symbols[first + row, 0] = Mux(weight == 0, NOTHING & 0xFF, Cat(weight, weight[-1].replicate(8 - BITS)))
        symbols[first + row, 1] = Mux(weight == 0, NOTHING >> 8, Const(int(entry) >> 8, 8))
    return _symbolic(encode(sections), symbols)


def _map(plan: Plan, values: dict[tuple[int, ...], Value]) -> list[Value]:
    symbols = {(x, c): Cat(value, Const(0, 8 - BITS)) for (c, x), value in values.items()}
    return _symbolic(map_beats(plan.layer, plan.layout), symbols)


def _result(plan: Plan, sums: dict[tuple[int, ...], Value]) -> list[Value]:
    """The result; where each sum lies is seen by its number, counted from one, in place of a sum."""
    words = np.arange(1, plan.result_beats * BEAT_BYTES // 4 + 1, dtype="<i4")
    places = decode_result(plan, words.view(np.uint8).reshape(-1, BEAT_BYTES), linear=False)
    found = [Const(0, SUM)] * len(words)
    for (f, x), total in sums.items():
        assert places[0, f, 0, x]
        found[places[0, f, 0, x] - 1] = total
    beats = [found[at : at + BEAT_BYTES // 4] for at in range(0, len(found), BEAT_BYTES // 4)]
    return [Cat(*(word[:32] for word in beat), Const(number == len(beats) - 1, 1)) for number, beat in enumerate(beats)]
