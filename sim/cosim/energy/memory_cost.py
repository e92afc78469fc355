"""What an access of a memory costs, by a published table.

The table: M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014: reading 64 bits of a
cache of 8 KB, 32 KB and 1 MB at 45 nm and 0.9 V costs 10, 20 and 100 pJ. Between two sizes the logarithms are
interpolated; below the first the energy goes with the root of the size, as it does between the first two; and it goes
with the bits of a row. A write is taken to cost what a read does.

From 45 nm to the cells' 0.18 um: capacitances go with the length, energy with capacitance times voltage squared.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

TABLE = ((8 * 1024, 10.0), (32 * 1024, 20.0), (1024 * 1024, 100.0))
"""Bytes of a memory; picojoules of a read of ``TABLE_BITS``, at 45 nm."""
TABLE_BITS = 64
MULTIPLY_PJ, ADD_PJ = 0.2, 0.1
"""Of int8 and of int32, at 45 nm; the same source."""
NODE_FACTOR = 180 / 45 * (1.8 / 0.9) ** 2


@dataclass(frozen=True, kw_only=True)
class Accesses:
    """A memory: its place in the design, rows, bits of a row, and how often it was read and written."""

    name: str
    rows: int
    bits: int
    reads: int
    writes: int

    @property
    def picojoules(self) -> float:
        """All of them, at 45 nm."""
        return (self.reads + self.writes) * access_pj(self.rows, self.bits)


def access_pj(rows: int, bits: int) -> float:
    """One access of a row, at 45 nm.

    >>> round(access_pj(1024, 64), 6), round(access_pj(4096, 64), 6), round(access_pj(256, 64), 6)
    (10.0, 20.0, 5.0)
    >>> access_pj(1024 * 128, 64), access_pj(16, 1) < access_pj(16, 2) / 1.9
    (100.0, True)
    """
    size = rows * bits / 8
    steps = [*itertools.pairwise(TABLE)]
    (small, low), (large, high) = next((step for step in steps if size <= step[1][0]), steps[-1])
    slope = math.log(high / low) / math.log(large / small)
    return low * (size / small) ** slope * bits / TABLE_BITS


def read_accesses(text: str) -> list[Accesses]:
    """What ``memory_box.v`` wrote: a line for each memory."""
    found = []
    for line in text.splitlines():
        name, *numbers = line.split()
        rows, bits, reads, writes = map(int, numbers)
        found.append(Accesses(name=name.partition(".dut.")[2], rows=rows, bits=bits, reads=reads, writes=writes))
    return found


def total_pj(memories: Iterable[Accesses]) -> float:
    """Of all memories, at 45 nm."""
    return sum(memory.picojoules for memory in memories)
