"""The feature-map memory: banked, filled from the map stream while it is already being read."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.gateware.axi.ports import Beat
from zeroskip.program import ConfigRegisters
from zeroskip.spec.axi import BEAT_BYTES

FLAGGED_BITS = 9 * BEAT_BYTES
"""Bits of a word whose bytes each have a ninth bit: that the byte is not zero."""


class FeatureMap(wiring.Component):
    """`banks` memories of words of 16 channels; position p lies in bank ``p % banks``, line ``p // banks``.

    The loader takes one beat a cycle and walks image, row, plane, column (see the wire format). Reading: data stand on
    `data` one cycle after `en`; they hold while `en` is low.

    Parameters
    ----------
    banks
        Power of two.
    positions
        Positions in all banks together, a power of two, at least `banks`.
    flagged
        Words have nine bits for each channel: the ninth says that it is not zero.

    Members
    -------
    map
        In, stream of ``Beat``.
    config
        In, the layout.
    start
        In: a new layer; forget everything.
    retire
        In, one cycle: the image being read is no longer needed.
    base
        Out, unsigned: line at which the image being read begins.
    rows_loaded, words_loaded
        Out: rows of the image being read that are complete; words of the row after them.
    address
        In, array of banks: line to read.
    en
        In, array of banks.
    data
        Out, array of banks: a word.
    """

    def __init__(self, *, banks: int, positions: int, flagged: bool = False) -> None:
        self._banks, self._flagged = banks, flagged
        self._lines = positions // banks
        line_bits = ceil_log2(self._lines)
        super().__init__({
            "map": In(stream.Signature(Beat)),
            "config": In(ConfigRegisters),
            "start": In(1),
            "retire": In(1),
            "base": Out(line_bits),
            "rows_loaded": Out(10),
            "words_loaded": Out(16),
            "address": In(line_bits).array(banks),
            "en": In(1).array(banks),
            "data": Out(FLAGGED_BITS if flagged else 8 * BEAT_BYTES).array(banks),
        })

    @property
    def latency(self) -> int:
        """Cycles from `en` to `data`."""
        return 1

    def elaborate(self, platform):
        """Loader, count of loaded rows, banks."""
        m = Module()
        config = self.config
        bank_bits = ceil_log2(self._banks)
        position_bits = bank_bits + ceil_log2(self._lines)
        image_base, row_base, run = Signal(position_bits), Signal(position_bits), Signal(position_bits)
        # plane, row and `following` count from 1 on: the last ones are compared, nothing is subtracted
        col, following, plane, row = Signal(10), Signal(10, init=1), Signal(12, init=1), Signal(10, init=1)
        images_left, complete = Signal(16), Signal(2)
        taken, col_end, plane_end, image_end = Signal(), Signal(), Signal(), Signal()
        write, position, beat = Signal(), Signal(position_bits), Signal(8 * BEAT_BYTES)
        row_written, image_written = Signal(), Signal()
        m.d.comb += [
            self.map.ready.eq((images_left != 0) & ((complete + image_written) < config.map_slots) & ~self.start),
            taken.eq(self.map.valid & self.map.ready),
            col_end.eq(following == config.map_cols),
            plane_end.eq(col_end & (plane == config.map_planes)),
            image_end.eq(plane_end & (row == config.map_rows)),
        ]
        # stage 1: where the beat goes; stage 2: the write, and only then does the row count as loaded
        m.d.sync += [
            write.eq(taken),
            position.eq(run + col),
            beat.eq(self.map.payload.data),
            row_written.eq(taken & plane_end),
            image_written.eq(taken & image_end),
        ]
        next_base = Signal(position_bits)
        m.d.comb += next_base.eq(Mux((config.map_slots == 2) & (image_base == 0), config.map_image_size, 0))
        with m.If(taken):
            m.d.sync += [col.eq(following), following.eq(following + 1)]
            with m.If(col_end):
                m.d.sync += [col.eq(0), following.eq(1), plane.eq(plane + 1), run.eq(run + config.map_plane_size)]
            with m.If(plane_end):
                m.d.sync += [plane.eq(1), row.eq(row + 1), row_base.eq(row_base + config.map_pitch),
                             run.eq(row_base + config.map_pitch)]
            with m.If(image_end):
                m.d.sync += [row.eq(1), images_left.eq(images_left - 1), image_base.eq(next_base),
                             row_base.eq(next_base), run.eq(next_base)]
        self._count_rows(m, write, row_written, image_written, complete)
        with m.If(self.start):
            m.d.sync += [col.eq(0), following.eq(1), plane.eq(1), row.eq(1), image_base.eq(0), row_base.eq(0),
                         run.eq(0), images_left.eq(config.images), write.eq(0), row_written.eq(0), image_written.eq(0)]
        word = Cat(Cat(byte, byte.any()) for byte in (beat.word_select(at, 8) for at in range(BEAT_BYTES)))
        for index in range(self._banks):
            self._add_bank(m, index, write & (position[:bank_bits] == index), position[bank_bits:],
                           word if self._flagged else beat)
        return m

    def _count_rows(self, m, write, row_written, image_written, complete):
        """`complete` images wait or are being read; `loading` rows of the one after them are there."""
        loading = Signal(10)
        with m.If(row_written | self.start):
            m.d.sync += self.words_loaded.eq(0)
        with m.Elif(write):
            m.d.sync += self.words_loaded.eq(self.words_loaded + 1)
        with m.If(image_written):
            m.d.sync += loading.eq(0)
        with m.Elif(row_written):
            m.d.sync += loading.eq(loading + 1)
        m.d.sync += complete.eq(complete + image_written - self.retire)
        with m.If(self.retire & (self.config.map_slots == 2)):
            lines = self.config.map_image_size >> ceil_log2(self._banks)
            m.d.sync += self.base.eq(Mux(self.base == 0, lines, 0))
        with m.If(self.start):
            m.d.sync += [loading.eq(0), complete.eq(0), self.base.eq(0)]
        m.d.comb += self.rows_loaded.eq(Mux(complete != 0, self.config.map_rows, loading))

    def _add_bank(self, m, index, write, line, word):
        bank = memory.Memory(shape=len(word), depth=self._lines, init=[])
        m.submodules[f"bank_{index}"] = bank
        write_port = bank.write_port()
        read_port = bank.read_port()
        m.d.comb += [
            write_port.en.eq(write),
            write_port.addr.eq(line),
            write_port.data.eq(word),
            read_port.en.eq(self.en[index]),
            read_port.addr.eq(self.address[index]),
            self.data[index].eq(read_port.data),
        ]
