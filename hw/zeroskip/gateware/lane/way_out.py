"""The way out of a lane: when sums are taken over, and the commands by which results are made of them."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect

from zeroskip.gateware.lane.constants import constants_layout
from zeroskip.gateware.lane.drain import Drain
from zeroskip.gateware.lane.pacer import Pacer, command_layout
from zeroskip.gateware.structs import delay, struct_of
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import COLUMN_BITS, VECTOR_COUNT_BITS, step_parts


class WayOut(wiring.Component):
    """Sums that are complete are taken over when the ones before have been, and wait once more for the walk.

    It sees no value; what is said of sums is done with them outside.

    Parameters
    ----------
    config
        The engine.

    Members
    -------
    step_0, step_1, step_2 : In
        The step's configuration.
    constants : In(constants_layout)
        What follows from it; it comes from afar, and is here a cycle later.
    ends : In(1), finish : In(1)
        The sums of a vector are complete in this cycle, and if not `captured`, they stay as they are until then; they
        are a job's last.
    captured : Out(1), started : Out(1)
        They are taken over in this cycle; those that were taken over are needed, from the next cycle on.
    room : Out(1)
        Nothing that was taken over waits.
    dest, column, final : In
        Of the next job: where its results go.
    renews : Out(1), begins : Out(1)
        These are taken, for the first time or again; and for the last time.
    fill : In(1), fill_word, fill_count : In
        Zeros are to be written: `fill_count` + 1 words. Only while nothing else is at work.
    halt : In(1)
        Results for the stream have to wait.
    command : Out(command_layout)
        In each cycle; without `ways` and `emit` nothing is done.
    load : Out(1), group : Out
        The D sums of the group are needed, one cycle before they can be asked for again.
    closed : Out(1), filling : Out(1)
        A job or a fill is complete; zeros are written.
    idle : Out(1)
        Nothing is at work.
    overrun : Out(1)
        Sums came before the ones before had been taken over: a fault of the program.
    """

    def __init__(self, *, config: EngineConfig) -> None:
        self._config = config
        super().__init__({
            **{f"step_{number}": In(struct_of(part)) for number, part in enumerate(step_parts(config))},
            "constants": In(constants_layout(config)),
            "ends": In(1), "finish": In(1), "captured": Out(1), "started": Out(1), "room": Out(1),
            "dest": In(config.position_bits), "column": In(COLUMN_BITS), "final": In(1), "renews": Out(1),
            "begins": Out(1), "fill": In(1), "fill_word": In(config.word_bits), "fill_count": In(VECTOR_COUNT_BITS),
            "halt": In(1), "command": Out(command_layout(config)), "load": Out(1),
            "group": Out(max(1, (config.vector // config.ways - 1).bit_length())),
            "closed": Out(1), "filling": Out(1), "idle": Out(1), "overrun": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        """The walk begins when there are sums for it; the pacer takes what it finds."""
        m = Module()
        m.submodules.drain = drain = Drain(config=self._config)
        m.submodules.pacer = pacer = Pacer(config=self._config)
        waits, waits_finish, begin = Signal(), Signal(), Signal(init=1)
        start, full, finish = Signal(), Signal(), Signal()
        some = self.ends | waits
        m.d.comb += [self.room.eq(~full), self.captured.eq(some & ~full), start.eq(full & drain.free)]
        m.d.sync += [waits.eq(some & full), full.eq(self.captured | full & ~start), self.started.eq(start)]
        with m.If(self.ends):
            m.d.sync += waits_finish.eq(self.finish)
        with m.If(self.captured):
            m.d.sync += finish.eq(Mux(waits, waits_finish, self.finish))
        with m.If(start):
            m.d.sync += begin.eq(finish)
        connect(m, drain.items, pacer.items)
        m.d.comb += [
            drain.step_0.eq(self.step_0), drain.step_1.eq(self.step_1), drain.step_2.eq(self.step_2),
            drain.constants.eq(delay(m, self.constants.as_value(), 1, "constants")),
            drain.dest.eq(self.dest), drain.column.eq(self.column), drain.final.eq(self.final),
            drain.start.eq(start), drain.begin.eq(begin), drain.finish.eq(finish), drain.closed.eq(pacer.closed),
            drain.fill.eq(self.fill), drain.fill_word.eq(self.fill_word), drain.fill_count.eq(self.fill_count),
            pacer.halt.eq(self.halt), pacer.step_1.eq(self.step_1),
            self.begins.eq(start & begin), self.renews.eq(drain.renews), self.command.eq(pacer.command),
            self.load.eq(pacer.items.ready), self.group.eq(drain.group), self.closed.eq(pacer.closed),
            self.filling.eq(drain.filling), self.idle.eq(drain.idle & ~pacer.busy),
            self.overrun.eq(self.ends & (waits | full & ~self.step_1.late)),
        ]
        return m
