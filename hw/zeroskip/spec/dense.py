"""The shape of a dense array, the sizes that follow from it, and the named presets."""

from __future__ import annotations

from dataclasses import dataclass, fields

from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.spec.config import EngineConfig

CHANNELS = 16
"""Channels of one position that travel and are stored together."""
RAW_BITS = 32
"""Of a sum that leaves without requantisation."""
POWERS = ("filters", "pixels", "map_positions", "taps", "weights")
LIMITS = {
    "filters": (1, 16), "pixels": (1, 8), "acc_width": (18, RAW_BITS), "map_positions": (8, 1 << 14),
    "taps": (1, 1 << 12), "weights": (1, BEAT_BYTES << 14), "parameters": (1, 1 << 12),
}


@dataclass(frozen=True, kw_only=True)
class DenseConfig:
    """One shape of the dense array: M filters by N pixels at a time. Every size that others need follows from it.

    Parameters
    ----------
    filters
        M, a power of two, 1..16.
    pixels
        N, a power of two, 1..8. M * N multipliers.
    acc_width
        Bits of a sum, signed, even, 18..32.
    map_positions
        Positions (of 16 channels each) of the map memory: a power of two, 8..16,384.
    taps
        Rows of the tap table (16 channels of one tap each): a power of two, at most 4,096.
    weights
        Weights of the weight memory: a power of two, at most 262,144.
    parameters
        Filters that the requantisation table holds, at most 4,096.

    Raises
    ------
    TypeError
        A parameter is not a positive integer.
    ValueError
        A parameter out of its range.
    """

    filters: int
    pixels: int
    acc_width: int = 28
    map_positions: int = 4096
    taps: int = 512
    weights: int = 65536
    parameters: int = 256

    def __post_init__(self) -> None:
        """Check ranges."""
        for name in (field.name for field in fields(self)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
                raise TypeError(f"{name} must be a positive integer, not {value!r}")
            if name in POWERS and value & (value - 1):
                raise ValueError(f"{name} must be a power of two, not {value}")
            low, high = LIMITS[name]
            if not low <= value <= high:
                raise ValueError(f"{name} must be in {low}..{high}, not {value}")
        if self.acc_width % 2:
            raise ValueError(f"acc_width must be even, not {self.acc_width}")

    @property
    def multipliers(self) -> int:
        """M * N."""
        return self.filters * self.pixels

    @property
    def lines(self) -> int:
        """Lines of the map memory: a position in each of its N banks."""
        return self.map_positions // self.pixels

    @property
    def line_bits(self) -> int:
        """Bits of a line's address."""
        return (self.lines - 1).bit_length()

    @property
    def fifo_depth(self) -> int:
        """Beats of results that may be under way: at least those of one pass."""
        return max(16, self.pass_beats(requantise=False))

    def pass_beats(self, *, requantise: bool) -> int:
        """Beats of the results of a pass: M rows of N pixels, filled up."""
        return -(-self.multipliers * (1 if requantise else RAW_BITS // 8) // BEAT_BYTES)

    def drain_cycles(self, *, requantise: bool) -> int:
        """Cycles that the rows of a pass take to leave the array."""
        return self.filters * (1 if requantise else raw_beats(self.pixels))

    def pass_spacing(self, *, requantise: bool) -> int:
        """Cycles from the end of a pass to that of the next at least; the control needs two."""
        return max(2, self.drain_cycles(requantise=requantise))


def code_rows(pixels: int) -> int:
    """Rows of codes in a beat."""
    return BEAT_BYTES // pixels


def raw_rows(pixels: int) -> int:
    """Rows of sums in a beat, at least 1."""
    return max(1, code_rows(pixels) * 8 // RAW_BITS)


def raw_beats(pixels: int) -> int:
    """Beats of a row of sums."""
    return max(1, pixels * RAW_BITS // (8 * BEAT_BYTES))


PRESETS: dict[str, DenseConfig] = {
    "tiny": DenseConfig(filters=2, pixels=2, map_positions=1024, taps=256, weights=16384, parameters=32),
    "small": DenseConfig(filters=4, pixels=4, parameters=64),
    "base": DenseConfig(filters=8, pixels=8, map_positions=2048),
    "large": DenseConfig(filters=16, pixels=8),
    "fine": DenseConfig(filters=8, pixels=8, parameters=1024),
}
"""The named configurations, of as many multipliers as the vector engine's: 4, 16, 64 and 128; ``fine`` has 64."""

MOST_MULTIPLIERS = LIMITS["filters"][1] * LIMITS["pixels"][1]
BY_MULTIPLIERS = {own.multipliers: own for name, own in PRESETS.items() if name != "fine"}


def has_dense(config: EngineConfig) -> bool:
    """Whether there is a dense array with as many multipliers."""
    return config.multipliers <= MOST_MULTIPLIERS and not config.multipliers & (config.multipliers - 1)


def dense_of(config: EngineConfig) -> DenseConfig:
    """The dense array with as many multipliers as a vector engine; memories as the presets have them at that size.

    Raises
    ------
    ValueError
        There is none with so many.
    """
    count = config.multipliers
    if count in BY_MULTIPLIERS:
        return BY_MULTIPLIERS[count]
    if not has_dense(config):
        raise ValueError(f"no dense array has {count} multipliers: their number is a power of two, at most "
                         f"{MOST_MULTIPLIERS}; ask for the engines skip-weights and skip-both alone")
    pixels = min(LIMITS["pixels"][1], 1 << (count.bit_length() - 1) // 2)
    return DenseConfig(filters=count // pixels, pixels=pixels)
