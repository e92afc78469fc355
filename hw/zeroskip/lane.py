"""A lane: iterator, list walker, P zero-skip multipliers and their accumulators."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.accumulators import Accumulators
from zeroskip.config import ArrayConfig
from zeroskip.iterator import Iterator
from zeroskip.list_builder import ListBuilder
from zeroskip.multiplier import ZeroSkipMultiplier
from zeroskip.program import TableWrite
from zeroskip.walker import Walker
from zeroskip.wire import WORD_CHANNELS, Section

OPERAND_WIDTH = 9
"""Bits of an activation as an operand: uint8 and int8 alike, signed."""


class Lane(wiring.Component):
    """One non-zero weight a cycle, times P activations.

    Parameters
    ----------
    config
        The array's parameters.

    Members
    -------
    start, filters_used, unused, ring, signed_map
        In: a new layer, filters of it in each lane, the mask of the others, slots for results, the map is int8.
    write, write_row
        In: a table row for this lane's group, and its 16 bits.
    push, marker, slot, word, word_step, mask
        In: a word arrives in the group (see ``Iterator``).
    read_slot, slot_data
        Out, in: the word whose values are wanted, combinational.
    passed
        Out, mask of slots: the lane is done with them.
    drained, full, read_en, read_address, read_data, read_blocked
        The results (see ``Accumulators``, ``ResultSlots``).
    issued, gated
        Out: a list entry was issued (P products); how many of the P products were gated, two cycles later.
    listed, held, pending
        Out: what the account of idle lanes wants to know (see ``LaneAccount``).
    busy
        Out: work is on its way.
    """

    def __init__(self, *, config: ArrayConfig) -> None:
        self._config = config
        slots = config.queue_words
        word = data.ArrayLayout(data.ArrayLayout(8, WORD_CHANNELS), config.fetched)
        super().__init__({
            "start": In(1),
            "filters_used": In(range(config.lane_filters + 1)),
            "unused": In(config.lane_filters),
            "ring": In(range(config.result_rows + 1)),
            "signed_map": In(1),
            "write": In(TableWrite),
            "write_row": In(16),
            "push": In(1),
            "marker": In(1),
            "slot": In(ceil_log2(slots)),
            "word": In(ceil_log2(config.words)),
            "word_step": In(ceil_log2(config.words)),
            "mask": In(WORD_CHANNELS * config.columns),
            "read_slot": Out(ceil_log2(slots)),
            "slot_data": In(word),
            "passed": Out(slots),
            "drained": In(1),
            "full": Out(1),
            "read_en": In(1),
            "read_address": In(ceil_log2(config.result_rows)),
            "read_data": Out(data.ArrayLayout(signed(config.acc_width), config.pixels)),
            "read_blocked": Out(1),
            "issued": Out(1),
            "gated": Out(range(config.pixels + 1)),
            "listed": Out(1),
            "held": Out(1),
            "pending": Out(1),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        """Iterator, walker, multipliers, accumulators in a row; the builder of their tables."""
        m = Module()
        config = self._config
        m.submodules.iterator = iterator = Iterator(
            words=config.words, queue_words=config.queue_words, queue_lists=config.queue_lists,
            columns=config.columns)
        m.submodules.walker = walker = Walker(
            entries=config.list_entries, filters=config.lane_filters, slot_bits=len(self.slot),
            channel_bits=len(iterator.visits.payload.channel), result_rows=config.result_rows)
        m.submodules.builder = builder = ListBuilder(words=config.words, entries=config.list_entries)
        m.d.comb += [
            builder.en.eq(self.write.valid & (self.write.kind == Section.LISTS)),
            builder.first.eq(self.write.first), builder.entry.eq(self.write_row),
            builder.word.eq(self.write.address), builder.at.eq(self.write.entry),
            iterator.write_occupancy.eq(builder.write_occupancy), iterator.write_pointer.eq(builder.write_pointer),
            iterator.write_address.eq(builder.write_address), iterator.write_data.eq(builder.write_data),
            walker.write.eq(builder.write_list),
            walker.write_address.eq(builder.list_address), walker.write_data.eq(builder.list_data),
            iterator.push.eq(self.push), iterator.marker.eq(self.marker), iterator.slot.eq(self.slot),
            iterator.word.eq(self.word), iterator.word_step.eq(self.word_step), iterator.mask.eq(self.mask),
            walker.start.eq(self.start), walker.filters_used.eq(self.filters_used),
            walker.unused.eq(self.unused), walker.ring.eq(self.ring),
            walker.drained.eq(self.drained),
            self.read_slot.eq(iterator.visits.payload.slot),
            self.issued.eq(walker.entry),
            self.listed.eq(builder.write_list), self.held.eq(walker.held), self.pending.eq(iterator.busy),
            self.busy.eq(iterator.busy | walker.busy),
        ]
        wiring.connect(m, iterator.visits, walker.visits)
        for slot in range(config.queue_words):
            m.d.comb += self.passed[slot].eq((iterator.passed & (iterator.passed_slot == slot))
                                             | (walker.passed & (walker.passed_slot == slot)))
        self._multiply(m, iterator.visits.payload.channel, walker)
        return m

    def _multiply(self, m, channel, walker):
        """Value register, multipliers, accumulators: one stage each after the walker's issue."""
        config = self._config
        m.submodules.accumulators = accumulators = Accumulators(
            filters=config.lane_filters, pixels=config.pixels, acc_width=config.acc_width,
            product_width=OPERAND_WIDTH + 8, result_rows=config.result_rows)
        m.d.sync += [
            accumulators.touch.eq(walker.entry | walker.sweep), accumulators.marker.eq(walker.marker),
            accumulators.report.eq(walker.report), accumulators.filter.eq(walker.filter),
            accumulators.evict.eq(walker.evict), accumulators.source.eq(walker.source),
            accumulators.fresh.eq(walker.fresh),
        ]
        m.d.comb += [
            accumulators.start.eq(self.start), accumulators.read_en.eq(self.read_en),
            accumulators.read_address.eq(self.read_address), self.read_data.eq(accumulators.read_data),
            self.full.eq(accumulators.full), self.read_blocked.eq(accumulators.read_blocked),
        ]
        flags = []
        for p in range(config.pixels):
            multiplier = ZeroSkipMultiplier(a_width=OPERAND_WIDTH, b_width=8)
            m.submodules[f"multiplier_{p}"] = multiplier
            value = Signal(8, name=f"value_{p}")
            with m.If(walker.take):
                m.d.sync += value.eq(Array(self.slot_data[p + column][c] for column in range(config.columns)
                                           for c in range(WORD_CHANNELS))[channel])
            m.d.comb += [
                multiplier.a.eq(Cat(value, self.signed_map & value[7]).as_signed()),
                multiplier.b.eq(walker.weight), multiplier.en.eq(walker.entry),
                accumulators.products[p].eq(multiplier.product),
            ]
            flags.append(multiplier.gated)
        m.d.comb += self.gated.eq(sum(flags))
