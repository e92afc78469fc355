"""A lane: iterator, list walker, P zero-skip multipliers and their accumulators, its copy of the map."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.accumulators import Accumulators
from zeroskip.config import ArrayConfig
from zeroskip.iterator import PLACES, Iterator
from zeroskip.list_builder import tables_shape
from zeroskip.multiplier import ZeroSkipMultiplier
from zeroskip.value_memory import ValueMemory, fill_shape
from zeroskip.walker import Walker
from zeroskip.wire import WORD_CHANNELS

OPERAND_WIDTH = 9
"""Bits of an activation as an operand: uint8 and int8 alike, signed."""


def lane_word(config: ArrayConfig) -> data.StructLayout:
    """A word as it arrives in the lanes of a group.

    Fields: ``push``; ``marker``; ``mask`` of the channels worth visiting, or a marker's flags; ``position`` of its
    first pixel in the value memory; ``inside``, mask of the pixels that lie in the map.
    """
    return data.StructLayout({
        "push": 1, "marker": 1, "mask": WORD_CHANNELS * config.columns, "position": range(config.value_positions),
        "inside": config.pixels,
    })


class Lane(wiring.Component):
    """One non-zero weight a cycle, times P activations.

    Parameters
    ----------
    config
        The array's parameters.

    Members
    -------
    start, filters_used, ring, signed_map
        In: a new layer, filters of it in each lane, slots for results, the map is int8.
    value_ring
        In: the bits of a position that count within the ring of a plane.
    write, tables
        In: into the lane's tables, ``tables_shape``; only with `write`. A cycle later they are written.
    fill
        In, array of banks: into the value memory.
    issue, places
        In, out: see ``Iterator``.
    look, word, word_step, arrival
        In: number of the word, and one cycle later the word itself (see ``Iterator``).
    ended
        Out: the lane has passed a marker.
    drained, full, read_en, read_address, read_data, read_blocked
        The results (see ``Accumulators``, ``ResultSlots``).
    issued, gated
        Out: a list entry was issued (P products); how many of the P products were gated, three cycles later.
    listed, held, pending
        Out: what the account of idle lanes wants to know (see ``LaneAccount``).
    busy
        Out: work is on its way.
    """

    def __init__(self, *, config: ArrayConfig) -> None:
        self._config = config
        super().__init__({
            "start": In(1),
            "filters_used": In(range(config.lane_filters + 1)),
            "ring": In(range(config.result_slots + 1)),
            "signed_map": In(1),
            "value_ring": In(ceil_log2(config.value_positions)),
            "write": In(1),
            "tables": In(tables_shape(config.words, config.list_entries)),
            "fill": In(fill_shape(config.value_lines)).array(config.banks),
            "issue": In(1),
            "places": Out(PLACES),
            "look": In(1),
            "word": In(ceil_log2(config.words)),
            "word_step": In(ceil_log2(config.words)),
            "arrival": In(lane_word(config)),
            "ended": Out(1),
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
        """Iterator, walker, multipliers, accumulators in a row."""
        m = Module()
        config = self._config
        position_bits = ceil_log2(config.value_positions)
        m.submodules.iterator = iterator = Iterator(
            words=config.words, queue_words=config.queue_words, position_bits=position_bits, pixels=config.pixels,
            columns=config.columns, masks_in_luts=config.masks_in_luts)
        m.submodules.walker = walker = Walker(
            entries=config.list_entries, filters=config.lane_filters, position_bits=position_bits,
            pixels=config.pixels, slots=config.result_slots)
        arrival = self.arrival
        m.d.comb += [
            iterator.start.eq(self.start), iterator.issue.eq(self.issue), self.places.eq(iterator.places),
            iterator.look.eq(self.look), iterator.word.eq(self.word), iterator.word_step.eq(self.word_step),
            iterator.push.eq(arrival.push), iterator.marker.eq(arrival.marker), iterator.mask.eq(arrival.mask),
            iterator.position.eq(arrival.position), iterator.inside.eq(arrival.inside),
            iterator.ring.eq(self.value_ring), iterator.passed.eq(walker.passed),
            walker.start.eq(self.start), walker.filters_used.eq(self.filters_used), walker.ring.eq(self.ring),
            walker.drained.eq(self.drained), self.ended.eq(walker.ended),
            self.issued.eq(walker.entry), self.held.eq(walker.held), self.pending.eq(iterator.busy),
            self.busy.eq(iterator.busy | walker.busy),
        ]
        wiring.connect(m, iterator.visits, walker.visits)
        self._write_tables(m, iterator, walker)
        self._multiply(m, iterator.visits.payload, walker)
        return m

    def _write_tables(self, m, iterator, walker):
        """From a register, for the way to the lane is long."""
        tables, write = Signal.like(self.tables, name="tables_1"), Signal()
        m.d.sync += [tables.eq(self.tables), write.eq(self.write)]
        m.d.comb += [
            iterator.write_occupancy.eq(write & tables.write_occupancy),
            iterator.write_pointer.eq(write & tables.write_pointer),
            *(getattr(iterator, name).eq(tables[name]) for name in (
                "occupancy_address", "occupancy_data", "pointer_address", "pointer_data")),
            walker.write.eq(write & tables.write_list),
            walker.write_address.eq(tables.list_address), walker.write_data.eq(tables.list_data),
            self.listed.eq(walker.write),
        ]

    def _multiply(self, m, visit, walker):
        """Values, a register, multipliers, accumulators after the walker's issue."""
        config = self._config
        m.submodules.values = values = ValueMemory(
            banks=config.banks, positions=config.value_positions, pixels=config.pixels)
        m.submodules.accumulators = accumulators = self._accumulate(m, walker)
        fills = [Signal.like(fill, name=f"fill_{bank}") for bank, fill in enumerate(self.fill)]
        m.d.sync += [own.eq(fill) for own, fill in zip(fills, self.fill, strict=True)]
        inside, wanted = Signal(config.pixels), Signal(config.pixels)
        weight, entry = Signal.like(walker.weight), Signal()
        m.d.comb += [
            *(bank.eq(fill) for bank, fill in zip(values.fill, fills, strict=True)),
            values.en.eq(walker.take), values.position.eq(visit.position), values.channel.eq(visit.channel),
            values.ring.eq(self.value_ring[-len(values.ring) :]),
        ]
        with m.If(walker.take):
            m.d.sync += inside.eq(visit.inside)
        m.d.sync += [wanted.eq(inside), weight.eq(walker.weight), entry.eq(walker.entry)]
        flags = []
        for p in range(config.pixels):
            multiplier = ZeroSkipMultiplier(a_width=OPERAND_WIDTH, b_width=8, told=True)
            m.submodules[f"multiplier_{p}"] = multiplier
            value = Signal.like(values.values[p], name=f"value_{p}")
            m.d.sync += value.eq(values.values[p])
            m.d.comb += [
                multiplier.a.eq(Cat(value.code, self.signed_map & value.code[7]).as_signed()), multiplier.b.eq(weight),
                multiplier.a_zero.eq(~(value.nonzero & wanted[p])), multiplier.en.eq(entry),
                accumulators.products[p].eq(multiplier.product),
            ]
            flags.append(multiplier.gated)
        m.d.comb += self.gated.eq(sum(flags))

    def _accumulate(self, m, walker):
        config = self._config
        accumulators = Accumulators(
            filters=config.lane_filters, pixels=config.pixels, acc_width=config.acc_width,
            product_width=OPERAND_WIDTH + 8, result_rows=config.result_rows)
        m.d.sync += [
            accumulators.touch.eq(walker.entry | walker.sweep), accumulators.clear.eq(walker.clear),
            accumulators.marker.eq(walker.marker), accumulators.report.eq(walker.report),
            accumulators.filter.eq(walker.filter), accumulators.evict.eq(walker.evict),
            accumulators.source.eq(walker.source), accumulators.fresh.eq(walker.fresh),
        ]
        m.d.comb += [
            accumulators.start.eq(self.start), accumulators.filters_used.eq(self.filters_used),
            walker.complete.eq(accumulators.complete), accumulators.turn.eq(walker.turn),
            walker.turn_touched.eq(accumulators.turn_touched), accumulators.read_en.eq(self.read_en),
            accumulators.read_address.eq(self.read_address), self.read_data.eq(accumulators.read_data),
            self.full.eq(accumulators.full), self.read_blocked.eq(accumulators.read_blocked),
        ]
        return accumulators
