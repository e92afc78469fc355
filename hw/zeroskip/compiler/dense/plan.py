"""How a layer runs on the dense array: where its map lies, its table of taps, its passes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeroskip.compiler.dense.layout import MapLayout, lay_out
from zeroskip.compiler.packed import check_accumulators, need
from zeroskip.layer import Layer
from zeroskip.spec.dense import CHANNELS, DenseConfig
from zeroskip.spec.dense_program import LAYER, Mode


@dataclass(frozen=True, kw_only=True)
class Tap:
    """A row of the tap table: up to 16 channels of one tap."""

    offset: int
    dy: int
    dx: int
    channels: int


@dataclass(frozen=True, kw_only=True, eq=False)
class DensePlan:
    """A layer laid out for one configuration.

    Attributes
    ----------
    layer
        A convolution, with its input.
    linear
        It was a linear layer, whose images became columns.
    config
        The array.
    gate
        Products with a zero operand are to be gated.
    layout
        Of the map.
    taps
        The tap table.
    """

    layer: Layer
    linear: bool
    config: DenseConfig
    gate: bool
    layout: MapLayout
    taps: tuple[Tap, ...]

    @property
    def requantise(self) -> bool:
        """Whether results are codes."""
        return self.layer.multiplier is not None

    @property
    def steps(self) -> int:
        """Cycles of a pass."""
        return sum(tap.channels for tap in self.taps)

    @property
    def reach(self) -> int:
        """Rows of the map that are read below the row of an output pixel, at most."""
        return max(tap.dy for tap in self.taps)

    @property
    def passes(self) -> int:
        """Passes of M filters for each block of pixels."""
        return -(-self.layer.filters // self.config.filters)

    @property
    def blocks(self) -> int:
        """Blocks of N pixels in an image."""
        _, _, height, width = self.layer.output_shape
        return -(-height * width // self.config.pixels)

    @property
    def result_beats(self) -> int:
        """Beats of the whole answer."""
        per_pass = self.config.pass_beats(requantise=self.requantise)
        return self.layer.output_shape[0] * self.blocks * self.passes * per_pass

    def registers(self) -> dict[str, int]:
        """The configuration registers by name."""
        layer = self.layer
        assert layer.clamp is not None
        flags = {Mode.GATE: self.gate, Mode.SIGNED_MAP: layer.needed_input().dtype == np.int8,
                 Mode.REQUANTISE: self.requantise, Mode.ROUND_EVEN: layer.rounding == "even"}
        return self.layout.registers() | {
            "mode": sum(flag.value for flag, here in flags.items() if here),
            "out_rows": layer.output_shape[2], "out_cols": layer.output_shape[3], "taps": len(self.taps),
            "filters": layer.filters, "clamp_low": layer.clamp[0], "clamp_high": layer.clamp[1],
            "result_beats": self.result_beats,
        }


def make_plan(layer: Layer, config: DenseConfig, *, gate: bool) -> DensePlan:
    """Lay `layer` out; a grouped one has zeros for the channels of other groups.

    Raises
    ------
    PackError
        The layer does not fit the configuration's memories or registers, or could overflow its accumulators.
    """
    check_accumulators(layer, config.acc_width)
    conv = layer.as_convolution()
    layout = lay_out(conv, config)
    plan = DensePlan(layer=conv, linear=layer.is_linear, config=config, gate=gate, layout=layout,
                     taps=tuple(taps_of(conv, layout)))
    need("filters", conv.filters, config.parameters)
    need("tap table", len(plan.taps), config.taps)
    need("weight memory (weights, filters filled up to whole passes)", plan.passes * config.filters * plan.steps,
         config.weights)
    need("count of result beats", plan.result_beats, (1 << LAYER.widths["result_beats"]) - 1)
    for name, value in plan.registers().items():
        need(f"configuration register {name}", value, (1 << LAYER.widths[name] - (name in LAYER.signed)) - 1)
    return plan


def taps_of(layer: Layer, layout: MapLayout) -> list[Tap]:
    """The tap table: tap by tap, and for each 16 channels after the other."""
    (kh, kw), (py, px), (step_y, step_x) = layer.kernel, layer.padding, layer.dilation
    taps = []
    for ky in range(kh):
        for kx in range(kw):
            for depth in range(layout.depth):
                offset, dy, dx = layout.offset(ky * step_y - py, kx * step_x - px, depth)
                channels = min(CHANNELS, layer.channels - CHANNELS * depth)
                taps.append(Tap(offset=offset, dy=dy, dx=dx, channels=channels))
    return taps
