# amaranth: UnusedElaboratable=no
"""A whole engine, the smallest: two layers, whatever the weights, the map and the pauses of all streams are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
from amaranth.hdl import Array, Cat, Const, Fragment, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from tests.formal.harness import Harness
from tests.formal.small import small

import zeroskip.gateware.lane.vector_unit
from zeroskip.compiler import lower
from zeroskip.compiler.build import build
from zeroskip.compiler.program import Program
from zeroskip.gateware.array.engine import Engine
from zeroskip.gateware.array.loader import Loader
from zeroskip.layer import Layer
from zeroskip.spec.config import WEIGHT_BITS, EngineConfig
from zeroskip.spec.program import Target, setup
from zeroskip.spec.words import entry

BITS = 2
"""Bits of an activation, unsigned, and of a weight, signed."""
ONE: dict[str, Any] = {"multiplier": np.array([2]), "shift": np.array([1])}
"""A scale of one."""


class LoadedBefore(wiring.Component):
    """In a loader's place: writes a word of a program a cycle, then starts the lanes."""

    def __init__(self, config: EngineConfig, program: Program, words: list[tuple[Target, int, Value]]) -> None:
        self._config, self._program, self._words = config, program, words
        super().__init__(Loader(config=config).signature)

    def elaborate(self, platform: object) -> Module:
        """A counter through the words."""
        m = Module()
        number = Signal(range(len(self._words) + 2))
        kinds, addresses, words = zip(*self._words, strict=True)
        writes = number < len(self._words)
        m.d.sync += number.eq(number + (number != len(self._words) + 1))
        m.d.comb += [
            self.lane.eq(1), self.word.eq(Array(words)[number]),
            self.address.eq(Array(Const(address, 8) for address in addresses)[number]),
            self.list.eq(writes & Array(Const(kind == Target.LIST) for kind in kinds)[number]),
            self.instruction.eq(writes & Array(Const(kind == Target.INSTRUCTION) for kind in kinds)[number]),
            self.start.eq(number == len(self._words)),
            self.setup.eq(Const(setup(self._config).pack(**self._program.setup))),
        ]
        return m


def _program(config: EngineConfig, columns: int) -> Program:
    """A kernel of two columns with weights 1 and 2, then one of a single weight, 3."""
    first = Layer(weight=np.array([[[[1, 2]]]], np.int8), input=np.ones((1, 1, 1, columns), np.uint8),
                  bias=np.zeros(1, np.int32), **ONE)
    second = Layer(weight=np.array([[[[3]]]], np.int8), input=np.ones(first.output_shape, first.output_dtype),
                   bias=np.zeros(1, np.int32), **ONE)
    maps = {"input": lower.as_map(first.input4.shape[1:], "uint8")}
    steps = []
    for name, source, layer in (("first", "input", first), ("second", "first", second)):
        maps[name] = lower.as_map(layer.output_shape[1:], layer.output_dtype)
        node = SimpleNamespace(name=name, op="conv", inputs=(source,), layer=layer, parameters={})
        steps.append(lower.convolution(node, layer, maps[name], maps[source]))
    return build(config, {"input": maps["input"]}, steps, "second", look=config.look > 1)[0]


def _words(config: EngineConfig, program: Program, weights: list[Signal]) -> list[tuple[Target, int, Value]]:
    """The words of the memories, with weights that are not known in place of 1, 2 and 3."""
    fields, found, header = entry(config), [], config.header_words
    begins = [index for index in range(len(program.lists[0])) if index % (header + 1) == 0]
    assert len(program.lists[0]) == len(begins) * (header + 1)  # each list is a header and a word
    for address, word in enumerate(program.lists[0]):
        value: Value = Const(word, config.list_word_bits)
        if address % (header + 1) == header:
            entries = []
            for k in range(config.look):
                own = value[k * fields.bits:(k + 1) * fields.bits]
                number = fields.unpack(word >> k * fields.bits)["weight"]
                low = fields.starts()["weight"]
                weight = weights[number - 1] if number else Const(0, signed(BITS))
                entries.append(Cat(own[:low], weight, weight[-1].replicate(WEIGHT_BITS - BITS),
                                   own[low + WEIGHT_BITS:]))
            value = Cat(entries)
        found.append((Target.LIST, address, value))
    return found + [(Target.INSTRUCTION, address, Const(word, 80)) for address, word in
                    enumerate(program.instructions[0])]


