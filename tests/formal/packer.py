"""The beat packer: every byte of a beat is the row's that it belongs to, or zero where the block ended before."""

from __future__ import annotations

from amaranth.hdl import Array, Mux, Signal, Value
from tests.formal.harness import Harness

from zeroskip.gateware.dense.packer import BeatPacker
from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.spec.dense import code_rows, raw_beats, raw_rows


def packer(h: Harness, *, pixels: int) -> None:
    """Rows of one mode, any block ends: any one byte of the beats against a copy of the rows since the beat began."""
    h.m.submodules.dut = dut = BeatPacker(pixels=pixels)
    requantise = h.constant("requantise")
    h.drive(dut, requantise=requantise)
    double = ~requantise & (raw_beats(pixels) > 1)
    second = h.past(dut.en & double)
    h.assume(~second | (~dut.en & (dut.raw.as_value() == h.past(dut.raw))))
    byte = h.constant("byte", range(BEAT_BYTES))
    codes = _bytes(h, dut, dut.codes.as_value(), code_rows(pixels))
    raw = _bytes(h, dut, dut.raw.as_value(), raw_rows(pixels))
    wanted = h.past(Mux(requantise, Array(codes)[byte], Array(raw[:BEAT_BYTES])[byte]))
    place = Signal(range(code_rows(pixels)))
    full = dut.en & (dut.last | (place == Mux(requantise, code_rows(pixels), raw_rows(pixels)) - 1))
    with h.m.If(dut.en):
        h.m.d.sync += place.eq(Mux(full, 0, place + 1))
    found = dut.beat.word_select(byte, 8)
    h.prove(dut.beat_valid == h.past(full | second))
    h.prove(~h.past(full) | (found == wanted))
    if raw_beats(pixels) > 1:
        h.prove(~h.past(second) | (found == h.past(Array(raw[BEAT_BYTES:])[byte])))
    h.cover(dut.beat_valid & requantise & (byte == BEAT_BYTES - 1) & (found == 5))
    h.cover(dut.beat_valid & ~requantise & (byte == BEAT_BYTES - 4) & (found == 5))


def _bytes(h: Harness, dut: BeatPacker, row: Value, count: int) -> list[Value]:
    """Of all rows of the beat that the row of this cycle belongs to; those of rows that did not come are zero."""
    kept = [Signal(row.shape(), name="kept") for _ in range(count)]
    at = Signal(range(count + 1))
    ends = dut.last | (at == count - 1)
    now = [Mux(dut.en & (at == number), row, Mux(at < number, 0, old)) for number, old in enumerate(kept)]
    with h.m.If(dut.en):
        h.m.d.sync += [at.eq(Mux(ends, 0, at + 1)), *(old.eq(new) for old, new in zip(kept, now, strict=True))]
    return [byte for line in now for byte in (line[at : at + 8] for at in range(0, len(row), 8))]
