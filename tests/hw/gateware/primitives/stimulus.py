"""Random operands in which the extremes are as likely as everything else."""

from __future__ import annotations

import random


def signed_number(rng: random.Random, width: int) -> int:
    """A signed number of `width` bits: as often an extreme, or near one, as any other."""
    low, high = -1 << width - 1, (1 << width - 1) - 1
    return rng.choice([low, high, 0, -1, min(1, high), rng.randint(low, high), rng.randint(low, high),
                       rng.randint(low, high)])


def wrapped(value: int, width: int) -> int:
    """`value` modulo ``2**width``, signed."""
    half = 1 << width - 1
    return (value + half) % (2 * half) - half
