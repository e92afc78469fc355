"""Rows of results become beats, and the units' beats become one stream."""

from __future__ import annotations

from amaranth.hdl import Array, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.choose import choose
from zeroskip.engine import Beat
from zeroskip.multiplier import positive
from zeroskip.requantiser import RAW_BITS
from zeroskip.wire import BEAT_BYTES

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


def code_rows(pixels: int) -> int:
    """Rows of codes in a beat."""
    return BEAT_BYTES // pixels


def raw_rows(pixels: int) -> int:
    """Rows of sums in a beat, at least 1."""
    return max(1, code_rows(pixels) // RAW_BYTES)


def raw_beats(pixels: int) -> int:
    """Beats of a row of sums."""
    return max(1, pixels * RAW_BYTES // BEAT_BYTES)


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


class BeatMerger(wiring.Component):
    """One beat of every unit in turn, and `last` on the layer's last beat.

    A beat a cycle, one cycle of latency.

    Parameters
    ----------
    units
        Streams that are merged.

    Members
    -------
    beats_0, beats_1, ... : In(stream.Signature(128))
    result : Out(stream.Signature(Beat))
    result_beats : In(24)
        Beats of the layer, at least 1.
    restart : In(1)
        Begin again with unit 0 and beat 0; not while a beat is under way.

    Raises
    ------
    TypeError
        `units` is not a positive integer.

    """

    COUNT_BITS = 24

    def __init__(self, *, units: int) -> None:
        self._units = positive("units", units)
        ports = {f"beats_{unit}": In(stream.Signature(8 * BEAT_BYTES)) for unit in range(units)}
        super().__init__({
            **ports,
            "result": Out(stream.Signature(Beat)),
            "result_beats": In(self.COUNT_BITS),
            "restart": In(1),
        })

    @property
    def sources(self) -> list[stream.Interface]:
        """The streams in, in order."""
        return [getattr(self, f"beats_{unit}") for unit in range(self._units)]

    @property
    def latency(self) -> int:
        """Cycles from a beat in to the beat out."""
        return 1

    def elaborate(self, platform: object) -> Module:
        """A turn, a count, and a register."""
        m = Module()
        turn = Signal(range(self._units))
        number = Signal(self.COUNT_BITS, init=1)
        last = Signal()
        room = Signal()
        taken = Signal()
        valids = Array(source.valid for source in self.sources)
        payload = choose(m, [source.payload for source in self.sources], turn)
        m.d.comb += [
            room.eq(self.result.ready | ~self.result.valid),
            taken.eq(room & valids[turn]),
            last.eq(number == self.result_beats),
        ]
        for unit, source in enumerate(self.sources):
            m.d.comb += source.ready.eq(room & (turn == unit))
        with m.If(room):
            m.d.sync += self.result.valid.eq(taken)
        with m.If(taken):
            m.d.sync += [
                self.result.p.data.eq(payload),
                self.result.p.last.eq(last),
                number.eq(number + 1),
                turn.eq(Mux((turn == self._units - 1) | last, 0, turn + 1)),
            ]
        with m.If(self.restart | (taken & last)):
            m.d.sync += number.eq(1)
        with m.If(self.restart):
            m.d.sync += turn.eq(0)
        return m
