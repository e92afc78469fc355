"""The way out, first part: which sum goes where, value by value; nothing here sees a value."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import enum, stream, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.lane.constants import constants_layout
from zeroskip.gateware.lane.pacer import item_layout
from zeroskip.gateware.lane.places import ResultPlaces
from zeroskip.gateware.structs import struct_of
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import COLUMN_BITS, VECTOR_COUNT_BITS, Mode, step_parts


class State(enum.Enum, shape=2):  # type: ignore[call-arg]
    """What the way out is at."""

    IDLE = 0
    VALUES = 1
    ZEROS = 2


class Drain(wiring.Component):
    """Walks through the sums of a vector, an item a cycle, and keeps count of where results go.

    A ``Pacer`` carries the items out, one after the other.

    Parameters
    ----------
    config
        The engine.

    Members
    -------
    step_0, step_1, step_2 : In
        The step's configuration; constant while the lane works.
    constants : In(constants_layout)
        What follows from it.
    dest, column, final : In
        Of the next job: where its results go.
    start : In(1), begin : In(1), finish : In(1)
        The sums of a vector have been taken over: that of a job's first vector, of its last.
    fill : In(1), fill_word, fill_count : In
        Zeros are to be written: `fill_count` + 1 words. Only while nothing else is at work.
    free : Out(1)
        Sums can be taken over in this cycle.
    items : Out(stream(item_layout)), group : Out
        What is next; which D sums of the vector it is about.
    renews : Out(1)
        `dest`, `column` and `final` of the next job are taken, for the first time or again.
    closed : In(1)
        A job, or a fill, has been carried out.
    idle : Out(1), filling : Out(1)
        There is no item; zeros are written.
    """

    def __init__(self, *, config: EngineConfig) -> None:
        self._config = config
        parts = step_parts(config)
        super().__init__({
            **{f"step_{number}": In(struct_of(part)) for number, part in enumerate(parts)},
            "constants": In(constants_layout(config)),
            "dest": In(config.position_bits), "column": In(COLUMN_BITS), "final": In(1),
            "start": In(1), "begin": In(1), "finish": In(1),
            "fill": In(1), "fill_word": In(config.word_bits), "fill_count": In(VECTOR_COUNT_BITS),
            "free": Out(1), "items": Out(stream.Signature(item_layout(config))),
            "group": Out(max(1, (config.vector // config.ways - 1).bit_length())), "closed": In(1), "renews": Out(1),
            "idle": Out(1), "filling": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        """States, and the item that is next; places are counted by themselves."""
        m = Module()
        config = self._config
        m.submodules.places = self._places = places = ResultPlaces(config=config)
        self._state, self._last, self._final = Signal(State), Signal(), Signal()
        self._zeros, self._zeros_end = Signal(VECTOR_COUNT_BITS + config.bank_bits), Signal()
        self._filling = Signal()
        self._values, self._padding = self._state == State.VALUES, self._state == State.ZEROS
        m.d.comb += [
            self.filling.eq(self._filling),
            places.step_0.eq(self.step_0), places.step_1.eq(self.step_1), places.step_2.eq(self.step_2),
            places.constants.eq(self.constants),
            places.idle.eq(self._state == State.IDLE), places.dest.eq(self.dest),
            places.column.eq(self.column), places.fill.eq(self.fill), places.fill_word.eq(self.fill_word),
            places.values.eq(self._values), places.filling.eq(self._filling),
            places.plane_ends.eq(self._last & self._final),
            places.short.eq(self.finish & Mux(self.begin, self.final, self._final)),
            self.items.valid.eq(self._values | self._padding), self.idle.eq(self._state == State.IDLE),
        ]
        step = Signal()
        m.d.comb += [step.eq(self.items.valid & self.items.ready), places.step.eq(step)]
        close, fresh = Signal(), Signal(init=1)
        m.d.comb += [close.eq(self._states(m, step) | self._padding & self._zeros_end), places.ends.eq(close),
                     places.turns.eq(self._values & places.vector_ends | close), places.rests.eq(self.idle & fresh),
                     self.renews.eq(step & close | places.rests)]
        with m.If(self.start):
            m.d.sync += fresh.eq(0)
        with m.Elif(step & close):
            m.d.sync += fresh.eq(1)
        self._item(m, step, close)
        self._count_zeros(m, step)
        return m

    def _item(self, m: Module, step: Value, close: Value) -> None:
        """What is next; `close`: with it a job, or a fill, is complete."""
        config, item, places = self._config, self.items.payload, self._places
        ways_bits, mode = (config.ways - 1).bit_length(), self.step_1.mode
        at, word = places.position[: config.bank_bits], places.position[config.bank_bits:]
        is_open, open_word, full, puts, stays = Signal(), Signal(config.word_bits), Signal(), Signal(), Signal()
        beyond = places.plane_ends & (places.index >= self.step_0.tail)
        ordered = (mode == Mode.FLAT) | (mode == Mode.RAW)
        goes = Mux(mode == Mode.POOL, places.square_put, (mode != Mode.SCATTER) | places.written) & (~beyond | ordered)
        m.d.comb += [
            puts.eq(~self._values | goes), full.eq(at[ways_bits:].all() & (places.wide | at[:ways_bits].all())),
            item.moves.eq((mode == Mode.SCATTER) & self._values & is_open & (word != open_word)),
            stays.eq(Mux(puts, ~full, is_open & ~item.moves)), places.put.eq(step & puts),
            item.put.eq(puts), item.full.eq(puts & full), item.close.eq(close), item.rests.eq(close & stays),
            item.plain.eq(~item.moves & Mux(puts, ~full & ~close, ~close | ~is_open)),
            item.wide.eq(places.wide), item.at.eq(at), item.word.eq(word), item.byte.eq(places.byte),
            item.pair.eq(places.pair), item.inside.eq(Mux(self._values, places.inside, 0)),
            item.column.eq(places.square), item.first_column.eq(places.first_column),
            item.last_column.eq(places.last_column), item.first_row.eq(places.first_row),
            self.group.eq(places.index >> ways_bits),
        ]
        of_group, rate = places.index[:ways_bits] if ways_bits else Const(0, 1), self.step_1.rate
        for way in range(config.ways):
            m.d.comb += item.ways[way].eq(self._padding | ((way >> rate) == (of_group >> rate)))
        with m.If(step):
            m.d.sync += is_open.eq(stays & ~close)
        with m.If(step & puts):
            m.d.sync += open_word.eq(word)

    def _states(self, m: Module, step: Value) -> Value:
        """Values, then zeros after a plane; and the next vector at once. Whether the job ends with this value."""
        state, last, zeros_end = self._state, self._last, self._zeros_end
        pads, vector_ends = self._final & self.constants.pads, self._values & self._places.vector_ends
        free = vector_ends & ~(last & pads) | self._padding & zeros_end & ~self._filling
        m.d.comb += self.free.eq((state == State.IDLE) | step & free)
        with m.If(step & vector_ends):
            m.d.sync += state.eq(Mux(last & pads, State.ZEROS, State.IDLE))
        with m.If(step & self._padding & zeros_end):
            m.d.sync += state.eq(State.IDLE)
        with m.If(self.closed):
            m.d.sync += self._filling.eq(0)
        with m.If(step & self._places.turns | self.idle):
            m.d.sync += [last.eq(self.finish), self._final.eq(Mux(self.begin, self.final, self._final))]
        with m.If(self.start):
            m.d.sync += state.eq(State.VALUES)
        with m.If(self.fill):
            m.d.sync += [state.eq(State.ZEROS), self._filling.eq(1)]
        return vector_ends & last & ~pads

    def _count_zeros(self, m: Module, step: Value) -> None:
        """How many are left behind the next one, of a plane's or of those that fill words."""
        groups = self._config.banks // self._config.ways
        zeros, end = self._zeros, self._zeros_end
        with m.If(self._values):
            m.d.sync += [zeros.eq(self.constants.pad_last), end.eq(self.constants.pad_last == 0)]
        with m.Elif(step):
            m.d.sync += [zeros.eq(zeros - 1), end.eq(zeros == 1)]
        with m.If(self.fill):
            m.d.sync += [zeros.eq(Cat(Const(groups - 1, (groups - 1).bit_length()), self.fill_count)),
                         end.eq((self.fill_count == 0) & int(groups == 1))]