def _clamped(total: Value) -> Value:
    """A sum as a code, uint8; sums are small."""
    return Mux(total < 0, 0, total)[:8]


def engine(h: Harness, *, columns: int, look: int, pauses: int, within: int) -> None:
    """One map; the map pauses for `pauses` cycles at most, the results for as long as they like.

    Where results are always taken, the last one has left `within` so many cycles.
    """
    config = small(look=look, map_words=8)
    program = _program(config, columns)
    weights = [h.constant(f"weight_{number}", signed(BITS)) for number in range(3)]
    values = [h.constant(f"value_{number}", BITS) for number in range(columns)]
    dut = Engine(config=config)
    loader = LoadedBefore(config, program, _words(config, program, weights))
    core = dut._core(loader)
    core.submodules.loader = loader
    with patch.object(zeroskip.gateware.lane.vector_unit, "FACTOR_BITS", BITS + 1):
        h.m.submodules.dut = Fragment.get(core, None)
    places = program.incoming.words(np.arange(1, columns + 1).reshape(1, 1, columns))
    beats = [Cat(Cat(values[place - 1] if place else Const(0, BITS), Const(0, 8 - BITS)) for place in row)
             for row in places]
    _offer(h, dut, beats, pauses)
    hidden = [_clamped(weights[0] * values[x] + weights[1] * values[x + 1]) for x in range(columns - 1)]
    _expect(h, dut, program, [_clamped(weights[2] * value) for value in hidden], within)


def _offer(h: Harness, dut: Engine, beats: list[Value], most: int) -> None:
    """These beats, each after a pause, `most` cycles of pauses in all."""
    number, paused = Signal(range(len(beats) + 1), name="beat"), Signal(range(most + 1), name="paused")
    offered, valid, left = Signal(name="offered"), Signal(name="valid"), Signal(name="left")
    ready = dut.maps.ready
    h.m.d.comb += [left.eq(number != len(beats)),
                   valid.eq(left & (offered | h.free("map_goes") | (paused == most)))]
    h.m.d.sync += [offered.eq(valid & ~ready), number.eq(number + (valid & ready)),
                   paused.eq(paused + (left & ~valid & ready))]
    h.drive(dut, program_payload=0, program_valid=0, maps_payload=Array(beats)[number], maps_valid=valid)


def _expect(h: Harness, dut: Engine, program: Program, codes: list[Value], within: int) -> None:
    """The words of the result in order, and no other."""
    count, banks = program.setup["result_words"], len(dut.results.payload.keep)
    numbers = np.arange(1, count * banks + 1, dtype=np.uint8).reshape(count, banks)
    places = program.leaving.values(numbers).reshape(-1)
    number, out = Signal(range(count + 1), name="result_number"), dut.results
    sent = out.valid & out.ready
    h.m.d.sync += number.eq(number + sent)
    h.prove(~out.valid | ((number != count) & (out.p.word == number) & (out.p.last == (number == count - 1))))
    for place, code in zip(places, codes, strict=True):
        word, bank = divmod(int(place) - 1, banks)
        h.prove(~(out.valid & (number == word)) | (out.p.keep[bank] & (out.p.data.word_select(bank, 8) == code)))
    h.prove(~dut.overrun)
    h.prove(h.keeps(out))
    cycle, paused = Signal(range(within + 1), name="cycle"), Signal(name="result_paused")
    h.m.d.sync += [cycle.eq(cycle + (cycle != within)), paused.eq(paused | out.valid & ~out.ready)]
    h.prove((cycle != within) | paused | (number == count))
    h.cover((number == count) & paused & (codes[0] == 3))
