"""From the feature-map memory into the value memories of all lanes: each pass has the planes that it works on."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from zeroskip.config import ArrayConfig
from zeroskip.feature_map import FLAGGED_BITS
from zeroskip.program import ConfigRegisters, FeedLayout
from zeroskip.value_memory import QUAD, QUADS, Value, fill_shape
from zeroskip.wire import WORD_CHANNELS


def mask_shape(lines: int) -> data.StructLayout:
    """What is written into a bank of the masks: which channels of a position are not zero."""
    return data.StructLayout({"en": 1, "line": range(lines), "mask": unsigned(WORD_CHANNELS)})


class MapFeeder(wiring.Component):
    """Copies a word a cycle, in the order row, plane, column, as far as the map has come and the rings have room.

    A word takes its bank of the value memories four cycles, for they take four channels at a time. Two words of one
    bank within four cycles, as at some ends of rows, wait for each other.

    Parameters
    ----------
    config
        The array's parameters.

    Members
    -------
    config, start
        In: the layer's layout; a new layer.
    feeds
        In, stream of ``FeedLayout``: what the next pass works on.
    rows_loaded, words_loaded, base
        In: complete rows of the image in the feature-map memory, words of the row after them; its first line.
    retire
        Out, one cycle: the image in the feature-map memory has been read for the last time.
    address, en, data
        To and from the banks of that memory.
    rows_free
        In: so many rows of the rings are no longer needed.
    fill, masks
        Out, arrays of banks: ``fill_shape``, ``mask_shape``.
    row_fed
        Out, one cycle: from the next cycle on the row's masks can be read, and some cycles later all of its values:
        long before a lane can ask for them.
    """

    def __init__(self, *, config: ArrayConfig) -> None:
        self._config = config
        self._bank_bits = exact_log2(config.banks)
        super().__init__({
            "config": In(ConfigRegisters),
            "start": In(1),
            "feeds": In(stream.Signature(FeedLayout)),
            "rows_loaded": In(10),
            "words_loaded": In(16),
            "base": In(range(config.map_positions // config.banks)),
            "retire": Out(1),
            "address": Out(range(config.map_positions // config.banks)),
            "en": Out(1).array(config.banks),
            "data": In(FLAGGED_BITS).array(config.banks),
            "rows_free": In(10),
            "fill": Out(fill_shape(config.value_lines)).array(config.banks),
            "masks": Out(mask_shape(config.value_lines)).array(config.banks),
            "row_fed": Out(1),
        })

    def elaborate(self, platform):
        """Walk rows, planes and columns; then the banks."""
        m = Module()
        own, images = Signal(FeedLayout), Signal(16)
        active, settles, begins, issue = Signal(), Signal(), Signal(), Signal()
        row_end, image_end, pass_end = Signal(), Signal(), Signal()
        m.d.comb += [
            self.feeds.ready.eq(~active),
            pass_end.eq(image_end & (images == 1)),
        ]
        # an image is retired, then the memory tells where the next one lies, then that begins
        m.d.sync += [self.retire.eq(issue & image_end & own.retire), settles.eq(0), begins.eq(settles)]
        with m.If(issue & image_end):
            m.d.sync += [active.eq(~pass_end), images.eq(images - 1), settles.eq(1)]
        with m.If(self.feeds.valid & self.feeds.ready):
            m.d.sync += [own.eq(self.feeds.payload), images.eq(self.feeds.payload.images), active.eq(1), settles.eq(1)]
        source, target, ready = self._walk(m, own, begins, issue, row_end, image_end)
        m.d.comb += [issue.eq(active & ~settles & ~begins & ready & ~self._busy(m, issue, source)),
                     self.address.eq(source[self._bank_bits :])]
        ended = Signal()
        m.d.sync += [ended.eq(issue & row_end), self.row_fed.eq(ended)]
        for bank in range(self._config.banks):
            here = issue & (source[: self._bank_bits] == bank)
            m.d.comb += self.en[bank].eq(here)
            self._fill_bank(m, bank, here, target[self._bank_bits :])
        with m.If(self.start):
            m.d.sync += [active.eq(0), settles.eq(0), begins.eq(0), self.retire.eq(0), ended.eq(0), self.row_fed.eq(0)]
        return m

    def _walk(self, m, own, begins, issue, row_end, image_end):
        """Where the word lies that is next, where it goes, and whether it has come and there is room for its row."""
        config = self.config
        free, origin = Signal(range(1 << 11)), Signal(exact_log2(self._config.value_positions))
        # of the first plane, column and row the number is 1: the last ones are compared, nothing is subtracted
        row, following, plane, col, word = Signal(10), Signal(10), Signal(12), Signal(10), Signal(16)
        source, plane_source, row_source = (Signal(exact_log2(self._config.map_positions), name=name)
                                            for name in ("source", "plane_source", "row_source"))
        place, row_place = Signal.like(origin, name="place"), Signal.like(origin, name="row_place")
        plane_base, target = Signal.like(origin, name="plane_base"), Signal.like(origin, name="target")
        turn, col_end = Signal(self._bank_bits), Signal()
        m.d.comb += [
            col_end.eq(col == config.map_cols),
            row_end.eq(col_end & (plane == own.planes)),
            image_end.eq(row_end & (following == config.map_rows)),
            target.eq(plane_base | place & (config.plane_ring - 1)),
        ]
        # a plane's rows begin in the ring where they begin in the memory, as far as banks go
        next_plane, next_turn = plane_source + config.map_plane_size, (turn + config.map_plane_size)[: len(turn)]
        next_row, next_place = row_source + config.map_pitch, row_place + config.map_pitch
        first_turn = own.first_position[: len(turn)]
        with m.If(issue):
            m.d.sync += [col.eq(col + 1), word.eq(word + 1), source.eq(source + 1), place.eq(place + 1)]
            with m.If(col_end):
                m.d.sync += [col.eq(1), plane.eq(plane + 1), source.eq(next_plane), plane_source.eq(next_plane),
                             turn.eq(next_turn), place.eq(row_place + next_turn),
                             plane_base.eq(plane_base + config.plane_ring)]
            with m.If(row_end):
                m.d.sync += [
                    row.eq(following), following.eq(following + 1), plane.eq(1), word.eq(own.first_word),
                    plane_base.eq(0), turn.eq(first_turn),
                    source.eq(next_row), plane_source.eq(next_row), row_source.eq(next_row),
                    place.eq(next_place + first_turn), row_place.eq(next_place),
                ]
            with m.If(image_end):
                m.d.sync += origin.eq(origin + config.map_span)
        with m.If(begins):
            first = Cat(Const(0, self._bank_bits), self.base) + own.first_position
            m.d.sync += [
                row.eq(0), following.eq(1), plane.eq(1), col.eq(1), word.eq(own.first_word),
                plane_base.eq(0), turn.eq(first_turn),
                source.eq(first), plane_source.eq(first), row_source.eq(first),
                place.eq(origin + first_turn), row_place.eq(origin),
            ]
        rows_loaded, words_loaded = Signal.like(self.rows_loaded), Signal.like(self.words_loaded)
        m.d.sync += [
            free.eq(free + self.rows_free - (issue & row_end)),
            rows_loaded.eq(self.rows_loaded), words_loaded.eq(self.words_loaded),
        ]
        with m.If(self.start):
            m.d.sync += [free.eq(config.plane_rows), origin.eq(0)]
        come = (row < rows_loaded) | ((row == rows_loaded) & (word < words_loaded))
        return source, target, come & (free != 0)

    def _busy(self, m, issue, source):
        """The word's bank is still being filled with one of the last three."""
        bank = source[: self._bank_bits]
        history = [Signal(self._bank_bits + 1, name=f"issued_{age}") for age in range(QUADS - 1)]
        m.d.sync += [newer.eq(older) for newer, older in zip(history, [Cat(bank, issue), *history], strict=False)]
        with m.If(self.start):
            m.d.sync += [age.eq(0) for age in history]
        return Cat(age == Cat(bank, 1) for age in history).any()

    def _fill_bank(self, m, bank, issue, target):
        """Four channels a cycle of the word that stands at the output of the feature-map memory's bank."""
        line, word = Signal(range(self._config.value_lines), name=f"line_{bank}"), Signal.like(self.data[bank])
        reads, phase = Signal(name=f"reads_{bank}"), Signal(QUADS, name=f"phase_{bank}")
        quad, aimed = Signal(range(QUADS), name=f"quad_{bank}"), Signal.like(line, name=f"aimed_{bank}")
        values = data.View(data.ArrayLayout(Value, WORD_CHANNELS), word)
        fill, mask = self.fill[bank], self.masks[bank]
        m.d.sync += [reads.eq(issue), phase.eq(Cat(reads, phase)), aimed.eq(target)]
        with m.If(reads):  # a memory's output is slow: a register behind it
            m.d.sync += [line.eq(aimed), word.eq(self.data[bank])]
        m.d.comb += [
            quad.eq(Cat(phase[1] | phase[3], phase[2] | phase[3])),
            mask.en.eq(phase[0]), mask.line.eq(line), mask.mask.eq(Cat(value.nonzero for value in values)),
        ]
        m.d.sync += [
            fill.en.eq(phase.any()), fill.address.eq(Cat(quad, line)),
            fill.values.eq(word.word_select(quad, QUAD * Value.size)),
        ]
        with m.If(self.start):
            m.d.sync += [reads.eq(0), phase.eq(0), fill.en.eq(0)]
