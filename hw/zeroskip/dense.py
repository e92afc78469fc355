"""The dense engine: a plain output-stationary array with the memories and streams of the zero-skip array."""

from __future__ import annotations

from amaranth.hdl import Cat, Elaboratable, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import wiring
from amaranth.utils import ceil_log2

from zeroskip.config import ArrayConfig
from zeroskip.dense_account import DenseAccount
from zeroskip.dense_array import DenseArray
from zeroskip.dense_raster import PixelRaster
from zeroskip.dense_reader import ActivationReader
from zeroskip.dense_shape import fifo_depth, params_depth, pass_beats, pass_spacing
from zeroskip.dense_steps import StepSequencer
from zeroskip.dense_weights import WeightReader
from zeroskip.engine import engine_members
from zeroskip.feature_map import FeatureMap
from zeroskip.output import PARAMETERS, BeatMerger, OutputUnit
from zeroskip.program import ProgramLoader
from zeroskip.wire import Mode, Section

PARTS = ("loader", "feature_map", "raster", "steps", "reader", "weight_reader", "array", "account", "output",
         "merger")


class DenseEngine(wiring.Component):
    """M filters by N consecutive output pixels at a time; one multiplication per multiplier and cycle.

    Blocks of N pixels run in raster order over each image, past the ends of its rows; for each, passes of M filters;
    for each, all taps and channels. There is no bubble between passes, blocks and images where a pass is not shorter
    than its M rows of results take to leave. A block is worked on as soon as the rows of the map that it needs are in.

    Parameters
    ----------
    config
        Parameters of the array.
    gate
        Products with a zero operand are gated where the layer's mode says so.

    Members
    -------
    See :func:`zeroskip.engine.engine_members`.

    """

    def __init__(self, *, config: ArrayConfig, gate: bool) -> None:
        self._config, self._gate = config, gate
        lines = config.map_positions // config.dense_pixels
        line_bits, pixels, filters = ceil_log2(lines), config.dense_pixels, config.dense_filters
        depth = params_depth(config)
        self._loader = ProgramLoader(groups=1)
        self._feature_map = FeatureMap(banks=pixels, positions=config.map_positions)
        self._raster = PixelRaster(pixels=pixels, line_bits=line_bits)
        self._steps = StepSequencer(filters=filters, windows=config.windows)
        self._reader = ActivationReader(pixels=pixels, line_bits=line_bits)
        self._weight_reader = WeightReader(filters=filters, depth=config.dense_weights, latency=self._reader.latency)
        self._array = DenseArray(filters=filters, pixels=pixels, acc_width=config.acc_width, gate=gate,
                                 params_depth=depth)
        self._account = DenseAccount(filters=filters, pixels=pixels, latency=self._reader.latency)
        self._output = OutputUnit(pixels=pixels, acc_width=config.acc_width, params_depth=depth,
                                  fifo_depth=fifo_depth(config))
        self._merger = BeatMerger(units=1)
        super().__init__(engine_members(config.multipliers))

    @property
    def array(self) -> DenseArray:
        """The cells."""
        return self._array

    def elaborate(self, platform: object) -> Elaboratable:
        """Loader and memory; the front end; the array; the way out."""
        m = Module()
        for name in PARTS:
            m.submodules[name] = getattr(self, f"_{name}")
        loader, feature_map, merger = self._loader, self._feature_map, self._merger
        wiring.connect(m, wiring.flipped(self.weights), loader.weights)
        wiring.connect(m, wiring.flipped(self.map), feature_map.map)
        wiring.connect(m, merger.result, wiring.flipped(self.result))
        for part in (feature_map, self._raster, self._steps, self._reader):
            m.d.comb += part.config.eq(loader.config)
        for part in (feature_map, self._raster, self._steps, self._weight_reader, self._array):
            m.d.comb += part.start.eq(loader.start)
        for part in (self._steps, self._weight_reader):
            m.d.comb += part.write.eq(loader.write)
        m.d.comb += [
            merger.restart.eq(loader.start),
            merger.result_beats.eq(loader.config.result_beats),
            loader.done.eq(self.result.valid & self.result.ready & self.result.p.last),
            self.busy.eq(loader.busy),
        ]
        self._connect_steps(m)
        self._connect_array(m)
        self._connect_output(m)
        return ResetInserter(self.reset)(m)

    def _connect_steps(self, m: Module) -> None:
        """The front end: a step goes when its block, its part of the map and room for its results are there."""
        steps, raster, reader, feature_map = self._steps, self._raster, self._reader, self._feature_map
        block_end = Signal()
        m.d.comb += [
            block_end.eq(steps.go & steps.step.block_end),
            steps.block_valid.eq(raster.valid),
            steps.room.eq(self._make_room(m, steps.go & steps.step.last)),
            raster.take.eq(block_end),
            raster.reach.eq(steps.reach),
            raster.rows_loaded.eq(feature_map.rows_loaded),
            reader.base.eq(feature_map.base),
            reader.step.eq(steps.step),
            reader.go.eq(steps.go),
            reader.block.eq(raster.block),
            feature_map.retire.eq(block_end & raster.last),
            self._weight_reader.go.eq(steps.go),
            self._weight_reader.rewind.eq(steps.step.block_end),
        ]
        for bank in range(self._config.dense_pixels):
            m.d.comb += [
                feature_map.address[bank].eq(reader.address[bank]),
                feature_map.en[bank].eq(reader.en[bank]),
                reader.data[bank].eq(feature_map.data[bank]),
            ]

    def _make_room(self, m: Module, pass_end: Value) -> Value:
        """Whether a pass may end: its results find room behind it, and the rows of the last one have left in time."""
        depth = self._output.fifo_depth
        requantise = self._output.requantise
        beats, spacing = ({q: function(self._config, requantise=q) for q in (False, True)}
                          for function in (pass_beats, pass_spacing))
        room, cost = Signal(range(depth + 1), init=depth), Signal(range(depth + 1))
        wait, free = Signal(range(max(spacing.values()))), Signal()
        popped = self._output.beats.valid & self._output.beats.ready
        m.d.comb += cost.eq(Mux(requantise, beats[True], beats[False]))
        m.d.sync += room.eq(room - Mux(pass_end, cost, 0) + popped)
        with m.If(pass_end):
            m.d.sync += [wait.eq(Mux(requantise, spacing[True] - 2, spacing[False] - 2)), free.eq(0)]
        with m.Else():
            m.d.sync += [wait.eq(wait - (wait != 0)), free.eq((room >= cost) & (wait == 0))]
        return free

    def _connect_array(self, m: Module) -> None:
        """The step's flags travel beside its operands."""
        steps, array, loader = self._steps, self._array, self._loader
        latency = self._reader.latency
        goes, lasts = Signal(latency), Signal(latency)
        quiet, gating = Signal(), Signal()
        m.d.sync += [
            goes.eq(Cat(steps.go, goes)),
            lasts.eq(Cat(steps.step.last, lasts)),
            gating.eq((loader.config.mode & Mode.SKIP_ACTIVATIONS.value) != 0),
            quiet.eq(~goes.any() & ~array.active),
            self.waiting.eq(self._raster.waiting),
        ]
        m.d.comb += [
            array.activations.eq(self._reader.activations),
            array.weights.eq(self._weight_reader.weights),
            array.en.eq(goes[-1]),
            array.last.eq(lasts[-1]),
            array.gating.eq(gating),
            array.filter_count.eq(loader.config.filters),
            self.issued.eq(array.issued),
            self.gated.eq(array.gated),
            self.draining.eq(self._raster.finished & quiet),
        ]
        self._connect_account(m)

    def _connect_account(self, m: Module) -> None:
        """What each step has to do, and why there is none."""
        account, steps, raster = self._account, self._steps, self._raster
        m.d.comb += [
            account.go.eq(steps.go), account.waiting.eq(raster.waiting), account.finished.eq(raster.finished),
            account.held.eq(steps.held), account.own_filters.eq(steps.own_filters),
            account.exists.eq(Cat(pixel.exists for pixel in raster.block)),
            self._array.slots.eq(account.slots), self.idle.eq(account.idle),
        ]

    def _connect_output(self, m: Module) -> None:
        """Rows of sums become beats."""
        output, loader = self._output, self._loader
        write = loader.write
        wiring.connect(m, self._array.rows, output.rows)
        wiring.connect(m, output.beats, self._merger.sources[0])
        m.d.comb += [
            output.requantise.eq((loader.config.mode & Mode.REQUANTISE.value) != 0),
            output.low.eq(loader.config.clamp_low),
            output.high.eq(loader.config.clamp_high),
            output.write_en.eq(write.valid & (write.kind == Section.REQUANT)),
            output.write_address.eq(write.address),
            output.write_data.eq(write.data[: PARAMETERS.size]),
        ]
