"""The shape of a vector engine, and the named presets."""

from __future__ import annotations

from dataclasses import dataclass, fields

WEIGHT_BITS = 8
KIND_BITS = 2
MULTIPLIER_BITS = 16
SHIFT_BITS = 6
CHOICES: dict[str, tuple[int, ...]] = {
    "vector": (1, 2, 4, 8, 16, 32),
    "look": (1, 2, 4, 8),
    "ways": (1, 2, 4),
}
LIMITS = {
    "lanes": (1, 64), "banks": (4, 32), "map_words": (4, 1 << 20), "list_words": (16, 1 << 16),
    "instructions": (16, 1 << 14), "acc_width": (20, 32), "pool_columns": (1, 1024), "out_words": (16, 512),
    "lean": (0, 256),
}
POWERS = ("banks", "map_words", "list_words", "instructions", "pool_columns", "out_words")


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """One shape of the vector engine. Every size that hardware, compiler and model need follows from it.

    Parameters
    ----------
    lanes
        E, the number of lanes, 1..64; a lane works through one list at a time.
    vector
        P, the neighbouring positions that a weight meets in one cycle: 1, 2, 4, 8, 16 or 32. E * P multipliers.
    look
        K, the entries of a list that a lane looks at in one cycle: 1, 2, 4 or 8. With 1 there is no looking ahead.
    ways
        D, the sums that leave a lane in one cycle: 1, 2 or 4, at most P.
    banks
        M, the positions in a word of the map memory, and the bytes in a beat of every stream: a power of two from
        max(4, P) to 32.
    map_words
        Words of the map memory, both halves together: a power of two.
    list_words
        Words of K entries that a lane's list memory holds: a power of two.
    instructions
        Instructions that a lane holds: a power of two.
    acc_width
        Bits of a sum, signed, even, 20..32.
    pool_columns
        Columns of a pooled row that a lane can keep: a power of two.
    out_words
        Words of results that wait for the stream: a power of two.
    even
        Whether requantisation can round half to even, too.
    lean
        Of the lanes' requantisers, E * D in all, those that do with one 18x18 multiplier and some 200 LUTs instead of
        two: the last ones.

    Raises
    ------
    TypeError
        A parameter is not a positive integer (`even`: not a truth value).
    ValueError
        A parameter out of its range, or parameters that do not go together.
    """

    lanes: int
    vector: int
    look: int = 2
    ways: int = 1
    banks: int = 16
    map_words: int = 4096
    list_words: int = 2048
    instructions: int = 512
    acc_width: int = 28
    pool_columns: int = 32
    out_words: int = 64
    even: bool = True
    lean: int = 0

    def __post_init__(self) -> None:
        """Check types, ranges and what must go together."""
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "even":
                if not isinstance(value, bool):
                    raise TypeError(f"even must be true or false, not {value!r}")
            elif not isinstance(value, int) or isinstance(value, bool) or value < (field.name != "lean"):
                expected = "an integer, 0 or more" if field.name == "lean" else "a positive integer"
                raise TypeError(f"{field.name} must be {expected}, not {value!r}")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(map(str, choices))}, not {getattr(self, name)}")
        for name, (low, high) in LIMITS.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must be in {low}..{high}, not {getattr(self, name)}")
        for name in POWERS:
            if getattr(self, name) & (getattr(self, name) - 1):
                raise ValueError(f"{name} must be a power of two, not {getattr(self, name)}")
        if self.banks < self.vector:
            raise ValueError(f"banks must be at least the {self.vector} positions of a vector, not {self.banks}")
        if self.ways > self.vector:
            raise ValueError(f"ways must be at most the {self.vector} positions of a vector, not {self.ways}")
        if self.lean > self.lanes * self.ways:
            raise ValueError(f"lean must be at most the {self.lanes * self.ways} requantisers, not {self.lean}")
        if self.acc_width % 2:
            raise ValueError(f"acc_width must be even, not {self.acc_width}")

    @property
    def multipliers(self) -> int:
        """E * P."""
        return self.lanes * self.vector

    def lean_of(self, lane: int) -> int:
        """How many of a lane's requantisers are lean, the last ones of it."""
        return max(0, min(self.ways, self.lean - (self.lanes - 1 - lane) * self.ways))

    @property
    def positions(self) -> int:
        """Positions (bytes) of the map memory."""
        return self.map_words * self.banks

    @property
    def position_bits(self) -> int:
        """Bits of a position, and of an entry's offset, which wraps at the end of the memory."""
        return (self.positions - 1).bit_length()

    @property
    def word_bits(self) -> int:
        """Bits of a word's address in the map memory."""
        return (self.map_words - 1).bit_length()

    @property
    def bank_bits(self) -> int:
        """Bits of a position inside its word."""
        return (self.banks - 1).bit_length()

    @property
    def list_bits(self) -> int:
        """Bits of an address in a list memory."""
        return (self.list_words - 1).bit_length()

    @property
    def entry_bits(self) -> int:
        """Bits of an entry: offset, weight, kind, and whether the activation is signed."""
        return self.position_bits + WEIGHT_BITS + KIND_BITS + 1

    @property
    def list_word_bits(self) -> int:
        """Bits of a word of a list: K entries."""
        return self.look * self.entry_bits

    @property
    def header_bits(self) -> int:
        """Bits of what stands before the entries of a list: bias, multiplier, shift, and how sums begin and end."""
        return self.acc_width + MULTIPLIER_BITS + SHIFT_BITS + 2

    @property
    def header_words(self) -> int:
        """Words of a list's header."""
        return -(-self.header_bits // self.list_word_bits)

    @property
    def granule(self) -> int:
        """Positions for which the look-ahead has one flag."""
        return max(1, self.vector // 4)

    @property
    def flags(self) -> int:
        """Flags of a word of the map memory."""
        return self.banks // self.granule


PRESETS: dict[str, EngineConfig] = {
    "tiny": EngineConfig(lanes=1, vector=4, look=2, ways=1, banks=4, map_words=8192, list_words=8192,
                         instructions=1024, out_words=32),
    "small": EngineConfig(lanes=2, vector=8, look=2, ways=1, banks=8, map_words=4096, list_words=4096),
    "base": EngineConfig(lanes=4, vector=16, look=2, ways=2),
    "large": EngineConfig(lanes=8, vector=16, look=2, ways=2, out_words=32, lean=4),
    "fine": EngineConfig(lanes=64, vector=1, look=8, ways=1, list_words=512, out_words=128),
}
"""The named configurations: 4, 16, 64 and 128 multipliers, and ``fine`` with 64 at one position to a weight."""

BY_MULTIPLIERS = {4: "tiny", 16: "small", 64: "base", 128: "large"}


def preset_name(config: EngineConfig) -> str | None:
    """The name of the preset that equals `config`, if one does."""
    return next((name for name, preset in PRESETS.items() if preset == config), None)
