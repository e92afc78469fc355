"""Rows of results become beats."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.spec.dense import RAW_BITS, code_rows, raw_beats, raw_rows

RAW_BYTES = RAW_BITS // 8


def row_pixels(pixels: object) -> int:
    """`pixels`, where a row may have as many.

    Raises
    ------
    ValueError
        It is not 1, 2, 4 or 8.

    """
    if not isinstance(pixels, int) or pixels not in (1, 2, 4, 8):
        raise ValueError(f"pixels must be 1, 2, 4 or 8, not {pixels!r}")
    return pixels


def count_rows(m: Module, *, pixels: int, en: Value, last: Value, requantise: Value) -> tuple[Signal, Value]:
    """Place of the row of this cycle in its beat, and whether it ends the beat."""
    place = Signal(range(code_rows(pixels)), name="place")
    end = Mux(requantise, code_rows(pixels) - 1, raw_rows(pixels) - 1)
    done = Signal(name="beat_done")
    m.d.comb += done.eq(last | (place == end))
    with m.If(en):
        m.d.sync += place.eq(Mux(done, 0, place + 1))
    return place, done


class BeatPacker(wiring.Component):
    """Gathers rows of codes, or of 32-bit sums, to beats of 16 bytes; the first row lies lowest.

    One row a cycle; its beat is out one cycle after the row that fills it or ends the block. Bytes that no row
    filled are zero. With 8 pixels a row of sums is two beats: no row may follow it in the next cycle, and `raw` must
    stay for that cycle.

    Parameters
    ----------
    pixels
        Pixels of a row: 1, 2, 4 or 8.

    Members
    -------
    requantise : In(1)
        Rows come on `codes`; else on `raw`.
    en, last : In(1)
        A row is there; it ends its block.
    codes : In(ArrayLayout(8, pixels))
    raw : In(ArrayLayout(signed(32), pixels))
    beat : Out(128)
    beat_valid : Out(1)

    Raises
    ------
    ValueError
        `pixels` is not 1, 2, 4 or 8.

    """

    def __init__(self, *, pixels: int) -> None:
        self._pixels = row_pixels(pixels)
        super().__init__({
            "requantise": In(1),
            "en": In(1),
            "last": In(1),
            "codes": In(data.ArrayLayout(8, pixels)),
            "raw": In(data.ArrayLayout(signed(RAW_BITS), pixels)),
            "beat": Out(8 * BEAT_BYTES),
            "beat_valid": Out(1),
        })

    @property
    def latency(self) -> int:
        """Cycles from the row that ends a beat to the beat (to its first, where it is two)."""
        return 1

    def elaborate(self, platform: object) -> Module:
        """One register per byte, and the place of the next row."""
        m = Module()
        pixels = self._pixels
        place, done = count_rows(m, pixels=pixels, en=self.en, last=self.last, requantise=self.requantise)
        second = Signal()
        m.d.sync += self.beat_valid.eq(self.en & done | second)
        raw: Value = self.raw.as_value()
        if raw_beats(pixels) > 1:
            m.d.sync += second.eq(self.en & ~self.requantise)
            raw = Mux(second, raw[8 * BEAT_BYTES :], raw[: 8 * BEAT_BYTES])
        raw_bytes = min(BEAT_BYTES, pixels * RAW_BYTES)
        for byte in range(BEAT_BYTES):
            code = self.codes.as_value().word_select(byte % pixels, 8)
            word = raw.word_select(byte % raw_bytes, 8)
            here = place == Mux(self.requantise, byte // pixels, byte // raw_bytes)
            own = self.beat.word_select(byte, 8)
            # Cleared first, so that clearing is the register's own reset and costs no logic in front of it.
            with m.If(self.en & (place == 0) & ~here):
                m.d.sync += own.eq(0)
            with m.Elif(self.en & here | second):
                m.d.sync += own.eq(Mux(self.requantise, code, word))
        return m
