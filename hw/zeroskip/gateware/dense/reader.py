"""From a step of the dense array to its N activations."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.gateware.dense.structs import ACTIVATION_BITS, LAYER_LAYOUT, ROW_BITS, STEP, has, pixel_layout
from zeroskip.gateware.primitives.size import positive
from zeroskip.gateware.structs import delay
from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.spec.dense_program import Mode

CHOICES = 3
"""Cycles from a line to its activation: four of its channels, one of these, the rotation."""


def rotated(items: list[Value], by: Value) -> list[Value]:
    """Item ``(j + by) % len(items)`` at place j, by stages; the length is a power of two."""
    for bit in range(ceil_log2(len(items))):
        count = len(items)
        items = [Mux(by[bit], items[(j + (1 << bit)) % count], items[j]) for j in range(count)]
    return items


class ActivationReader(wiring.Component):
    """Reads one line of every bank for the N pixels of a step, and takes the step's channel from each.

    The position of pixel j is its base plus the tap's offset; since the base has the remainder j by N, the pixels
    lie in different banks, rotated by the offset's remainder. Pixels outside the map, or that do not exist, are zero.
    The lines' addresses stand as long as their tap has steps, for the memory reads in every cycle.

    Parameters
    ----------
    pixels
        N, a power of two.
    line_bits
        Bits of a line address of the map memory.
    memory_latency
        Cycles of the map memory.

    Members
    -------
    layer : In(LAYER_LAYOUT)
    base : In(line_bits)
        From the map memory: the image being read.
    step : In(STEP)
    block : In(ArrayLayout(pixel_layout(line_bits), pixels))
    address, data
        To and from the map memory, by bank.
    activations : Out(ArrayLayout(signed(9), pixels))
        `latency` cycles after the step.

    Raises
    ------
    TypeError
        A parameter is not a positive integer.

    """

    def __init__(self, *, pixels: int, line_bits: int, memory_latency: int) -> None:
        self._pixels, self._line_bits = positive("pixels", pixels), positive("line_bits", line_bits)
        self._memory_latency = positive("memory_latency", memory_latency)
        super().__init__({
            "layer": In(LAYER_LAYOUT),
            "base": In(line_bits),
            "step": In(STEP),
            "block": In(data.ArrayLayout(pixel_layout(line_bits), pixels)),
            "address": Out(line_bits).array(pixels),
            "data": In(8 * BEAT_BYTES).array(pixels),
            "activations": Out(data.ArrayLayout(signed(ACTIVATION_BITS), pixels)),
        })

    @property
    def latency(self) -> int:
        """Cycles from a step to its activations: the address, the memory, the choices."""
        return 1 + self._memory_latency + CHOICES

    def elaborate(self, platform: object) -> Module:
        """A free-running pipeline; what belongs to the tap is computed in its first step and travels along."""
        m = Module()
        bank_bits = ceil_log2(self._pixels)
        rotation, inside = self._address(m, bank_bits)
        with_address = delay(m, self.step.channel, 1, "channel_address")
        with_line = delay(m, with_address, self._memory_latency, "channel_line")
        with_four = delay(m, with_line[:2], 1, "channel_four")
        rotation = delay(m, rotation, self.latency - 2, "rotation")
        inside = delay(m, inside, self.latency - 2, "inside")
        picked: list[Value] = []
        for bank in range(self._pixels):
            four, one = Signal(32, name=f"four_{bank}"), Signal(8, name=f"one_{bank}")
            m.d.sync += [
                four.eq(self.data[bank].word_select(with_line[2:], 32)),
                one.eq(four.word_select(with_four, 8)),
            ]
            picked.append(one)
        signed_map = has(self.layer, Mode.SIGNED_MAP)
        for pixel, value in enumerate(rotated(picked, rotation)):
            with m.If(inside[pixel]):
                m.d.sync += self.activations[pixel].eq(Cat(value, signed_map & value[7]).as_signed())
            with m.Else():
                m.d.sync += self.activations[pixel].eq(0)
        return m

    def _address(self, m: Module, bank_bits: int) -> tuple[Signal, Signal]:
        """Stage 1: a line for each pixel, then brought to its bank; the rotation; which pixels lie inside."""
        tap, layer = self.step.tap, self.layer
        rotation, inside = Signal(bank_bits, name="rotation_0"), Signal(self._pixels, name="inside_0")
        start = Signal(bank_bits + self._line_bits, name="tap_start")
        m.d.comb += start.eq((self.base << bank_bits) + tap.offset)
        lines: list[Value] = []
        for index in range(self._pixels):
            pixel = self.block[index]
            row, col = Signal(ROW_BITS, name=f"row_{index}"), Signal(ROW_BITS, name=f"col_{index}")
            line = Signal(self._line_bits, name=f"line_{index}")
            position = Signal(bank_bits + self._line_bits, name=f"position_{index}")
            m.d.comb += [
                row.eq(pixel.row + tap.dy),
                col.eq(pixel.col + tap.dx),
                position.eq(Cat(Const(index, bank_bits), pixel.line) + start),
            ]
            with m.If(self.step.first):
                m.d.sync += [
                    line.eq(position[bank_bits:]),
                    inside[index].eq(pixel.exists & (row < layer.map_rows) & (col < layer.map_cols)),
                ]
            lines.append(line)
        with m.If(self.step.first):
            m.d.sync += rotation.eq(tap.offset[:bank_bits])
        backwards = Signal(bank_bits)
        m.d.comb += backwards.eq(-rotation)
        for bank, line in enumerate(rotated(lines, backwards)):
            m.d.comb += self.address[bank].eq(line)
        return rotation, inside
