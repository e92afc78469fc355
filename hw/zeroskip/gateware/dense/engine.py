"""The dense engine: a plain output-stationary array, its memories and its streams."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Elaboratable, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import wiring

from zeroskip.gateware.axi.ports import engine_members
from zeroskip.gateware.dense.accounting import DenseAccounting
from zeroskip.gateware.dense.array import DenseArray
from zeroskip.gateware.dense.loader import ProgramLoader
from zeroskip.gateware.dense.map_memory import MapMemory
from zeroskip.gateware.dense.output import OutputUnit
from zeroskip.gateware.dense.raster import PixelRaster
from zeroskip.gateware.dense.reader import ActivationReader
from zeroskip.gateware.dense.results import ResultStream
from zeroskip.gateware.dense.steps import StepSequencer
from zeroskip.gateware.dense.structs import has
from zeroskip.gateware.dense.weights import WeightReader
from zeroskip.gateware.structs import delay
from zeroskip.spec.dense import DenseConfig
from zeroskip.spec.dense_program import Mode

PARTS = ("loader", "map_memory", "raster", "steps", "reader", "weight_reader", "array", "accounting", "output",
         "results")


@dataclass(frozen=True, kw_only=True)
class Latencies:
    """Cycles of the engine; none depends on its shape.

    Attributes
    ----------
    table
        From the cycle before the first beat of the map to the first step, at least.
    load
        From a row's last beat to the cycle in which a block that reads it may be taken up.
    sums
        From a pass' last step to its first row of sums.
    codes, raw
        From a row that fills a beat to the beat of codes, or of sums, as it leaves the engine.
    credit
        From a beat that leaves the output unit to the first step that may use its room.
    result
        From there to the engine's port.
    """

    table: int
    load: int
    sums: int
    codes: int
    raw: int
    credit: int
    result: int


class DenseEngine(wiring.Component):
    """M filters by N consecutive output pixels at a time; one multiplication per multiplier and cycle.

    Blocks of N pixels run in raster order over each image, past the ends of its rows; for each, passes of M filters;
    for each, all taps and channels. There is no bubble between passes, blocks and images where a pass is not shorter
    than its M rows of results take to leave. A block is worked on as soon as the rows of the map that it needs are in.

    Parameters
    ----------
    config
        The shape.
    gate
        Products with a zero operand are gated where the layer's mode says so.

    Members
    -------
    See :func:`zeroskip.gateware.axi.ports.engine_members`.

    """

    def __init__(self, *, config: DenseConfig, gate: bool) -> None:
        self._config = config
        self._loader = ProgramLoader()
        self._map_memory = MapMemory(config=config)
        self._raster = PixelRaster(pixels=config.pixels, line_bits=config.line_bits)
        self._steps = StepSequencer(filters=config.filters, taps=config.taps)
        self._reader = ActivationReader(pixels=config.pixels, line_bits=config.line_bits,
                                        memory_latency=self._map_memory.latency)
        self._weight_reader = WeightReader(filters=config.filters, depth=config.weights, latency=self._reader.latency)
        self._array = DenseArray(config=config, gate=gate)
        self._accounting = DenseAccounting(filters=config.filters, pixels=config.pixels, latency=self._reader.latency)
        self._output = OutputUnit(pixels=config.pixels, acc_width=config.acc_width, parameters=config.parameters,
                                  fifo_depth=config.fifo_depth)
        self._results = ResultStream()
        super().__init__(engine_members(config.multipliers))

    @property
    def array(self) -> DenseArray:
        """The cells."""
        return self._array

    @property
    def latencies(self) -> Latencies:
        """Of its parts, as they are connected."""
        return Latencies(table=self._steps.latency, load=self._map_memory.load_latency,
                         sums=self._reader.latency + self._array.row_latency, codes=self._output.latency,
                         raw=self._output.raw_latency, credit=2, result=self._results.latency)

    def elaborate(self, platform: object) -> Elaboratable:
        """Loader and memory; the front end; the array; the way out."""
        m = Module()
        for name in PARTS:
            m.submodules[name] = getattr(self, f"_{name}")
        loader, map_memory, results, output = self._loader, self._map_memory, self._results, self._output
        wiring.connect(m, wiring.flipped(self.program), loader.program)
        wiring.connect(m, wiring.flipped(self.map), map_memory.map)
        wiring.connect(m, self._array.rows, output.rows)
        wiring.connect(m, output.beats, results.beats)
        wiring.connect(m, results.result, wiring.flipped(self.result))
        for part in (map_memory, self._raster, self._steps, self._reader, output):
            m.d.comb += part.layer.eq(loader.layer)
        for part in (map_memory, self._raster, self._steps, self._weight_reader, self._array, results):
            m.d.comb += part.start.eq(loader.start)
        for part in (self._steps, self._weight_reader, output):
            m.d.comb += part.write.eq(loader.write)
        m.d.comb += [
            results.count.eq(loader.layer.result_beats),
            loader.done.eq(self.result.valid & self.result.ready & self.result.p.last),
            self.busy.eq(loader.busy),
        ]
        self._connect_steps(m)
        self._connect_array(m)
        self._connect_accounting(m)
        return ResetInserter(self.reset)(m)

    def _connect_steps(self, m: Module) -> None:
        """The front end: a step goes when its block, its part of the map and room for its results are there."""
        steps, raster, reader, map_memory = self._steps, self._raster, self._reader, self._map_memory
        block_end = Signal()
        m.d.comb += [
            block_end.eq(steps.go & steps.step.block_end),
            steps.block_valid.eq(raster.valid),
            steps.credit.eq(self._give_credit(m, steps.go & steps.step.last)),
            raster.take.eq(block_end),
            raster.reach.eq(steps.reach),
            raster.rows_loaded.eq(map_memory.rows_loaded),
            reader.base.eq(map_memory.base),
            reader.step.eq(steps.step),
            reader.block.eq(raster.block),
            map_memory.retire.eq(block_end & raster.last),
            self._weight_reader.go.eq(steps.go),
            self._weight_reader.rewind.eq(steps.step.block_end),
        ]
        for bank in range(self._config.pixels):
            m.d.comb += [
                map_memory.address[bank].eq(reader.address[bank]),
                reader.data[bank].eq(map_memory.data[bank]),
            ]

    def _give_credit(self, m: Module, pass_end: Value) -> Value:
        """Whether a pass may end: its results find room behind it, and the rows of the last one have left in time."""
        depth = self._output.fifo_depth
        requantise = has(self._loader.layer, Mode.REQUANTISE)
        beats, spacing = ({q: function(requantise=q) for q in (False, True)}
                          for function in (self._config.pass_beats, self._config.pass_spacing))
        credits, cost = Signal(range(depth + 1), init=depth), Signal(range(depth + 1))
        wait, free = Signal(range(max(spacing.values()))), Signal()
        popped = self._output.beats.valid & self._output.beats.ready
        m.d.comb += cost.eq(Mux(requantise, beats[True], beats[False]))
        m.d.sync += credits.eq(credits - Mux(pass_end, cost, 0) + popped)
        with m.If(pass_end):
            m.d.sync += [wait.eq(Mux(requantise, spacing[True] - 2, spacing[False] - 2)), free.eq(0)]
        with m.Else():
            m.d.sync += [wait.eq(wait - (wait != 0)), free.eq((credits >= cost) & (wait == 0))]
        return free

    def _connect_array(self, m: Module) -> None:
        """The step's flags travel beside its operands."""
        steps, array, loader = self._steps, self._array, self._loader
        latency = self._reader.latency
        goes = Signal(latency)
        quiet, gating = Signal(), Signal()
        m.d.sync += [
            goes.eq(Cat(steps.go, goes)),
            gating.eq(has(loader.layer, Mode.GATE)),
            quiet.eq(~goes.any() & ~array.active),
            self.waiting.eq(self._raster.waiting),
        ]
        m.d.comb += [
            array.activations.eq(self._reader.activations),
            array.weights.eq(self._weight_reader.weights),
            array.en.eq(goes[-1]),
            array.last.eq(delay(m, steps.step.last, latency, "last")),
            array.gating.eq(gating),
            array.filter_count.eq(loader.layer.filters),
            self.issued.eq(array.issued),
            self.gated.eq(array.gated),
            self.draining.eq(self._raster.finished & quiet),
        ]

    def _connect_accounting(self, m: Module) -> None:
        """What each step has to do, and why there is none."""
        accounting, steps, raster = self._accounting, self._steps, self._raster
        m.d.comb += [
            accounting.go.eq(steps.go), accounting.waiting.eq(raster.waiting), accounting.finished.eq(raster.finished),
            accounting.held.eq(steps.held), accounting.pass_filters.eq(steps.pass_filters),
            accounting.exists.eq(Cat(pixel.exists for pixel in raster.block)),
            self._array.slots.eq(accounting.slots), self.idle.eq(accounting.idle),
        ]
