"""Parameters of the arrays, and the named presets."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.spec.dense import LIMITS as DENSE_LIMITS
from zeroskip.spec.dense import DenseConfig
from zeroskip.wire import COLUMN_GROUPS


def _positive(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise TypeError(f"{name} must be a positive integer, not {value!r}")


def _power_of_two(name: str, value: int) -> None:
    if value & (value - 1):
        raise ValueError(f"{name} must be a power of two, not {value}")


@dataclass(frozen=True, kw_only=True)
class ArrayConfig:
    """One configuration: the zero-skip array and the dense array of the same size, memories and streams.

    Parameters
    ----------
    groups, lanes, pixels
        C groups of E lanes with P multipliers each: C * E * P multipliers. P is 1, 2, 4 or 8; E at most 8.
    columns
        Neighbouring positions of the map in a window, 1 or 2. With 2, which goes with one pixel and at most 16 groups,
        a fetch brings a group the words of two taps.
    output_units
        Units that requantise P sums a cycle; divides `groups`.
    dense_filters, dense_pixels
        Shape M x N of the dense array; M * N multipliers.
    acc_width
        Bits of an accumulator, signed, 28..32.
    lane_filters
        Filters a lane can serve, a power of two, 2..16 (the depth of a LUT memory).
    queue_words
        Words in a lane that are under way or wait, at most 32.
    value_positions
        Positions (of 16 channels each) of the map that are at work: what a lane's value memory holds, at most 1,024 in
        each of its banks; a block memory holds 128. Wide maps need many, for whole rows lie there.
    result_rows
        Rows of P sums in a lane's result memory, 2..512, at least twice `lane_filters`: a slot for each of some blocks.
    map_positions
        Positions (of 16 channels each) that the feature-map memory holds, 8..16384.
    windows
        Rows of the window table, at most 2048.
    words
        Words (16 channels of one tap) for which a lane holds lists, at most 4096.
    list_entries
        Non-zero weights that a lane holds, at most 4096.
    dense_weights
        Weights that the dense array holds.

    Raises
    ------
    TypeError
        A parameter is not a positive integer.
    ValueError
        A parameter out of range, or parameters that do not go together.
    """

    groups: int
    lanes: int
    pixels: int
    output_units: int
    dense_filters: int
    dense_pixels: int
    columns: int = 1
    acc_width: int = 28
    lane_filters: int = 16
    queue_words: int = 16
    value_positions: int = 512
    result_rows: int = 512
    map_positions: int = 4096
    windows: int = 512
    words: int = 128
    list_entries: int = 4096
    dense_weights: int = 65536

    def __post_init__(self) -> None:
        """Check ranges and what must go together."""
        for name in self.__dataclass_fields__:
            _positive(name, getattr(self, name))
        for name in ("pixels", "columns", "dense_filters", "dense_pixels", "lane_filters", "queue_words",
                     "value_positions", "result_rows", "map_positions", "windows", "words", "list_entries",
                     "dense_weights"):
            _power_of_two(name, getattr(self, name))
        limits = {"groups": (1, 32), "lanes": (1, 8), "pixels": (1, 8), "columns": (1, 2), "acc_width": (28, 32),
                  "lane_filters": (2, 16), "queue_words": (2, 32), "result_rows": (2, 512), "list_entries": (2, 4096),
                  "dense_pixels": (1, 8), "dense_filters": (1, 16), "map_positions": (8, 16384), "windows": (1, 2048),
                  "words": (1, 4096), "dense_weights": DENSE_LIMITS["weights"],
                  "value_positions": (8 * self.banks, 1024 * self.banks)}
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must be in {low}..{high}, not {getattr(self, name)}")
        if self.columns == 2 and (self.pixels > 1 or self.groups > COLUMN_GROUPS):
            raise ValueError(f"columns can be 2 with one pixel and at most {COLUMN_GROUPS} groups alone, not with "
                             f"{self.pixels} and {self.groups}")
        if self.result_rows < 2 * self.lane_filters:
            raise ValueError(f"result_rows must be at least twice the {self.lane_filters} filters of a lane, "
                             f"not {self.result_rows}")
        if self.groups % self.output_units:
            raise ValueError(f"output_units must divide the {self.groups} groups, not {self.output_units}")
        if self.dense_filters * self.dense_pixels != self.multipliers:
            raise ValueError(f"dense_filters * dense_pixels must be the {self.multipliers} multipliers of the "
                             f"zero-skip array, not {self.dense_filters * self.dense_pixels}")

    @property
    def multipliers(self) -> int:
        """Multipliers of either array."""
        return self.groups * self.lanes * self.pixels

    @property
    def dense(self) -> DenseConfig:
        """The dense array of the same size, memories and streams."""
        return DenseConfig(filters=self.dense_filters, pixels=self.dense_pixels,
                           acc_width=self.acc_width + self.acc_width % 2, map_positions=self.map_positions,
                           taps=self.windows, weights=self.dense_weights,
                           parameters=self.groups * self.lanes * self.lane_filters)

    @property
    def fetched(self) -> int:
        """Positions of the map in a window."""
        return self.pixels * self.columns

    @property
    def banks(self) -> int:
        """Banks of the memories of the map: as many positions travel at once, each four channels at a time."""
        return max(4, self.pixels)

    @property
    def value_lines(self) -> int:
        """Lines of a lane's value memory: a position in each bank."""
        return self.value_positions // self.banks

    @property
    def masks_in_luts(self) -> bool:
        """Lanes' occupancy masks lie in LUT memories: with eight pixels block memories run out first, else LUTs do."""
        return self.pixels == 8

    @property
    def result_slots(self) -> int:
        """Blocks of sums that a lane's result memory holds at most."""
        return self.slots_for(1)

    def slots_for(self, filters: int) -> int:
        """Blocks of sums that it holds where a lane has so many filters."""
        return self.result_rows // self.lane_filters * (2 if filters <= self.lane_filters // 2 else 1)

    @property
    def bus_bytes(self) -> int:
        """Bytes of a beat on every stream."""
        return BEAT_BYTES


