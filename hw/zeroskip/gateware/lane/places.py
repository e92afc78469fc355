"""The way out's counters: which value of a vector is next, and where it goes."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.lane.constants import RAW_BYTES, RELATIVE_BITS, constants_layout
from zeroskip.gateware.structs import struct_of
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import COLUMN_BITS, step_parts

ROW_BITS = 3
PHASE_BITS = 3


def place_layout(config: EngineConfig) -> data.StructLayout:
    """Where a value goes, and where it stands: its column, and its row in a square or in a group of phases.

    `column`: less the first one behind which the next value is in the next row, so that its sign says whether it is.
    """
    return data.StructLayout({"position": config.position_bits, "column": signed(RELATIVE_BITS), "row": ROW_BITS})


class ResultPlaces(wiring.Component):
    """Goes from value to value in the order of the step's mode.

    Parameters
    ----------
    config
        The engine.

    Members
    -------
    step_0, step_1, step_2 : In
        The step's configuration, constant from before a job or a fill begins.
    constants : In(constants_layout)
        What follows from it.
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
            "constants": In(constants_layout(config)), "short": In(1),
            "dest": In(config.position_bits), "column": In(COLUMN_BITS),
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
        """Counters of values, of columns and of places."""
        m = Module()
        self._place, self._in_column = Signal(place_layout(self._config)), Signal(3)
        self._phase, self._down = Signal(PHASE_BITS), Signal()
        self._later_columns = [Signal(signed(RELATIVE_BITS), name=f"column_{way}")
                               for way in range(2, self._config.ways, 2)]
        self._renews, self._first = Signal(), Signal.like(self._place, name="first")
        self._wraps, self._rows_end, self._last_group, self._phases_end = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            self._renews.eq(self.ends | self.rests), self._first.position.eq(self.dest),
            self._first.column.eq(self.column - self.constants.wrap_at), self.position.eq(self._place.position),
            self._rows_end.eq(self._place.row == self.constants.row_last),
        ]
        self._count(m)
        self._walk(m)
        self._square(m)
        self._inside(m)
        return m

    def _count(self, m: Module) -> None:
        """Values of the vector, RAW's bytes, SCATTER's phases."""
        step, index, last_byte = self.constants, self.index, self.byte == RAW_BYTES - 1
        phase_ends, down = step.scatter & self._last_group, self._down
        next_phase = (self._phase + Cat(Const(1, 1), down, down))[:PHASE_BITS]
        m.d.comb += [
            self._last_group.eq((index | step.stride - 1)[: len(index)].all() if self._config.vector > 1 else 1),
            self._phases_end.eq(self._phase == Mux(down, 0, step.stride - 1)),
        ]
        left, items = Signal.like(step.items_last), Signal.like(step.items_last)
        m.d.comb += items.eq(Mux(step.raw & self.short, step.short_last, step.items_last))
        following = self.turns | self.idle
        with m.If(self.step | self.idle):
            m.d.sync += [left.eq(Mux(following, items, left - 1)),
                         self.vector_ends.eq(Mux(following, items == 0, left == 1))]
        with m.If(self.step & self.values):
            with m.If(step.raw):
                m.d.sync += self.byte.eq(self.byte + 1)
            with m.If(~step.raw | last_byte):
                m.d.sync += index.eq(Mux(phase_ends, next_phase, index + step.stride))
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
        config, place, step = self._config, self._place, self.constants
        following = Signal(place_layout(config))
        wraps = ~place.column[-1]
        # both sums at once: whether a row ends is known late
        ahead = Mux(step.scatter & ~self.filling, self.step_1.column_step, Mux(self.wide, config.ways, 1))
        near = place.position + ahead
        far = place.position + Mux(self._rows_end, self.step_2.row_wrap, self.step_2.row)
        row = Mux(self._rows_end, 0, place.row + 1)
        m.d.comb += [
            self._wraps.eq(wraps), self.wide.eq(step.wide | self.filling),
            following.position.eq(Mux(step.scatter & self.values & wraps, far, near)),
            following.column.eq(self._next_column(place.column)), following.row.eq(Mux(wraps, row, place.row)),
        ]
        return following

    def _next_column(self, column: Value) -> Value:
        """The column of a way's next value."""
        return Mux(column[-1], column + self.constants.column_stride, column - self.constants.wrap_at)

    def _walk(self, m: Module) -> None:
        """SCATTER goes through a vector phase by phase, and through the next one back: it goes on in the last phase."""
        place, following, down = self._place, self._following(m), self._down
        begun, shifted = Signal.like(place, name="begun"), Signal.like(place, name="shifted")
        plane = self.step_2.plane ^ down.replicate(len(self.step_2.plane))
        shifted_position = Cat(Const(1, 1), begun.position) + Cat(down, plane)  # begun + plane, or - plane
        m.d.comb += [shifted.position.eq(shifted_position[1:]), shifted.row.eq(begun.row),
                     shifted.column.eq(begun.column + Cat(Const(1, 1), down.replicate(RELATIVE_BITS - 1)).as_signed())]
        phase_ends = self.constants.scatter & self.values & self._last_group
        chosen = Signal.like(place)
        m.d.comb += chosen.eq(Mux(phase_ends & ~self._phases_end, shifted.as_value(), following.as_value()))
        to = Signal.like(place)
        m.d.comb += to.eq(Mux(self._renews, self._first.as_value(), chosen.as_value()))
        with m.If(self.step & (phase_ends | self.ends) | self.rests):
            m.d.sync += begun.eq(to)
        with m.If(self.step | self.rests):
            m.d.sync += [place.column.eq(to.column), place.row.eq(to.row)]
        with m.If(self.put | self.step & (self.constants.scatter | self.ends) | self.rests):
            m.d.sync += place.position.eq(to.position)
        with m.If(self.fill):
            m.d.sync += place.position.eq(self.fill_word << self._config.bank_bits)
        column: Value = self.column
        for own in self._later_columns:
            for _ in range(2):
                column = Mux(column + 1 == self.step_0.pitch, 0, column + 1)
            with m.If(self.step | self.rests):
                m.d.sync += own.eq(Mux(self._renews, column - self.constants.wrap_at, self._next_column(own)))

    def _square(self, m: Module) -> None:
        """Where in its square a value of POOL lies."""
        first_row = self._place.row == 0
        m.d.comb += [
            self.pair.eq(self.constants.pair), self.first_row.eq(first_row),
            self.first_column.eq(self.constants.pair | (self._in_column == 0)),
            self.last_column.eq(self.constants.pair | (self._in_column == self.constants.in_column_last)),
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
        columns, rate, step = [], self.step_1.rate, self.constants
        m.d.comb += self.written.eq(self._place.column < step.written_columns)
        for column in (self._place.column, *self._later_columns):
            before = column < step.columns_last
            columns += [before | (column == step.columns_last), before | (column == step.pitch_last)]
        pooled = self.square < self.step_0.columns
        for way in range(self._config.ways):
            number = way & (1 << rate) - 1
            past = self.plane_ends & ((self.index | number) >= self.step_0.tail)
            own = Mux(rate == 0, columns[0], columns[way])
            m.d.comb += self.inside[way].eq(Mux(step.pool, pooled, own & ~past))
