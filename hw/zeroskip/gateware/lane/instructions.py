"""The instruction unit: what a lane does, one thing after the other."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.primitives.simple_dual_port import SimpleDualPort
from zeroskip.gateware.structs import delay, struct_of, view
from zeroskip.spec import timing
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import Op, configure, fill, instruction_bits, job, step_parts, sync

COLUMNS = 2
"""Memories side by side: the codes of a table are looked up in the first one."""
CODE_BITS = 8


class InstructionUnit(wiring.Component):
    """Fetches instructions and carries them out in order; three cycles each, if nothing has to wait.

    The next instruction is fetched while one waits. A ``SYNC`` is noted, and what follows it goes on: the next step is
    configured aside, which is taken over when all lanes go on; and its first job may already be read. The same memory
    holds the tables of codes: looking up goes before fetching.

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
        Zeros are to be written; only while `left`, and no sooner than a cycle after it became so.
    left : In(1), filling : In(1)
        The lane has no job, and the way out nothing at work; it writes zeros.
    issued : In(1)
        No job is being read, and all that was read has been issued.
    quiet : In(1)
        The lane has nothing at work, but for the job that is `ahead`, and no result waits.
    waiting : Out(1), sync : Out
        The lane waits for all others, as the instruction says.
    ahead : Out(1)
        A job has been given that is to begin when all lanes go on.
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
            "left": In(1), "filling": In(1), "issued": In(1), "quiet": In(1), "ahead": Out(1),
            "waiting": Out(1), "sync": Out(struct_of(sync(config))), "go_on": In(1),
            "code": In(CODE_BITS), "coded": In(1), "found": Out(CODE_BITS), "running": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        """A counter that runs ahead, the memory, and the instruction in work."""
        m = Module()
        counter, word = Signal(range(self._config.instructions)), Signal(self._bits, name="instruction")
        have, pending, done, jump = Signal(), Signal(), Signal(), Signal()
        asked, there, load = Signal(), Signal(), Signal()
        read = self._memory(m, counter)
        changes = pending & self.sync.program  # what is in the memory
        m.d.comb += load.eq(there & (~have | done) & ~jump)
        m.d.sync += [asked.eq(self.running & ~self.coded & ~load & ~changes), there.eq(asked & ~load & ~changes)]
        with m.If(load):
            m.d.sync += [word.eq(read), have.eq(1), counter.eq(counter + 1)]
        with m.Elif(done):
            m.d.sync += have.eq(0)
        self._execute(m, word, have, pending, done, jump)
        with m.If(jump):
            m.d.sync += [asked.eq(0), there.eq(0)]
            with m.If(view(sync(self._config), word).jump):
                m.d.sync += counter.eq(view(sync(self._config), word).target)
        with m.If(self.start):
            m.d.sync += [counter.eq(0), self.running.eq(1), have.eq(0), asked.eq(0), there.eq(0)]
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

    def _execute(self, m: Module, word: Value, have: Value, pending: Signal, done: Signal, jump: Signal) -> None:
        """What the instruction asks for, and whether that is done; `pending`: a ``SYNC`` that has been noted."""
        config = self._config
        own_job, own_fill, own_sync = view(job(config), word), view(fill(config), word), view(sync(config), word)
        m.d.comb += [self.job.payload.eq(own_job), self.fill_word.eq(own_fill.dest),
                     self.fill_count.eq(own_fill.count), self.waiting.eq(pending & self.quiet)]
        resting, left = Signal(timing.rest(config.lanes)), Signal()
        m.d.sync += left.eq(self.left & ~self.fill & ~(self.job.valid & self.job.ready))
        m.d.sync += resting.eq(Cat(self.go_on, resting)[: len(resting)])
        with m.If(self.go_on):
            m.d.sync += pending.eq(0)
        with m.If(resting[-1]):
            m.d.sync += self.ahead.eq(0)
        looks = self._configure(m, word, have & (word[:2] == Op.CONFIGURE), pending)
        with m.If(have & (word[:2] == Op.CONFIGURE)):
            m.d.comb += done.eq(1)
        with m.If(have & ~resting.any()):
            with m.Switch(word[:2]):
                with m.Case(Op.JOB):
                    m.d.comb += [self.job.valid.eq(~self.filling & (~pending | self.issued & ~self.ahead & ~looks)),
                                 done.eq(self.job.valid & self.job.ready)]
                    with m.If(done & pending):
                        m.d.sync += self.ahead.eq(1)
                with m.Case(Op.SYNC):
                    with m.If(~pending):
                        m.d.comb += [done.eq(1), jump.eq(own_sync.jump | own_sync.program)]
                        m.d.sync += [pending.eq(1), self.sync.eq(own_sync)]
                with m.Case(Op.FILL):
                    m.d.comb += [self.fill.eq(~pending & left), done.eq(self.fill)]

    def _configure(self, m: Module, word: Value, enable: Value, pending: Value) -> Value:
        """The next step's configuration, and that of this one; whether one of both looks ahead."""
        own = view(configure(), word)
        following = []
        for number, part in enumerate(step_parts(self._config)):
            aside = Signal(struct_of(part), name=f"next_{number}")
            with m.If(enable & (own.part == number)):
                m.d.sync += aside.eq(view(part, own.value))
            with m.If(~pending | self.go_on):
                m.d.sync += getattr(self, f"step_{number}").eq(aside)
            following.append(aside)
        return following[1].look | self.step_1.look