PRESETS: dict[str, ArrayConfig] = {
    "tiny": ArrayConfig(groups=1, lanes=2, pixels=2, output_units=1, dense_filters=2, dense_pixels=2,
                        map_positions=1024, windows=256, words=64, list_entries=1024, dense_weights=16384),
    "small": ArrayConfig(groups=2, lanes=2, pixels=4, output_units=1, dense_filters=4, dense_pixels=4),
    "base": ArrayConfig(groups=4, lanes=4, pixels=4, output_units=4, dense_filters=8, dense_pixels=8,
                        map_positions=2048, words=64, list_entries=1024),
    "large": ArrayConfig(groups=4, lanes=4, pixels=8, output_units=1, dense_filters=16, dense_pixels=8,
                         value_positions=1024, words=64, list_entries=1024, result_rows=32),
    "fine": ArrayConfig(groups=16, lanes=4, pixels=1, output_units=16, dense_filters=8, dense_pixels=8,
                        columns=2, queue_words=32, words=64, list_entries=1024),
}
"""The named configurations: 4, 16, 64 and 128 multipliers, and ``fine`` with 64 at one pixel to a weight."""

BY_MULTIPLIERS = {4: "tiny", 16: "small", 64: "base", 128: "large"}
MOST_MULTIPLIERS = 128
"""Multipliers of the largest dense array: 16 filters of 8 pixels."""


def derive(*, groups: int, lanes: int, pixels: int, **overrides: int) -> ArrayConfig:
    """The configuration of C groups, E lanes and P pixels, all else as the presets have it at that size.

    Parameters
    ----------
    groups, lanes, pixels
        Powers of two with a product of at most 128: what a dense array of the same size can be.
    overrides
        Other parameters of :class:`ArrayConfig`, instead of what follows from the three.

    Raises
    ------
    TypeError, ValueError
        As for :class:`ArrayConfig`.

    >>> derive(groups=4, lanes=4, pixels=4) == PRESETS["base"]
    True
    """
    for name, value in (("groups", groups), ("lanes", lanes), ("pixels", pixels)):
        _positive(name, value)
        _power_of_two(name, value)
    multipliers, walkers = groups * lanes * pixels, groups * lanes
    if multipliers > MOST_MULTIPLIERS:
        raise ValueError(f"groups * lanes * pixels must be at most {MOST_MULTIPLIERS}, not {multipliers}")
    across = 1 << (multipliers.bit_length() - 1) // 2
    derived = {
        "output_units": min(groups, max(1, BEAT_BYTES // pixels)),
        "dense_filters": multipliers // across, "dense_pixels": across,
        "columns": 2 if pixels == 1 and groups <= COLUMN_GROUPS else 1,
        "queue_words": 32 if pixels == 1 else 16, "value_positions": 128 * max(4, pixels),
        "map_positions": 4096 if walkers <= 8 or pixels == 1 else 2048,
        "words": 128 if walkers <= 8 else 64, "list_entries": 4096 if walkers <= 8 else 1024,
    }
    return ArrayConfig(groups=groups, lanes=lanes, pixels=pixels, **(derived | overrides))


def as_options(config: ArrayConfig) -> str:
    """The command line's options that name a configuration: a preset, or a shape and what differs from `derive`.

    >>> as_options(PRESETS["fine"])
    '--preset fine'
    >>> as_options(derive(groups=2, lanes=4, pixels=8, result_rows=32))
    '--groups 2 --lanes 4 --pixels 8 --set result_rows=32'
    """
    preset = next((name for name, own in PRESETS.items() if own == config), None)
    if preset is not None:
        return f"--preset {preset}"
    shape = {name: getattr(config, name) for name in ("groups", "lanes", "pixels")}
    plain = asdict(derive(**shape))
    changed = {name: value for name, value in asdict(config).items() if value != plain[name]}
    return " ".join([*(f"--{name} {value}" for name, value in shape.items()),
                     *(f"--set {name}={value}" for name, value in changed.items())])
