"""The zero-skip vector engine: lanes, their map memory, and the streams."""

from __future__ import annotations

from amaranth.hdl import Cat, ClockDomain, ClockSignal, DomainRenamer, Module, ResetSignal, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.array.accounting import LANE_EVENTS
from zeroskip.gateware.array.barrier import Barrier
from zeroskip.gateware.array.bus import WriteBus
from zeroskip.gateware.array.loader import Loader, LoadError
from zeroskip.gateware.array.map_copy import MapCopy
from zeroskip.gateware.array.maps import MapInput
from zeroskip.gateware.array.results import ResultOutput, beat_layout
from zeroskip.gateware.lane.constants import StepConstants
from zeroskip.gateware.lane.lane import Lane
from zeroskip.gateware.lane.output import result_layout
from zeroskip.gateware.structs import delay
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.program import beat_bits
from zeroskip.spec.words import sync


class Engine(wiring.Component):
    """E lanes that run a program for each map that comes in.

    Parameters
    ----------
    config
        Its shape.

    Members
    -------
    program : In(stream({data, last}))
        Programs, and parts of one.
    maps : In(stream(8 * M))
        Maps, word after word.
    results : Out(stream(beat_layout))
        Words of results.
    error : Out(LoadError)
        Why the last program was refused.
    overrun : Out(1)
        A program asked for more than the way out can do; stays until the next program.
    idle : Out(1)
        No lane runs.
    watch : Out(result_layout)
        Each word of results or of a map as it is on the write bus, for those who watch.
    step : Out(12)
        The number of the step that the lanes are at, or wait for.
    events : Out(LANE_EVENTS).array(E), gated : Out(range(P + 1)).array(E)
        What each lane does, and how many of its products meet a zero: for accounting.
    stuck : Out(1)
        All lanes wait for a map, or for a part of the program.
    begun : Out(1)
        They go on with the next map.
    """

    def __init__(self, *, config: EngineConfig) -> None:
        self._config = config
        beat = beat_bits(config)
        super().__init__({
            "program": In(stream.Signature(data.StructLayout({"data": beat, "last": 1}))),
            "maps": In(stream.Signature(beat)), "results": Out(stream.Signature(beat_layout(config))),
            "error": Out(LoadError), "overrun": Out(1), "idle": Out(1), "watch": Out(result_layout(config)),
            "step": Out(sync(config).widths["step"]), "events": Out(LANE_EVENTS).array(config.lanes),
            "gated": Out(range(config.vector + 1)).array(config.lanes), "stuck": Out(1), "begun": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        """A program that begins resets everything but the loader."""
        m = Module()
        config = self._config
        m.submodules.loader = loader = Loader(config=config)
        wiring.connect(m, wiring.flipped(self.program), loader.i)
        m.d.comb += self.error.eq(loader.error)
        m.domains.core = ClockDomain(local=True)
        reset = Signal(init=1, name="core_reset")  # it goes far
        m.d.sync += reset.eq(loader.clear)
        m.d.comb += [ClockSignal("core").eq(ClockSignal()), ResetSignal("core").eq(reset)]
        m.submodules.core = DomainRenamer("core")(self._core(loader))
        return m

    def _core(self, loader: Loader) -> Module:
        m = Module()
        config = self._config
        m.submodules.bus = bus = WriteBus(config=config)
        m.submodules.barrier = barrier = Barrier(config=config)
        m.submodules.maps = maps = MapInput(config=config)
        m.submodules.results = results = ResultOutput(config=config)
        wiring.connect(m, wiring.flipped(self.maps), maps.i)
        wiring.connect(m, wiring.flipped(self.results), results.o)
        copies = [MapCopy(config=config) for _ in range(-(-config.lanes // 2))]
        for number, copy in enumerate(copies):
            m.submodules[f"copy_{number}"] = copy
            m.d.comb += copy.write.eq(bus.write)
        m.submodules.constants = constants = StepConstants(config=config)
        lanes = [Lane(config=config, number=number, map_latency=copies[0].latency)
                 for number in range(config.lanes)]
        for number, lane in enumerate(lanes):
            m.submodules[f"lane_{number}"] = lane
            self._connect_lane(m, number, lane, copies[number // 2], bus, loader)
            m.d.comb += [barrier.waiting[number].eq(lane.waiting), lane.go_on.eq(barrier.go_on),
                         lane.constants.eq(constants.constants),
                         lane.halt.eq(results.halt), self.gated[number].eq(lane.gated),
                         *(getattr(self.events[number], name).eq(getattr(lane, name)) for name, _ in LANE_EVENTS)]
        start = delay(m, loader.start, 1, "start")
        m.d.comb += [
            constants.step_0.eq(lanes[0].step_0), constants.step_1.eq(lanes[0].step_1),
            *(lane.start.eq(start) for lane in lanes), barrier.sync.eq(lanes[0].sync),
            barrier.begin.eq(loader.start),
            barrier.map_ready.eq(maps.ready), barrier.part_ready.eq(loader.part_ready),
            loader.part_room.eq(barrier.part_room),
            maps.setup.eq(loader.setup), maps.begin.eq(loader.start), maps.room.eq(barrier.map_room),
            bus.map_word.eq(maps.word), maps.sent.eq(bus.map_sent),
            results.word.eq(bus.out), results.setup.eq(loader.setup), results.begin.eq(loader.start),
            self.idle.eq(~Cat(lane.running for lane in lanes).any()), self.watch.eq(bus.watched),
            self.stuck.eq(barrier.stuck), self.begun.eq(barrier.go_on & lanes[0].sync.input),
        ]
        with m.If(barrier.go_on):
            m.d.sync += self.step.eq(lanes[0].sync.step)
        with m.If(Cat(lane.overrun for lane in lanes).any()):
            m.d.sync += self.overrun.eq(1)
        return m

    def _connect_lane(self, m: Module, number: int, lane: Lane, copy: MapCopy, bus: WriteBus, loader: Loader) -> None:
        port = number % 2
        chosen = Signal(name=f"load_{number}")
        m.d.comb += [
            chosen.eq(loader.lane[number]), lane.load_address.eq(loader.address),
            lane.load_data.eq(loader.odd_word if number % 2 else loader.word),
            lane.load_list.eq(loader.list & chosen), lane.load_instruction.eq(loader.instruction & chosen),
            copy.words[port].eq(lane.word), copy.next_words[port].eq(lane.next_word),
            copy.places[port].eq(lane.place), lane.activations.eq(copy.data_1 if port else copy.data_0),
            lane.notice.eq(bus.notice), lane.flags_write.eq(bus.flags),
            bus.results[number].eq(lane.result), lane.sent.eq(bus.sent[number]),
        ]
