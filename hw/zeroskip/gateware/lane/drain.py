"""The way out, first half: which sum goes where, value by value; nothing here sees a value."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.lane.places import ResultPlaces
from zeroskip.gateware.structs import struct_of
from zeroskip.spec import timing
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import COLUMN_BITS, VECTOR_COUNT_BITS, Mode, step_parts


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
    idle : Out(1), filling : Out(1)
        Nothing is at work; zeros are written.
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
            "halt": In(1), "free": Out(1), "finished": Out(1), "idle": Out(1), "filling": Out(1),
            "command": Out(command_layout(config)),
        })

    def elaborate(self, platform: object) -> Module:
        """States, the word in work, and the pace of words; places are counted by themselves."""
        m = Module()
        config = self._config
        m.submodules.places = self._places = places = ResultPlaces(config=config)
        self._state, self._last, self._final = Signal(State), Signal(), Signal()
        self._zeros, self._filling = Signal(VECTOR_COUNT_BITS + config.bank_bits), Signal()
        self._values, self._padding = self._state == State.VALUES, self._state == State.ZEROS
        m.d.comb += [
            self.filling.eq(self._filling),
            places.step_0.eq(self.step_0), places.step_1.eq(self.step_1), places.step_2.eq(self.step_2),
            places.start.eq(self.start), places.begin.eq(self.start & self.begin), places.dest.eq(self.dest),
            places.column.eq(self.column), places.fill.eq(self.fill), places.fill_word.eq(self.fill_word),
            places.values.eq(self._values), places.filling.eq(self._filling),
            places.plane_ends.eq(self._last & self._final),
        ]
        step, flush = self._command(m)
        m.d.comb += places.step.eq(step)
        self._states(m, step, flush)
        self._count_zeros(m, step)
        return m

    def _command(self, m: Module) -> tuple[Value, Value]:
        """The command; whether a value's is carried out, and whether the open word leaves."""
        config, command, places = self._config, self.command, self._places
        ways_bits, mode = (config.ways - 1).bit_length(), self.step_1.mode
        at, word = places.position[: config.bank_bits], places.position[config.bank_bits:]
        self._open, open_word, puts, full = Signal(), Signal(config.word_bits), Signal(), Signal()
        beyond = places.plane_ends & (places.index >= self.step_0.tail)
        ordered = (mode == Mode.FLAT) | (mode == Mode.RAW)
        goes = Mux(mode == Mode.POOL, places.square_put, (mode != Mode.SCATTER) | places.written) & (~beyond | ordered)
        m.d.comb += [puts.eq(~self._values | goes),
                     full.eq(at[ways_bits:].all() & (places.wide | at[:ways_bits].all()))]
        moves = (mode == Mode.SCATTER) & self._values & self._open & (word != open_word)
        step, flush, emits = self._pace(m, moves, puts & full)
        m.d.comb += [
            places.put.eq(step & puts), command.put.eq(step & puts), command.wide.eq(places.wide), command.at.eq(at),
            command.group.eq(places.index >> ways_bits), command.emit.eq(emits),
            command.word.eq(Mux(flush, open_word, word)), command.byte.eq(places.byte), command.pair.eq(places.pair),
            command.inside.eq(Mux(self._values, places.inside, 0)), command.column.eq(places.square),
            command.first_column.eq(places.first_column), command.last_column.eq(places.last_column),
            command.first_row.eq(places.first_row),
        ]
        of_group, rate = places.index[:ways_bits] if ways_bits else Const(0, 1), self.step_1.rate
        for way in range(config.ways):
            counts = (way >> rate) == (of_group >> rate)
            m.d.comb += command.ways[way].eq(step & (self._padding | counts))
        with m.If(step & puts):
            m.d.sync += [self._open.eq(~full), open_word.eq(word)]
        with m.Elif(flush):
            m.d.sync += self._open.eq(0)
        return step, flush

    def _pace(self, m: Module, moves: Value, completes: Value) -> tuple[Value, Value, Value]:
        """Whether a command is carried out, the open word leaves, any word leaves: one in E cycles, or more."""
        lanes, may_emit, waits = self._config.lanes, Signal(init=1), self.halt & self.step_1.late
        slow = timing.STREAM_TURNS * lanes - 1
        pace, step, flush, emits = Signal(range(slow + 1)), Signal(), Signal(), Signal()
        m.d.comb += [
            flush.eq((moves | (self._state == State.FLUSH) & self._open) & may_emit & ~waits),
            step.eq((self._values | self._padding) & ~moves & (may_emit | ~completes) & ~waits),
            emits.eq(flush | step & completes),
        ]
        with m.If(emits):
            m.d.sync += [pace.eq(Mux(self.step_1.stream, slow, lanes - 1)),
                         may_emit.eq(~self.step_1.stream & int(lanes == 1))]
        with m.Elif(~may_emit):
            m.d.sync += [pace.eq(pace - 1), may_emit.eq(pace == 1)]
        return step, flush, emits

    def _states(self, m: Module, step: Value, flush: Value) -> None:
        """Values, then zeros after a plane, then the word that is left open; and the next vector at once."""
        state, last, zeros_end = self._state, self._last, Signal()
        ends = step & self._values & self._places.vector_ends
        closed = (state == State.FLUSH) & ~self._open & ~self._filling
        m.d.comb += [self.free.eq((state == State.IDLE) | closed | ends & ~last), self.idle.eq(state == State.IDLE),
                     zeros_end.eq(~self._zeros[1:].any() & (self._zeros[0] != self._filling))]
        with m.If(ends):
            pads = self._final & (self.step_0.pad != 0)
            m.d.sync += state.eq(Mux(last, Mux(pads, State.ZEROS, State.FLUSH), State.IDLE))
        with m.If(step & self._padding & zeros_end):
            m.d.sync += state.eq(State.FLUSH)
        with m.If((state == State.FLUSH) & (flush | ~self._open)):
            m.d.sync += [state.eq(State.IDLE), self._filling.eq(0)]
            m.d.comb += self.finished.eq(~self._filling)
        with m.If(self.start):
            m.d.sync += [state.eq(State.VALUES), last.eq(self.finish)]
            with m.If(self.begin):
                m.d.sync += self._final.eq(self.final)
        with m.If(self.fill):
            m.d.sync += [state.eq(State.ZEROS), self._filling.eq(1), last.eq(0)]

    def _count_zeros(self, m: Module, step: Value) -> None:
        """How many are left: of a plane's, the last one is 1; of those that fill words, 0."""
        groups = self._config.banks // self._config.ways
        with m.If(self._values):
            m.d.sync += self._zeros.eq(self.step_0.pad)
        with m.Elif(step):
            m.d.sync += self._zeros.eq(self._zeros - 1)
        with m.If(self.fill):
            m.d.sync += self._zeros.eq(Cat(Const(groups - 1, (groups - 1).bit_length()), self.fill_count))
