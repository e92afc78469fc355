"""A lane, from its instructions to words of results."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out, connect

from zeroskip.gateware.lane.constants import constants_layout
from zeroskip.gateware.lane.flags import LookAheadFlags
from zeroskip.gateware.lane.instructions import InstructionUnit
from zeroskip.gateware.lane.issue import IssueStage, slot_layout
from zeroskip.gateware.lane.output import Output, result_layout
from zeroskip.gateware.lane.reader import QUEUE_JOBS, WeightListReader
from zeroskip.gateware.lane.vector_unit import ACTIVATION_BITS, VectorUnit
from zeroskip.gateware.lane.way_out import WayOut
from zeroskip.gateware.structs import delay, struct_of
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import instruction_bits, step_parts, sync

STEAL_AHEAD = 3
"""Cycles from a notice of a write to the flags' being written."""


def flags_write_layout(config: EngineConfig) -> data.StructLayout:
    """Flags of a word that has been written."""
    return data.StructLayout({"valid": 1, "word": config.word_bits, "flags": config.flags})


def notice_layout() -> data.StructLayout:
    """That a word will be written: through which port of which half."""
    return data.StructLayout({"valid": 1, "port": 1, "half": 1})


class Lane(wiring.Component):
    """One list at a time, P multipliers, and the way out of their sums.

    Parameters
    ----------
    config
        The engine.
    number
        Its own: lanes with even and odd numbers read through ports 0 and 1 of their copy of the map.

    Members
    -------
    load_address, load_data : In, load_list, load_instruction : In(1)
        Writes a word of the list memory, or an instruction.
    start, waiting, sync, go_on, running
        As of ``InstructionUnit``.
    word, next_word : Out(word_bits), place : Out(bank_bits)
        Where a vector lies in the copy of the map.
    activations : In(9).array(M)
        What lies there, `map_latency` cycles later.
    notice : In(notice_layout)
        A write that comes to the copy's registers two cycles later.
    flags_write : In(flags_write_layout)
        The same write's flags, two cycles after the notice.
    result : Out(result_layout), sent : In(1)
        A word of results.
    step_0, step_1 : Out
        What the step is configured with, as all lanes are.
    constants : In(constants_layout)
        What follows from it.
    halt : In(1)
        Results for the stream have to wait.
    multiplying, stolen, blocked, empty : Out(1)
        As of ``IssueStage``.
    gated : Out(range(P + 1))
        Products of an issued entry that meet a zero.
    overrun : Out(1)
        Sums or a result came before the ones before had gone: a fault of the program.
    """

    def __init__(self, *, config: EngineConfig, number: int, map_latency: int) -> None:
        self._config, self._number, self._port, self._map_latency = config, number, number % 2, map_latency
        first, second, _ = step_parts(config)
        super().__init__({
            "load_address": In(max(config.list_bits, (config.instructions - 1).bit_length())),
            "load_data": In(max(config.list_word_bits, instruction_bits(config))),
            "load_list": In(1), "load_instruction": In(1),
            "start": In(1), "waiting": Out(1), "sync": Out(struct_of(sync(config))), "go_on": In(1), "running": Out(1),
            "word": Out(config.word_bits), "next_word": Out(config.word_bits), "place": Out(config.bank_bits),
            "activations": In(data.ArrayLayout(ACTIVATION_BITS, config.banks)),
            "notice": In(notice_layout()), "flags_write": In(flags_write_layout(config)),
            "step_0": Out(struct_of(first)), "step_1": Out(struct_of(second)),
            "constants": In(constants_layout(config)),
            "result": Out(result_layout(config)), "sent": In(1), "halt": In(1),
            "multiplying": Out(1), "stolen": Out(1), "blocked": Out(1), "empty": Out(1),
            "gated": Out(range(config.vector + 1)), "overrun": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        """Instructions, reader, issue, multipliers, way out."""
        m = Module()
        config = self._config
        m.submodules.instructions = self._instructions = InstructionUnit(config=config)
        m.submodules.reader = self._reader = WeightListReader(config=config)
        m.submodules.issue = self._issue = IssueStage(config=config)
        m.submodules.vector = self._vector = VectorUnit(config=config)
        m.submodules.way = self._way = WayOut(config=config)
        m.submodules.output = self._output = Output(config=config, lean=config.lean_of(self._number))
        self._load(m)
        self._front(m)
        slot = self._read_map(m)
        self._sums(m, slot)
        self._way_out(m)
        return m

    def _load(self, m: Module) -> None:
        """What is loaded comes by registers, for it comes from far."""
        address, word = delay(m, self.load_address, 1, "load_address"), delay(m, self.load_data, 1, "load_data")
        for unit, enable, name in ((self._reader, self.load_list, "load_list"),
                                   (self._instructions, self.load_instruction, "load_instruction")):
            m.d.comb += [unit.load_address.eq(address), unit.load_data.eq(word),
                         unit.load_en.eq(delay(m, enable, 1, name))]

    def _front(self, m: Module) -> None:
        """From instructions to slots."""
        config, unit, reader, issue = self._config, self._instructions, self._reader, self._issue
        connect(m, unit.job, reader.job)
        steal, writes = Signal(2), Signal()
        m.d.sync += [steal.eq(Mux(self.notice.valid & (self.notice.port == self._port), 1 << self.notice.half, 0)),
                     writes.eq(self.notice.valid)]
        m.d.comb += [
            unit.start.eq(self.start), self.waiting.eq(unit.waiting), self.sync.eq(unit.sync),
            unit.go_on.eq(self.go_on), self.running.eq(unit.running),
            issue.word.eq(reader.word), issue.word_valid.eq(reader.word_valid), reader.taken.eq(issue.taken),
            issue.steal.eq(steal), issue.late.eq(unit.step_1.late), issue.gap.eq(unit.step_0.gap),
            issue.gap_end.eq(unit.step_0.gap_end),
            *(getattr(self, name).eq(getattr(issue, name)) for name in ("multiplying", "stolen", "blocked", "empty")),
        ]
        if config.look > 1:
            m.submodules.flags = flags = LookAheadFlags(config=config)
            write = data.View(flags_write_layout(config), delay(m, self.flags_write.as_value(), 2, "flags_write"))
            m.d.comb += [
                flags.words.eq(reader.look_words), reader.flags.eq(flags.flags),
                reader.flags_next.eq(flags.flags_next), reader.look.eq(unit.step_1.look), reader.steal.eq(writes),
                flags.write_en.eq(write.valid), flags.write_word.eq(write.word), flags.write_flags.eq(write.flags),
            ]

    def _read_map(self, m: Module) -> data.View:
        """The slot beside its activations."""
        config, slot = self._config, self._issue.slot
        word = slot.position[config.bank_bits:]
        place = Cat(word, (word + 1)[: len(word)], slot.position[: config.bank_bits])
        m.d.comb += Cat(self.word, self.next_word, self.place).eq(delay(m, place, 1, "place"))
        later = delay(m, slot.as_value(), 1 + self._map_latency, "slot")
        slot = data.View(slot_layout(config), later)
        m.d.comb += [self._vector.slot.eq(slot), self._vector.activations.eq(self.activations),
                     self.gated.eq(self._vector.gated)]
        return slot

    def _job_queue(self, m: Module, name: str, value: Value, push: Value, pop: Value) -> Value:
        """What jobs need later, in order; the first in the queue is to be seen before it is popped."""
        store = memory.Memory(shape=len(value), depth=QUEUE_JOBS, init=[])
        m.submodules[name] = store
        write, read = store.write_port(), store.read_port(domain="comb")
        m.d.comb += [write.en.eq(push), write.data.eq(value)]
        with m.If(push):
            m.d.sync += write.addr.eq(write.addr + 1)
        with m.If(pop):
            m.d.sync += read.addr.eq(read.addr + 1)
        return read.data

    def _sums(self, m: Module, slot: data.View) -> None:
        """The bias of a job comes in time for its first products."""
        vector, started = self._vector, self._reader.started
        slot = data.View(slot.shape(), delay(m, slot.as_value(), vector.bias_latency - 1, "slot_bias"))
        begins = slot.first & slot.begin
        pushes = self._reader.started_valid & ~started.header.resume
        bias = self._job_queue(m, "biases", started.header.bias, pushes, begins)
        with m.If(begins):
            m.d.sync += vector.bias.eq(bias)
        rest = vector.latency - vector.bias_latency + 1
        self._ends = data.View(slot.shape(), delay(m, slot.as_value(), rest, "slot_end"))

    def _way_out(self, m: Module) -> None:
        """Sums that are taken over, and those that results are made of; where these go."""
        way, output, unit, started = self._way, self._output, self._instructions, self._reader.started
        following, held = (Signal.like(self._vector.sums, name=name, reset_less=True) for name in ("following", "held"))
        with m.If(way.captured):
            m.d.sync += following.eq(self._vector.sums)
        with m.If(way.started):
            m.d.sync += held.eq(following)
        place = Cat(started.header.multiplier, started.header.shift, started.dest, started.column, started.final)
        pushes = self._reader.started_valid & ~started.header.hold
        place = self._job_queue(m, "places", place, pushes, way.begins)
        multiplier, shift, at = place[:16], place[16:22], place[22:]
        with m.If(way.renews):
            m.d.sync += [output.multiplier.eq(multiplier), output.shift.eq(shift)]
        left, issued = way.idle & ~self._reader.busy, Signal()
        m.d.sync += issued.eq(~self._reader.reading & self._issue.empty & ~self._reader.holding)
        m.d.comb += [
            unit.left.eq(left), unit.quiet.eq(left & ~output.busy), unit.filling.eq(way.filling),
            unit.issued.eq(issued),
            self._reader.ahead.eq(unit.ahead), self._issue.hold.eq(unit.ahead),
            way.step_0.eq(unit.step_0), way.step_1.eq(unit.step_1), way.step_2.eq(unit.step_2),
            way.constants.eq(self.constants),
            self.step_0.eq(unit.step_0), self.step_1.eq(unit.step_1),
            way.ends.eq(self._ends.end), way.finish.eq(self._ends.finish), way.halt.eq(self.halt),
            Cat(way.dest, way.column, way.final).eq(at), self._issue.captured.eq(way.captured),
            self._issue.room.eq(way.room),
            way.fill.eq(unit.fill), way.fill_word.eq(unit.fill_word), way.fill_count.eq(unit.fill_count),
            self._reader.done.eq(way.closed & ~way.filling), output.sums.eq(held),
            output.command.eq(way.command), output.load.eq(way.load), output.group.eq(way.group),
            output.step.eq(unit.step_1), unit.code.eq(output.code), unit.coded.eq(output.coded),
            output.found.eq(unit.found), self.result.eq(output.result), output.sent.eq(self.sent),
            self.overrun.eq(output.overrun | way.overrun),
        ]
