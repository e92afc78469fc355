"""The way out's counters: which value of a vector is next, and where it goes."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.structs import struct_of
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import COLUMN_BITS, Mode, step_parts

RAW_BYTES = 4
ROW_BITS = 3
PHASE_BITS = 3


def place_layout(config: EngineConfig) -> data.StructLayout:
    """Where a value goes, and where it stands: its column, and its row in a square or in a group of phases."""
    return data.StructLayout({"position": config.position_bits, "column": COLUMN_BITS, "row": ROW_BITS})


class ResultPlaces(wiring.Component):
    """Goes from value to value in the order of the step's mode.

    What follows from the configuration alone is in registers, so that less logic stands behind the counters.

    Parameters
    ----------
    config
        The engine.

    Members
    -------
    step_0, step_1, step_2 : In
        The step's configuration, constant from four cycles before a job or a fill begins.
    short : In(1)
        The next vector is the last of its plane.
    dest, column : In
        Where the first result of the next job goes, and its column.
    turns : In(1), idle : In(1)
        The vector, or what follows it, ends with this value; there is none. So what is next is the next vector's first.
    ends : In(1), rests : In(1)
        The same of the job, or the fill.
    fill : In(1), fill_word : In
        Zeros begin, at a word.
    values : In(1), filling : In(1)
        Values of a vector are at work; zeros of a fill are.
    step : In(1), put : In(1)
        To the next value; and something went to this one's place.
    plane_ends : In(1)
        The vector is the last of its plane.
    index : Out, byte : Out(2), position : Out, wide : Out(1)
        The value in its vector, or the first one of several, and its byte; its place; and that D values go there.
    square_put : Out(1)
        POOL's square is complete.
    vector_ends : Out(1)
        The value is the last one of its vector.
    inside : Out(D), written : Out(1)
        Of each way: its value is a result; and the first one's column is one that SCATTER writes.
    pair, first_column, last_column, first_row : Out(1), square : Out(COLUMN_BITS)
        Where in its square, and in which square of the row, POOL's value lies.
    """

    def __init__(self, *, config: EngineConfig) -> None:
        self._config = config
        super().__init__({
            **{f"step_{number}": In(struct_of(part)) for number, part in enumerate(step_parts(config))},
            "short": In(1), "dest": In(config.position_bits), "column": In(COLUMN_BITS),
            "turns": In(1), "idle": In(1), "ends": In(1), "rests": In(1),
            "fill": In(1), "fill_word": In(config.word_bits), "values": In(1), "filling": In(1),
            "step": In(1), "put": In(1), "plane_ends": In(1),
            "index": Out(max(1, (config.vector - 1).bit_length())), "byte": Out(2),
            "position": Out(config.position_bits), "wide": Out(1), "square_put": Out(1), "vector_ends": Out(1),
            "inside": Out(config.ways), "written": Out(1),
            "pair": Out(1), "first_column": Out(1), "last_column": Out(1), "first_row": Out(1),
            "square": Out(COLUMN_BITS),
        })

    def elaborate(self, platform: object) -> Module:
        """Constants of the step, then counters of values, of columns and of places."""
        m = Module()
        self._constants(m)
        self._place, self._in_column = Signal(place_layout(self._config)), Signal(3)
        self._phase, self._down = Signal(PHASE_BITS), Signal()
        self._later_columns = [Signal(COLUMN_BITS, name=f"column_{way}") for way in range(2, self._config.ways, 2)]
        self._renews, self._first = Signal(), Signal.like(self._place, name="first")
        self._wraps, self._rows_end, self._last_group, self._phases_end = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [self._renews.eq(self.ends | self.rests),
                     self._first.eq(Cat(self.dest, self.column, Const(0, ROW_BITS)))]
        m.d.comb += [self.position.eq(self._place.position), self._rows_end.eq(self._place.row == self._row_last)]
        self._count(m)
        self._walk(m)
        self._square(m)
        self._inside(m)
        return m

    def _constants(self, m: Module) -> None:
        step_0, step_1, mode = self.step_0, self.step_1, self.step_1.mode
        self._flat, self._pool, self._scatter, self._raw = (
            Signal(name=f"is_{name}") for name in ("flat", "pool", "scatter", "raw"))
        self._wide, self._stride, self._column_stride = Signal(), Signal(4), Signal(4)
        self._wrap_at, self._row_last, self._in_column_last = Signal(signed(COLUMN_BITS + 1)), Signal(3), Signal(3)
        self._columns_last, self._pitch_last = Signal(COLUMN_BITS), Signal(COLUMN_BITS)
        most = RAW_BYTES * self._config.vector
        self._items_last, self._short_last = Signal(range(most)), Signal(range(most))
        m.d.sync += [
            self._flat.eq(mode == Mode.FLAT), self._pool.eq(mode == Mode.POOL), self._scatter.eq(mode == Mode.SCATTER),
            self._raw.eq(mode == Mode.RAW), self.pair.eq((mode == Mode.POOL) & (step_1.rate == 1)),
            self._wide.eq((mode == Mode.FLAT) & (1 << step_1.rate == self._config.ways) & ~step_1.table),
            self._stride.eq(1 << Mux(mode == Mode.SCATTER, step_1.order, step_1.rate)),
            self._column_stride.eq(Mux(self._flat, step_0.advance, self._stride)),
            self._wrap_at.eq(step_0.pitch - self._column_stride),
            self._row_last.eq(Mux(self._pool, step_1.window, step_1.phases) - 1),
            self._in_column_last.eq(step_1.window - 1),
            self._items_last.eq(Mux(mode == Mode.RAW, most, Mux(
                mode == Mode.SCATTER, self._config.vector, self._config.vector >> step_1.rate)) - 1),
            self._short_last.eq((step_0.tail << RAW_BYTES.bit_length() - 1) - 1),
            self._columns_last.eq(step_0.columns - 1), self._pitch_last.eq(step_0.pitch - 1),
        ]

    def _count(self, m: Module) -> None:
        """Values of the vector, RAW's bytes, SCATTER's phases."""
        index, last_byte = self.index, self.byte == RAW_BYTES - 1
        phase_ends, down = self._scatter & self._last_group, self._down
        next_phase = (self._phase + Cat(Const(1, 1), down, down))[:PHASE_BITS]
        m.d.comb += [
            self._last_group.eq((index | self._stride - 1)[: len(index)].all() if self._config.vector > 1 else 1),
            self._phases_end.eq(self._phase == Mux(down, 0, self._stride - 1)),
        ]
        left, items = Signal.like(self._items_last), Signal.like(self._items_last)
        m.d.comb += items.eq(Mux(self._raw & self.short, self._short_last, self._items_last))
        following = self.turns | self.idle
        with m.If(self.step | self.idle):
            m.d.sync += [left.eq(Mux(following, items, left - 1)),
                         self.vector_ends.eq(Mux(following, items == 0, left == 1))]
        with m.If(self.step & self.values):
            with m.If(self._raw):
                m.d.sync += self.byte.eq(self.byte + 1)
            with m.If(~self._raw | last_byte):
                m.d.sync += index.eq(Mux(phase_ends, next_phase, index + self._stride))
            with m.If(phase_ends):
                with m.If(self._phases_end):
                    m.d.sync += down.eq(~down)
                with m.Else():
                    m.d.sync += self._phase.eq(next_phase)
        with m.If(self.step & self.values & self.vector_ends):
            m.d.sync += index.eq(self._phase)
        with m.If(self._renews & (self.step | self.rests)):
            m.d.sync += [index.eq(0), self._phase.eq(0), down.eq(0)]

    def _following(self, m: Module) -> data.View:
        """The place after this one, in the same phase. Of POOL, squares divide a row; RAW has no columns."""
        config, place, step_1 = self._config, self._place, self.step_1
        following = Signal(place_layout(config))
        column, wraps = self._next_column(m, place.column, 0)
        # both sums at once: whether a row ends is known late
        near = place.position + Mux(self._scatter & ~self.filling, step_1.column_step, Mux(self.wide, config.ways, 1))
        far = place.position + Mux(self._rows_end, self.step_2.row_wrap, self.step_2.row)
        row = Mux(self._rows_end, 0, place.row + 1)
        m.d.comb += [
            self._wraps.eq(wraps), self.wide.eq(self._wide | self.filling),
            following.position.eq(Mux(self._scatter & self.values & wraps, far, near)),
            following.column.eq(column), following.row.eq(Mux(wraps, row, place.row)),
        ]
        return following

    def _next_column(self, m: Module, column: Value, way: int) -> tuple[Value, Value]:
        """The column of the way's next value, and whether it is in the next row."""
        over, further = Signal(signed(COLUMN_BITS + 2), name=f"over_{way}"), Signal(COLUMN_BITS, name=f"further_{way}")
        m.d.comb += [over.eq(column - self._wrap_at), further.eq(column + self._column_stride)]
        return Mux(over[-1], further, over[:COLUMN_BITS]), ~over[-1]

    def _walk(self, m: Module) -> None:
        """SCATTER goes through a vector phase by phase, and through the next one back: it goes on in the last phase."""
        place, following, down = self._place, self._following(m), self._down
        begun, shifted = Signal.like(place, name="begun"), Signal.like(place, name="shifted")
        plane = self.step_2.plane ^ down.replicate(len(self.step_2.plane))
        shifted_position = Cat(Const(1, 1), begun.position) + Cat(down, plane)  # begun + plane, or - plane
        m.d.comb += [shifted.position.eq(shifted_position[1:]), shifted.row.eq(begun.row),
                     shifted.column.eq(begun.column + Cat(Const(1, 1), down.replicate(COLUMN_BITS - 1)))]
        phase_ends = self._scatter & self.values & self._last_group
        chosen = Signal.like(place)
        m.d.comb += chosen.eq(Mux(phase_ends & ~self._phases_end, shifted.as_value(), following.as_value()))
        to = Signal.like(place)
        m.d.comb += to.eq(Mux(self._renews, self._first.as_value(), chosen.as_value()))
        with m.If(self.step & (phase_ends | self.ends) | self.rests):
            m.d.sync += begun.eq(to)
        with m.If(self.step | self.rests):
            m.d.sync += [place.column.eq(to.column), place.row.eq(to.row)]
        with m.If(self.put | self.step & (self._scatter | self.ends) | self.rests):
            m.d.sync += place.position.eq(to.position)
        with m.If(self.fill):
            m.d.sync += place.position.eq(self.fill_word << self._config.bank_bits)
        column: Value = self.column
        for number, own in enumerate(self._later_columns):
            for _ in range(2):
                column = Mux(column + 1 == self.step_0.pitch, 0, column + 1)
            with m.If(self.step | self.rests):
                m.d.sync += own.eq(Mux(self._renews, column, self._next_column(m, own, 2 * number + 2)[0]))

    def _square(self, m: Module) -> None:
        """Where in its square a value of POOL lies."""
        first_row = self._place.row == 0
        m.d.comb += [
            self.first_column.eq(self.pair | (self._in_column == 0)), self.first_row.eq(first_row),
            self.last_column.eq(self.pair | (self._in_column == self._in_column_last)),
            self.square_put.eq(self.last_column & Mux(self.step_1.largest, self._rows_end, first_row)),
        ]
        with m.If(self.step):
            m.d.sync += self._in_column.eq(Mux(self._wraps | self.last_column, 0, self._in_column + 1))
            with m.If(self.last_column):
                m.d.sync += self.square.eq(self.square + 1)
        with m.If(self.step & (self._wraps | self.ends) | self.rests):
            m.d.sync += self.square.eq(0)
        with m.If(self._renews & (self.step | self.rests)):
            m.d.sync += self._in_column.eq(0)

    def _inside(self, m: Module) -> None:
        """An odd way has the column after the one before, or the first of a row."""
        columns, rate = [], self.step_1.rate
        m.d.comb += self.written.eq(self._place.column < self.step_0.written)
        for column in (self._place.column, *self._later_columns):
            before = column < self._columns_last
            columns += [before | (column == self._columns_last), before | (column == self._pitch_last)]
        pooled = self.square < self.step_0.columns
        for way in range(self._config.ways):
            number = way & (1 << rate) - 1
            past = self.plane_ends & ((self.index | number) >= self.step_0.tail)
            own = Mux(rate == 0, columns[0], columns[way])
            m.d.comb += self.inside[way].eq(Mux(self._pool, pooled, own & ~past))
