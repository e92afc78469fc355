"""From the banks' words to a window: rotation, zeros outside the map, the mask of channels."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.window_bus import WORD_BITS, window_shape
from zeroskip.wire import WORD_CHANNELS, Mode


class WindowReader(wiring.Component):
    """Three register stages: the memory's own (outside), rotation, mask. One window a cycle.

    Parameters
    ----------
    groups, pixels, columns
        As in :class:`~zeroskip.config.ArrayConfig`.

    Members
    -------
    issue
        In, mask of groups: a window is being read in this cycle for them.
    parts, marker, flags, flip, word, rotation, inside, mode
        In, with `issue`: the groups for each column; its kind, a marker's flags, and number; bank of position 0; which
        positions lie inside the map; ``Config.MODE``.
    data
        In, one cycle after `issue`: the banks' words.
    window
        Out, `latency` cycles after the data.
    """

    latency = 2

    def __init__(self, *, groups: int, pixels: int, columns: int = 1) -> None:
        self._groups, self._pixels, self._columns = groups, pixels, columns
        fetched = pixels * columns
        super().__init__({
            "issue": In(groups),
            "parts": In(data.ArrayLayout(groups, columns)),
            "marker": In(1),
            "flags": In(2),
            "flip": In(2),
            "word": In(WORD_BITS),
            "rotation": In(ceil_log2(fetched)),
            "inside": In(fetched),
            "mode": In(5),
            "data": In(128 * fetched),
            "window": Out(window_shape(groups, pixels, columns)),
        })

    def elaborate(self, platform):
        """Three stages: read, rotate, mask."""
        m = Module()
        fetched = self._pixels * self._columns
        tag = data.StructLayout({"want": self._groups, "parts": self.parts.shape(), "marker": 1, "flags": 2, "flip": 2,
                                 "word": WORD_BITS})
        read, rotated = Signal(tag), Signal(tag)
        rotation, inside = Signal(ceil_log2(fetched)), Signal(fetched)
        words = Signal(self.window.data.shape())
        banks = Array(self.data.word_select(bank, 128) for bank in range(fetched))
        nonzero = Signal(WORD_CHANNELS * self._columns)
        m.d.sync += [
            read.want.eq(self.issue), read.parts.eq(self.parts), read.marker.eq(self.marker), read.flags.eq(self.flags),
            read.flip.eq(self.flip), read.word.eq(self.word),
            rotation.eq(self.rotation), inside.eq(self.inside), rotated.eq(read),
            self.window.want.eq(rotated.want), self.window.parts.eq(rotated.parts),
            self.window.marker.eq(rotated.marker),
            self.window.flip.eq(rotated.flip), self.window.word.eq(rotated.word),
        ]
        for p in range(fetched):
            source = banks[(rotation + p)[: ceil_log2(fetched)]] if fetched > 1 else banks[0]
            m.d.sync += words[p].eq(Mux(inside[p], source, 0))
        m.d.comb += nonzero.eq(Cat(Cat(words[first + p][c] for p in range(self._pixels)).any()
                                   for first in range(0, fetched, self._pixels) for c in range(WORD_CHANNELS)))
        skip = self.mode & Mode.SKIP_ACTIVATIONS.value
        m.d.sync += [self.window.data.eq(words),
                     self.window.mask.eq(Mux(rotated.marker, rotated.flags, Mux(skip, nonzero, ~0)))]
        return m
