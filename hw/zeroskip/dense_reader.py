"""From a step of the dense array to its N activations."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.dense_pe import ACTIVATION_BITS
from zeroskip.dense_raster import ROW_BITS, pixel_layout
from zeroskip.dense_steps import STEP
from zeroskip.multiplier import positive
from zeroskip.program import ConfigRegisters
from zeroskip.wire import BEAT_BYTES


def rotated(items: list[Value], by: Value) -> list[Value]:
    """Item ``(j + by) % len(items)`` at place j, by stages; the length is a power of two."""
    for bit in range(ceil_log2(len(items))):
        count = len(items)
        items = [Mux(by[bit], items[(j + (1 << bit)) % count], items[j]) for j in range(count)]
    return items


class ActivationReader(wiring.Component):
    """Reads each word of N pixels once, one line of every bank, and then gives a channel a cycle.

    The position of pixel j is its base plus the word's offset; since the base has the remainder j by N, the pixels
    lie in different banks, rotated by the offset's remainder. Pixels outside the map, or that do not exist, are zero.

    Parameters
    ----------
    pixels
        N, a power of two.
    line_bits
        Bits of a line address of the feature-map memory.

    Members
    -------
    config : In(ConfigRegisters)
    base : In(line_bits)
        From the feature-map memory: the image being read.
    step, go : In(STEP), In(1)
        The step, and whether it goes.
    block : In(ArrayLayout(pixel_layout(line_bits), pixels))
    address, en, data
        To and from the feature-map memory, by bank.
    activations : Out(ArrayLayout(signed(9), pixels))
        `latency` cycles after the step.

    Raises
    ------
    TypeError
        A parameter is not a positive integer.

    """

    def __init__(self, *, pixels: int, line_bits: int) -> None:
        self._pixels, self._line_bits = positive("pixels", pixels), positive("line_bits", line_bits)
        super().__init__({
            "config": In(ConfigRegisters),
            "base": In(line_bits),
            "step": In(STEP),
            "go": In(1),
            "block": In(data.ArrayLayout(pixel_layout(line_bits), pixels)),
            "address": Out(line_bits).array(pixels),
            "en": Out(1).array(pixels),
            "data": In(8 * BEAT_BYTES).array(pixels),
            "activations": Out(data.ArrayLayout(signed(ACTIVATION_BITS), pixels)),
        })

    @property
    def latency(self) -> int:
        """Address, memory, word, four channels, one channel, rotation."""
        return 6

    def elaborate(self, platform: object) -> Module:
        """A free-running pipeline; what belongs to the word is computed in its first step and travels along."""
        m = Module()
        bank_bits = ceil_log2(self._pixels)
        rotation, inside = self._address(m, bank_bits)
        channel: Value = self.step.channel
        channels = []
        for stage in range(1, 5):
            channel, before = Signal(4, name=f"channel_{stage}"), channel
            m.d.sync += channel.eq(before)
            channels.append(channel)
        for stage in range(2, self.latency):
            rotation, rotation_before = Signal(bank_bits, name=f"rotation_{stage}"), rotation
            inside, inside_before = Signal(self._pixels, name=f"inside_{stage}"), inside
            m.d.sync += [rotation.eq(rotation_before), inside.eq(inside_before)]
        picked: list[Value] = []
        for bank in range(self._pixels):
            word = Signal(8 * BEAT_BYTES, name=f"word_{bank}")
            four, one = Signal(32, name=f"four_{bank}"), Signal(8, name=f"one_{bank}")
            m.d.sync += [
                word.eq(self.data[bank]),
                four.eq(word.word_select(channels[2][2:], 32)),
                one.eq(four.word_select(channels[3][:2], 8)),
            ]
            picked.append(one)
        signed_map = self.config.mode[1]
        for pixel, value in enumerate(rotated(picked, rotation)):
            with m.If(inside[pixel]):
                m.d.sync += self.activations[pixel].eq(Cat(value, signed_map & value[7]).as_signed())
            with m.Else():
                m.d.sync += self.activations[pixel].eq(0)
        return m

    def _address(self, m: Module, bank_bits: int) -> tuple[Signal, Signal]:
        """Stage 1: a line for each pixel, then brought to its bank; the rotation; which pixels lie inside."""
        word = self.step.word
        rotation, inside, read = Signal(bank_bits, name="rotation_1"), Signal(self._pixels, name="inside_1"), Signal()
        start = Signal(bank_bits + self._line_bits, name="word_start")
        m.d.comb += start.eq((self.base << bank_bits) + word.offset)
        m.d.sync += read.eq(self.go & self.step.first)
        lines: list[Value] = []
        for index in range(self._pixels):
            pixel = self.block[index]
            row, col = Signal(ROW_BITS, name=f"row_{index}"), Signal(ROW_BITS, name=f"col_{index}")
            line = Signal(self._line_bits, name=f"line_{index}")
            position = Signal(bank_bits + self._line_bits, name=f"position_{index}")
            m.d.comb += [
                row.eq(pixel.row + word.dy),
                col.eq(pixel.col + word.dx),
                position.eq(Cat(Const(index, bank_bits), pixel.line) + start),
            ]
            with m.If(self.step.first):
                m.d.sync += [
                    line.eq(position[bank_bits:]),
                    inside[index].eq(pixel.exists & (row < self.config.map_rows) & (col < self.config.map_cols)),
                ]
            lines.append(line)
        with m.If(self.step.first):
            m.d.sync += rotation.eq(word.offset[:bank_bits])
        backwards = Signal(bank_bits)
        m.d.comb += backwards.eq(-rotation)
        for bank, line in enumerate(rotated(lines, backwards)):
            m.d.comb += [self.address[bank].eq(line), self.en[bank].eq(read)]
        return rotation, inside
