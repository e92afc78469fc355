"""Which channels are not zero, by position: what the sequencer looks up instead of the values."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from zeroskip.config import ArrayConfig
from zeroskip.map_feeder import mask_shape
from zeroskip.value_memory import next_in_ring
from zeroskip.wire import WORD_CHANNELS


class MaskMemory(wiring.Component):
    """Banks as those of a value memory; a read gives the mask of a window, `latency` cycles later.

    Parameters
    ----------
    config
        The array's parameters.

    Members
    -------
    masks
        In, array of banks: ``mask_shape``.
    en, position, ring, inside
        In: the window's first position, the bits of a position that count within a ring, the positions that lie in
        the map.
    all
        In, with `en`: every channel of a position in the map counts, as where zero activations are only gated.
    mask
        Out: channels worth visiting, column by column: any of the column's pixels is not zero.
    """

    latency = 2

    def __init__(self, *, config: ArrayConfig) -> None:
        self._config = config
        super().__init__({
            "masks": In(mask_shape(config.value_lines)).array(config.banks),
            "en": In(1),
            "position": In(range(config.value_positions)),
            "ring": In(exact_log2(config.value_positions)),
            "inside": In(config.fetched),
            "all": In(1),
            "mask": Out(WORD_CHANNELS * config.columns),
        })

    def elaborate(self, platform):
        """The banks, each with the pixel that lies in it; then any of a column's."""
        m = Module()
        banks, bits = self._config.banks, exact_log2(self._config.banks)
        first, line, ring = self.position[:bits], self.position[bits:], self.ring[bits:]
        following = Signal.like(line, name="following")
        m.d.comb += following.eq(next_in_ring(line, ring))
        found = [self._add_bank(m, index, Mux(first > index, following, line)) for index in range(banks)]
        pixels = self._config.pixels
        for column in range(self._config.columns):
            # which banks hold a pixel that counts: known with the position, so that little stands behind the memories
            own, everything = Signal(banks, name=f"own_{column}"), Signal(name=f"everything_{column}")
            mine = range(column * pixels, (column + 1) * pixels)
            m.d.sync += [
                own.eq(Cat(Cat(self.inside[pixel] & (first == (index - pixel) % banks) for pixel in mine).any()
                           for index in range(banks))),
                everything.eq(self.all & Cat(self.inside[pixel] for pixel in mine).any()),
            ]
            m.d.sync += self.mask.word_select(column, WORD_CHANNELS).eq(Cat(
                Cat(everything, *(mask[channel] & own[index] for index, mask in enumerate(found))).any()
                for channel in range(WORD_CHANNELS)))
        return m

    def _add_bank(self, m, index, line):
        bank = memory.Memory(shape=WORD_CHANNELS, depth=self._config.value_lines, init=[], attrs={"ram_style": "block"})
        m.submodules[f"bank_{index}"] = bank
        write, read, masks = bank.write_port(), bank.read_port(), self.masks[index]
        m.d.comb += [
            write.en.eq(masks.en), write.addr.eq(masks.line), write.data.eq(masks.mask),
            read.en.eq(self.en), read.addr.eq(line),
        ]
        return read.data
