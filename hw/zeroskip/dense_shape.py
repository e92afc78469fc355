"""What the dense engine and its packer both derive from the configuration."""

from __future__ import annotations

from zeroskip.config import ArrayConfig
from zeroskip.output_beats import raw_beats
from zeroskip.wire import BEAT_BYTES


def params_depth(config: ArrayConfig) -> int:
    """Filters that the dense engine can serve: as many as the zero-skip array at its most."""
    return config.groups * config.lanes * config.lane_filters


def pass_beats(config: ArrayConfig, *, requantise: bool) -> int:
    """Beats of the results of a pass: M rows of N pixels, filled up."""
    size = config.dense_filters * config.dense_pixels * (1 if requantise else 4)
    return -(-size // BEAT_BYTES)


def drain_cycles(config: ArrayConfig, *, requantise: bool) -> int:
    """Cycles that the rows of a pass take to leave the array."""
    return config.dense_filters * (1 if requantise else raw_beats(config.dense_pixels))


def pass_spacing(config: ArrayConfig, *, requantise: bool) -> int:
    """Cycles from the end of a pass to that of the next at least; the control needs two."""
    return max(2, drain_cycles(config, requantise=requantise))


def fifo_depth(config: ArrayConfig) -> int:
    """Beats of results that may be under way: at least those of one pass."""
    return max(16, pass_beats(config, requantise=False))
