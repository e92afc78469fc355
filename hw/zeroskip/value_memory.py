"""A lane's copy of the map: the values of the positions that are at work, read one channel at a time."""

from __future__ import annotations

from amaranth import hdl
from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from zeroskip.wire import WORD_CHANNELS

QUAD = 4
"""Channels that are written at once: what a block memory's widest port takes."""
QUADS = WORD_CHANNELS // QUAD

Value = data.StructLayout({"code": unsigned(8), "nonzero": unsigned(1)})
"""An activation, and whether it is one."""


def fill_shape(lines: int) -> data.StructLayout:
    """What is written into a bank in a cycle: four channels of one position, at ``line * 4 + quad``."""
    return data.StructLayout({
        "en": 1, "address": range(lines * QUADS), "values": data.ArrayLayout(Value, QUAD),
    })


def next_in_ring(place: hdl.Value, ring: hdl.Value) -> hdl.Value:
    """The place after `place`, whose bits of the mask `ring` count within a ring and whose others say which."""
    return (place & ~ring) | (place + 1) & ring


class ValueMemory(wiring.Component):
    """`banks` block memories; position p lies in bank ``p % banks``, line ``p // banks``.

    A plane of the map has a ring of positions, so that the one behind the last is the first again. A read gives
    `pixels` neighbouring positions of a ring, one cycle after `en`; they hold while `en` is low.

    Parameters
    ----------
    banks, positions
        Powers of two; a block memory holds 128 positions of a bank.
    pixels
        At most `banks`.

    Members
    -------
    fill
        In, array of banks: ``fill_shape``.
    en, position, channel
        In: which values are wanted.
    ring
        In, mask of lines: the low bits of a line's number that count within a ring.
    values
        Out, array of `pixels`: ``Value``.
    """

    def __init__(self, *, banks: int, positions: int, pixels: int) -> None:
        self._banks, self._pixels, self._lines = banks, pixels, positions // banks
        super().__init__({
            "fill": In(fill_shape(self._lines)).array(banks),
            "en": In(1),
            "position": In(range(positions)),
            "channel": In(range(WORD_CHANNELS)),
            "ring": In(exact_log2(self._lines)),
            "values": Out(Value).array(pixels),
        })

    def elaborate(self, platform):
        """Each bank reads its own position; the rotation follows the memories."""
        m = Module()
        bits = exact_log2(self._banks)
        first, line = self.position[:bits], self.position[bits:]
        following, rotation = Signal.like(line, name="following"), Signal(bits)
        m.d.comb += following.eq(next_in_ring(line, self.ring))
        with m.If(self.en):
            m.d.sync += rotation.eq(first)
        banks = []
        for index in range(self._banks):
            # one pixel lies in its own line; of several those behind the first one's bank may lie in the next
            own = line if self._pixels == 1 else Mux(first > index, following, line)
            banks.append(self._add_bank(m, index, Cat(self.channel, own)))
        for bit in reversed(range(bits)):  # by powers of two: a multiplexer of two for each bit
            turned = banks[1 << bit :] + banks[: 1 << bit]
            banks = [self._choose(m, rotation[bit], *pair) for pair in zip(banks, turned, strict=True)]
        m.d.comb += [value.eq(bank) for value, bank in zip(self.values, banks, strict=False)]
        return m

    @staticmethod
    def _choose(m, turn, here, there):
        chosen = Signal(Value)
        m.d.comb += chosen.eq(Mux(turn, there, here))
        return chosen

    def _add_bank(self, m, index, address):
        bank = memory.Memory(shape=Value, depth=self._lines * WORD_CHANNELS, init=[])
        m.submodules[f"bank_{index}"] = bank
        fill = self.fill[index]
        for channel in range(QUAD):
            port = bank.write_port()
            m.d.comb += [
                port.en.eq(fill.en), port.addr.eq(Cat(Const(channel, exact_log2(QUAD)), fill.address)),
                port.data.eq(fill.values[channel]),
            ]
        port = bank.read_port()
        m.d.comb += [port.en.eq(self.en), port.addr.eq(address)]
        return port.data
