"""The instruction unit: what a lane does, one thing after the other."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import enum, stream, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.primitives.simple_dual_port import SimpleDualPort
from zeroskip.gateware.structs import delay, struct_of, view
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import Op, configure, fill, instruction_bits, job, step_parts, sync

COLUMNS = 2
"""Memories side by side: the codes of a table are looked up in the first one."""
CODE_BITS = 8


class State(enum.Enum, shape=3):  # type: ignore[call-arg]
    """What the unit is at."""

    STOPPED = 0
    FETCH = 1
    READ = 2
    DECODE = 3
    EXECUTE = 4
    FILLING = 5


class InstructionUnit(wiring.Component):
    """Fetches instructions and carries them out in order; four cycles each, if nothing has to wait.

    The same memory holds the tables of codes: looking up goes before fetching.

    Parameters
    ----------
    config
        The engine.

    Members
    -------
    load_address, load_data, load_en : In
        Writes an instruction.
    start : In(1)
        Begin at the first instruction.
    job : Out(stream)
        A job for the reader.
    step_0, step_1, step_2 : Out
        What the step is configured with.
    fill : Out(1), fill_word, fill_count : Out
        Zeros are to be written; only while `quiet`.
    quiet : In(1)
        The lane has nothing at work, and no result waits.
    waiting : Out(1), sync : Out
        The lane waits for all others, as the instruction says.
    go_on : In(1)
        All lanes are there, and go on.
    code : In(8), coded : In(1), found : Out(8)
        A code to look up; what the table has, two cycles later.
    running : Out(1)
        Not stopped.
    """

    def __init__(self, *, config: EngineConfig) -> None:
        self._config = config
        self._bits = instruction_bits(config)
        super().__init__({
            "load_address": In((config.instructions - 1).bit_length()), "load_data": In(self._bits), "load_en": In(1),
            "start": In(1), "job": Out(stream.Signature(struct_of(job(config)))),
            **{f"step_{number}": Out(struct_of(part)) for number, part in enumerate(step_parts(config))},
            "fill": Out(1), "fill_word": Out(config.word_bits), "fill_count": Out(fill(config).widths["count"]),
            "quiet": In(1), "waiting": Out(1), "sync": Out(struct_of(sync(config))), "go_on": In(1),
            "code": In(CODE_BITS), "coded": In(1), "found": Out(CODE_BITS), "running": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        """A counter, a memory, and a state for each part of an instruction's life."""
        m = Module()
        counter = Signal(range(self._config.instructions))
        word, state = Signal(self._bits, name="instruction"), Signal(State)
        read = self._memory(m, counter)
        m.d.comb += self.running.eq(state != State.STOPPED)
        following, go = Signal.like(counter), Signal()
        m.d.comb += following.eq(counter + 1)
        with m.Switch(state):
            with m.Case(State.FETCH):
                with m.If(~self.coded):
                    m.d.sync += state.eq(State.READ)
            with m.Case(State.READ):
                m.d.sync += state.eq(State.DECODE)
            with m.Case(State.DECODE):
                m.d.sync += [word.eq(read), state.eq(State.EXECUTE)]
            with m.Case(State.EXECUTE):
                self._execute(m, word, state, following, go)
            with m.Case(State.FILLING):
                m.d.comb += go.eq(self.quiet)
        with m.If(go):
            m.d.sync += [counter.eq(following), state.eq(State.FETCH)]
        with m.If(self.start):
            m.d.sync += [counter.eq(0), state.eq(State.FETCH)]
        return m

    def _memory(self, m: Module, counter: Value) -> Value:
        """Two columns of an instruction each; the first one is also a table, four codes to a word."""
        width = -(-self._bits // COLUMNS)
        table = Cat(self.code[2:], self.step_1.table_base)
        codes = delay(m, self.code[:2], 2, "code_place")
        data = []
        for number in range(COLUMNS):
            column = SimpleDualPort(width=width, depth=self._config.instructions)
            m.submodules[f"column_{number}"] = column
            m.d.comb += [
                column.write.address.eq(self.load_address), column.write.enable.eq(self.load_en),
                column.write.data.eq(self.load_data[number * width:]),
                column.read.address.eq(Mux(self.coded, table, counter) if number == 0 else counter),
            ]
            data.append(column.read.data)
        m.d.comb += self.found.eq(data[0].word_select(codes, CODE_BITS))
        return Cat(data)

    def _execute(self, m: Module, word: Value, state: Signal, following: Signal, go: Signal) -> None:
        config = self._config
        own_job, own_fill, own_sync = view(job(config), word), view(fill(config), word), view(sync(config), word)
        m.d.comb += [self.job.payload.eq(own_job), self.fill_word.eq(own_fill.dest),
                     self.fill_count.eq(own_fill.count), self.sync.eq(own_sync)]
        with m.Switch(word[:2]):
            with m.Case(Op.JOB):
                m.d.comb += [self.job.valid.eq(1), go.eq(self.job.ready)]
            with m.Case(Op.CONFIGURE):
                own = view(configure(), word)
                for number, part in enumerate(step_parts(config)):
                    with m.If(own.part == number):
                        m.d.sync += getattr(self, f"step_{number}").eq(view(part, own.value))
                m.d.comb += go.eq(1)
            with m.Case(Op.SYNC):
                m.d.comb += [self.waiting.eq(self.quiet), go.eq(self.go_on)]
                with m.If(own_sync.jump):
                    m.d.comb += following.eq(own_sync.target)
            with m.Case(Op.FILL):
                with m.If(self.quiet):
                    m.d.comb += self.fill.eq(1)
                    m.d.sync += state.eq(State.FILLING)
