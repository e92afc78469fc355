"""The way out, first half: which sum goes where, value by value; nothing here sees a value."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.structs import any_of, struct_of
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import COLUMN_BITS, VECTOR_COUNT_BITS, Mode, step_parts

RAW_BYTES = 4


def command_layout(config: EngineConfig) -> data.StructLayout:
    """What is done with the values of one cycle.

    `group`: which D sums of the vector; `ways`: which of these count. `put`: a value goes into the word in work, at
    `at`, or with `wide` all D; `inside`: it is a result, else a zero. `emit`: the word `word` leaves. `byte`: of a sum
    as it is. For pooling: `pair`: two neighbours count at once; `column`, and where in its square the value lies.
    """
    return data.StructLayout({
        "group": max(1, (config.vector // config.ways - 1).bit_length()), "ways": config.ways, "inside": config.ways,
        "put": 1, "wide": 1, "at": config.bank_bits, "emit": 1, "word": config.word_bits, "byte": 2, "pair": 1,
        "column": max(1, (config.pool_columns - 1).bit_length()), "first_column": 1, "last_column": 1, "first_row": 1,
    })


class State(enum.Enum, shape=3):  # type: ignore[call-arg]
    """What the way out is at."""

    IDLE = 0
    VALUES = 1
    ZEROS = 2
    FLUSH = 3


class Drain(wiring.Component):
    """Walks through the sums of a vector, a command a cycle, and keeps count of where results go.

    Parameters
    ----------
    config
        The engine.

    Members
    -------
    step_0, step_1, step_2 : In
        The step's configuration; constant while the lane works.
    dest, column, final : In
        Of the job that begins: where its results go. Read with `begin`.
    start : In(1), begin : In(1), finish : In(1)
        The sums of a vector have been taken over: that of a job's first vector, of its last.
    fill : In(1), fill_word, fill_count : In
        Zeros are to be written: `fill_count` + 1 words. Only while nothing else is at work.
    halt : In(1)
        Results for the stream have to wait.
    free : Out(1)
        Sums can be taken over in this cycle.
    finished : Out(1)
        A job has left all its sums.
    idle : Out(1)
        Nothing is at work.
    command : Out(command_layout)
        In each cycle; without `ways` and `emit` nothing is done.
    """

    def __init__(self, *, config: EngineConfig) -> None:
        self._config = config
        parts = step_parts(config)
        super().__init__({
            **{f"step_{number}": In(struct_of(part)) for number, part in enumerate(parts)},
            "dest": In(config.position_bits), "column": In(COLUMN_BITS), "final": In(1),
            "start": In(1), "begin": In(1), "finish": In(1),
            "fill": In(1), "fill_word": In(config.word_bits), "fill_count": In(VECTOR_COUNT_BITS),
            "halt": In(1), "free": Out(1), "finished": Out(1), "idle": Out(1),
            "command": Out(command_layout(config)),
        })

    def elaborate(self, platform: object) -> Module:
        """States, the counters of each mode, and the pace of words."""
        m = Module()
        config = self._config
        self._mode, self._rate = self.step_1.mode, self.step_1.rate
        self._state = Signal(State)
        self._index = Signal(max(1, (config.vector - 1).bit_length()))
        self._position, self._open_word = Signal(config.position_bits), Signal(config.word_bits)
        self._open, self._last, self._final = Signal(), Signal(), Signal()
        self._columns = [Signal(COLUMN_BITS, name=f"column_{way}") for way in range(config.ways)]
        self._zeros = Signal(VECTOR_COUNT_BITS + config.bank_bits)
        self._filling = Signal()
        step, flush, vector_ends = self._commands(m)
        self._walk(m, step, vector_ends)
        self._states(m, step, flush, vector_ends)
        return m

    def _commands(self, m: Module) -> tuple[Value, Value, Value]:
        """The command; whether a value's is carried out, whether the open word leaves, whether the vector ends."""
        config, command = self._config, self.command
        values, zeros = self._state == State.VALUES, self._state == State.ZEROS
        flat, pool = self._mode == Mode.FLAT, self._mode == Mode.POOL
        scatter, raw = self._mode == Mode.SCATTER, self._mode == Mode.RAW
        per_cycle = Signal(range(config.ways + 1))
        m.d.comb += per_cycle.eq(1 << self._rate)
        wide = Signal()
        m.d.comb += wide.eq((flat & (per_cycle == config.ways) & values & ~self.step_1.table)
                            | (zeros & (self._filling | flat & (per_cycle == config.ways))))
        ways_bits = (config.ways - 1).bit_length()
        beyond = self._last & self._final & (self._index >= self.step_0.tail)
        self._pool(m, per_cycle)
        results = ~beyond & (self._columns[0] < self.step_0.written)
        puts = ~values | Mux(pool, self._pool_put & ~beyond, results | ~scatter)
        at = self._position[: config.bank_bits]
        full = Mux(wide, at[ways_bits:].all(), at.all())
        moves = scatter & values & self._open & (self._position[config.bank_bits:] != self._open_word)
        emits = (values | zeros) & puts & full
        pace = Signal(range(max(2, config.lanes)))
        waits = self.halt & self.step_1.late
        step, flush = Signal(), Signal()
        m.d.comb += [
            flush.eq((moves | (self._state == State.FLUSH) & self._open) & (pace == 0) & ~waits),
            step.eq((values | zeros) & ~moves & ~(emits & (pace != 0)) & ~waits),
        ]
        with m.If(flush | step & emits):
            m.d.sync += pace.eq(config.lanes - 1)
        with m.Elif(pace != 0):
            m.d.sync += pace.eq(pace - 1)
        lane_of = self._index[:ways_bits] if ways_bits else 0
        for way in range(config.ways):
            counts = (way >> self._rate) == (lane_of >> self._rate)
            number = [Mux(per_cycle == 1 << rate, way % (1 << rate), 0) for rate in range(ways_bits + 1)]
            past = self._last & self._final & (self._index + any_of(number) >= self.step_0.tail)
            column = self._columns[0]
            for rate in range(1, ways_bits + 1):
                column = Mux(per_cycle == 1 << rate, self._columns[way % (1 << rate)], column)
            inside = ~past & (column < self.step_0.columns)
            m.d.comb += [command.ways[way].eq(step & (zeros | counts)),
                         command.inside[way].eq(values & Mux(pool, self._pool_inside, inside))]
        m.d.comb += [
            command.group.eq(self._index >> ways_bits), command.put.eq(step & puts), command.wide.eq(wide),
            command.at.eq(at), command.emit.eq(flush | step & emits),
            command.word.eq(Mux(flush, self._open_word, self._position[config.bank_bits:])),
            command.byte.eq(self._byte), command.pair.eq(pool & (per_cycle == 2)),
        ]
        with m.If(step & puts):
            m.d.sync += [self._open.eq(~full), self._open_word.eq(self._position[config.bank_bits:])]
        with m.Elif(flush):
            m.d.sync += self._open.eq(0)
        self._per_cycle, self._puts, self._wide = per_cycle, puts, wide
        last_group = self._index + Mux(scatter, 1 << self.step_1.order, per_cycle) >= config.vector
        ends = Signal()
        m.d.comb += ends.eq(Mux(raw, (self._byte == RAW_BYTES - 1) & (last_group | self._last & self._final & (
            self._index + 1 >= self.step_0.tail)), Mux(scatter, last_group & self._phases_end, last_group)))
        self._last_group = last_group
        return step, flush, ends

    def _pool(self, m: Module, per_cycle: Value) -> None:
        """Counters of the square that POOL takes a value of, of a sum's byte, and of SCATTER's phases."""
        window, out = self.step_1.window, self.command
        self._in_column, self._in_row = Signal(3), Signal(3)
        self._out_column = Signal(COLUMN_BITS)
        self._byte, self._phase = Signal(2), Signal(3)
        pair = per_cycle == 2
        last_column = pair | (self._in_column + 1 == window)
        row = Mux(self.step_1.largest, self._in_row + 1 == window, self._in_row == 0)
        self._pool_put, self._pool_inside = last_column & row, self._out_column < self.step_0.columns
        self._phases_end = self._phase + 1 == (1 << self.step_1.order)
        m.d.comb += [out.column.eq(self._out_column), out.first_column.eq(pair | (self._in_column == 0)),
                     out.last_column.eq(last_column), out.first_row.eq(self._in_row == 0)]

    def _walk(self, m: Module, step: Value, vector_ends: Value) -> None:
        """The next value's place, in each mode."""
        config, values = self._config, self._state == State.VALUES
        advance, pitch = self.step_0.advance, self.step_0.pitch
        moved = Signal(config.position_bits)
        m.d.comb += moved.eq(self._position + Mux(self._wide, config.ways, 1))
        with m.If(step & ~values):
            m.d.sync += [self._position.eq(moved), self._zeros.eq(self._zeros - 1)]
        with m.If(step & values):
            with m.Switch(self._mode):
                with m.Case(Mode.FLAT):
                    m.d.sync += [self._position.eq(moved), self._index.eq(self._index + self._per_cycle)]
                    for column in self._columns:
                        following = column + advance
                        m.d.sync += column.eq(Mux(following >= pitch, following - pitch, following))
                with m.Case(Mode.RAW):
                    m.d.sync += [self._position.eq(moved), self._byte.eq(self._byte + 1)]
                    with m.If(self._byte == RAW_BYTES - 1):
                        m.d.sync += self._index.eq(self._index + 1)
                with m.Case(Mode.POOL):
                    self._walk_pool(m, moved)
                with m.Case(Mode.SCATTER):
                    self._walk_scatter(m)

    def _walk_pool(self, m: Module, moved: Value) -> None:
        m.d.sync += self._index.eq(self._index + self._per_cycle)
        with m.If(self._puts):
            m.d.sync += self._position.eq(moved)
        column = self._columns[0] + self._per_cycle
        with m.If(column >= self.step_0.pitch):
            m.d.sync += [self._columns[0].eq(0), self._in_column.eq(0), self._out_column.eq(0),
                         self._in_row.eq(Mux(self._in_row + 1 == self.step_1.window, 0, self._in_row + 1))]
        with m.Else():
            m.d.sync += self._columns[0].eq(column)
            with m.If(self.command.last_column):
                m.d.sync += [self._in_column.eq(0), self._out_column.eq(self._out_column + 1)]
            with m.Else():
                m.d.sync += self._in_column.eq(self._in_column + 1)

    def _walk_scatter(self, m: Module) -> None:
        """Phase after phase through the vector; where the next vector begins is known after the first phase."""
        config, step = self._config, self.step_1
        stride = Signal(4)
        m.d.comb += stride.eq(1 << step.order)
        column, row = self._columns[0], self._in_row
        following = Signal(COLUMN_BITS + 1)
        m.d.comb += following.eq(column + stride)
        place, next_column, next_row = Signal(config.position_bits), Signal(COLUMN_BITS), Signal.like(row)
        wraps = row + 1 == step.phases
        with m.If(following >= self.step_0.pitch):
            m.d.comb += [place.eq(self._position + Mux(wraps, self.step_2.row_wrap, self.step_2.row)),
                         next_column.eq(following - self.step_0.pitch), next_row.eq(Mux(wraps, 0, row + 1))]
        with m.Else():
            m.d.comb += [place.eq(self._position + step.column_step), next_column.eq(following), next_row.eq(row)]
        begun = Signal(data.StructLayout({"position": config.position_bits, "column": COLUMN_BITS, "row": 3}))
        ahead = Signal.like(begun)
        self._begun = begun
        at = Signal.like(begun, name="place_next")
        m.d.comb += [at.position.eq(place), at.column.eq(next_column), at.row.eq(next_row)]
        with m.If(~self._last_group):
            m.d.sync += [self._position.eq(place), column.eq(next_column), row.eq(next_row),
                         self._index.eq(self._index + stride)]
        with m.Elif(self._phases_end):
            start = Mux(self._phase == 0, at.as_value(), ahead.as_value())
            start = data.View(at.shape(), start)
            m.d.sync += [self._position.eq(start.position), column.eq(start.column), row.eq(start.row),
                         begun.eq(start), self._index.eq(0), self._phase.eq(0)]
        with m.Else():
            with m.If(self._phase == 0):
                m.d.sync += ahead.eq(at)
            m.d.sync += [self._position.eq(begun.position + self.step_2.plane), column.eq(begun.column + 1),
                         row.eq(begun.row), begun.position.eq(begun.position + self.step_2.plane),
                         begun.column.eq(begun.column + 1), self._index.eq(self._phase + 1),
                         self._phase.eq(self._phase + 1)]

    def _states(self, m: Module, step: Value, flush: Value, vector_ends: Value) -> None:
        """Values, then zeros after a plane, then the word that is left open; and the next vector at once."""
        state = self._state
        ends = step & (state == State.VALUES) & vector_ends
        closed = (state == State.FLUSH) & ~self._open & ~self._filling
        m.d.comb += [self.free.eq((state == State.IDLE) | closed | ends & ~self._last),
                     self.idle.eq(state == State.IDLE)]
        with m.If(ends):
            m.d.sync += state.eq(Mux(self._last, State.FLUSH, State.IDLE))
            with m.If(self._last & self._final & (self.step_0.pad != 0)):
                m.d.sync += [state.eq(State.ZEROS), self._zeros.eq(self.step_0.pad - 1)]
        with m.If(step & (state == State.ZEROS) & (self._zeros == 0)):
            m.d.sync += state.eq(State.FLUSH)
        with m.If((state == State.FLUSH) & (flush | ~self._open)):
            m.d.sync += [state.eq(State.IDLE), self._filling.eq(0)]
            m.d.comb += self.finished.eq(~self._filling)
        with m.If(self.start):
            m.d.sync += [state.eq(State.VALUES), self._index.eq(0), self._last.eq(self.finish)]
            with m.If(self.begin):
                self._begin(m)
        with m.If(self.fill):
            groups = self._config.banks // self._config.ways
            m.d.sync += [state.eq(State.ZEROS), self._filling.eq(1), self._last.eq(0),
                         self._position.eq(self.fill_word << self._config.bank_bits),
                         self._zeros.eq(((self.fill_count + 1) * groups) - 1)]

    def _begin(self, m: Module) -> None:
        """A job begins: its place, and the columns of its first values."""
        column: Value = self.column
        for own in self._columns:
            m.d.sync += own.eq(column)
            column = Mux(column + 1 == self.step_0.pitch, 0, column + 1)
        m.d.sync += [self._position.eq(self.dest), self._final.eq(self.final), self._in_row.eq(0),
                     self._in_column.eq(0), self._out_column.eq(0), self._phase.eq(0),
                     self._begun.position.eq(self.dest), self._begun.column.eq(self.column), self._begun.row.eq(0)]
