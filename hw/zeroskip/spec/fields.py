"""Words made of named fields: packed into integers by the compiler, read as structures by the hardware."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Fields:
    """Fields of a word, the first in its lowest bits.

    Parameters
    ----------
    name
        What messages call the word.
    widths
        Bits of each field, by name, in order; those of `signed` are two's complement.
    signed
        Names of the signed fields.

    >>> word = Fields("job", {"first": 3, "step": 5}, signed=frozenset({"step"}))
    >>> word.pack(first=5, step=-1)
    253
    >>> word.unpack(253)
    {'first': 5, 'step': -1}
    """

    name: str
    widths: Mapping[str, int]
    signed: frozenset[str] = frozenset()

    @property
    def bits(self) -> int:
        """Bits of the word."""
        return sum(self.widths.values())

    def starts(self) -> dict[str, int]:
        """The lowest bit of each field."""
        found, at = {}, 0
        for name, width in self.widths.items():
            found[name] = at
            at += width
        return found

    def pack(self, **values: int) -> int:
        """The word as an integer; fields that are not named are 0.

        Raises
        ------
        ValueError
            A value does not fit its field, or there is no such field.
        """
        unknown = values.keys() - self.widths.keys()
        if unknown:
            raise ValueError(f"{self.name} has no field {', '.join(sorted(unknown))}")
        word = 0
        for name, start in self.starts().items():
            value, width = int(values.get(name, 0)), self.widths[name]
            low, high = (-(1 << width - 1), (1 << width - 1) - 1) if name in self.signed else (0, (1 << width) - 1)
            if not low <= value <= high:
                raise ValueError(f"{self.name}: {name} is {value}, expected {low}..{high}")
            word |= (value & (1 << width) - 1) << start
        return word

    def unpack(self, word: int) -> dict[str, int]:
        """The values of all fields."""
        found = {}
        for name, start in self.starts().items():
            width = self.widths[name]
            value = word >> start & (1 << width) - 1
            found[name] = value - (1 << width) if name in self.signed and value >> width - 1 else value
        return found
