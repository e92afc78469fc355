"""A small queue in LUT memories, for writers that know by themselves that there is room."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2


class Queue(wiring.Component):
    """First in, first out, `depth` items at most; what is written in a cycle can be read in the next.

    It has no level and refuses nothing: whoever writes counts what is inside. That takes a third of the logic of a FIFO
    that looks after itself.

    Parameters
    ----------
    width
        Bits of an item.
    depth
        A power of two, at least 2.

    Members
    -------
    start
        In: forget everything.
    write, write_data
        In: one item more.
    valid, data
        Out: the oldest item.
    read
        In, only with `valid`: it goes.

    Raises
    ------
    ValueError
        `depth` is not a power of two.
    """

    def __init__(self, *, width: int, depth: int) -> None:
        self._width, self._depth = width, depth
        self._bits = exact_log2(depth)
        super().__init__({
            "start": In(1),
            "write": In(1),
            "write_data": In(width),
            "valid": Out(1),
            "data": Out(width),
            "read": In(1),
        })

    def elaborate(self, platform):
        """Two pointers with a bit more than the memory needs: equal means empty."""
        m = Module()
        m.submodules.items = items = memory.Memory(shape=self._width, depth=self._depth, init=[])
        write, read = items.write_port(), items.read_port(domain="comb")
        head, tail = Signal(self._bits + 1), Signal(self._bits + 1)
        m.d.comb += [
            write.en.eq(self.write), write.addr.eq(tail), write.data.eq(self.write_data),
            read.addr.eq(head), self.data.eq(read.data), self.valid.eq(head != tail),
        ]
        with m.If(self.write):
            m.d.sync += tail.eq(tail + 1)
        with m.If(self.read):
            m.d.sync += head.eq(head + 1)
        with m.If(self.start):
            m.d.sync += [head.eq(0), tail.eq(0)]
        return m
