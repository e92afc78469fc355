"""The last stage of the dense array's way out: `last` on the layer's last beat."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.axi.ports import Beat
from zeroskip.gateware.dense.structs import LAYER_LAYOUT
from zeroskip.spec.axi import BEAT_BYTES


class ResultStream(wiring.Component):
    """Counts the beats of a layer, a beat a cycle, `latency` cycles each.

    Members
    -------
    beats : In(stream.Signature(128))
    result : Out(stream.Signature(Beat))
    count : In(24)
        Beats of the layer, at least 1.
    start : In(1)
        A new layer; not while a beat is under way.
    """

    def __init__(self) -> None:
        super().__init__({
            "beats": In(stream.Signature(8 * BEAT_BYTES)),
            "result": Out(stream.Signature(Beat)),
            "count": In(LAYER_LAYOUT["result_beats"].shape),
            "start": In(1),
        })

    @property
    def latency(self) -> int:
        """Cycles from a beat in to the beat out."""
        return 1

    def elaborate(self, platform: object) -> Module:
        """A register that takes a beat when it is free, and a count."""
        m = Module()
        number = Signal.like(self.count, name="number", init=1)
        taken, last = Signal(), Signal()
        m.d.comb += [
            self.beats.ready.eq(self.result.ready | ~self.result.valid),
            taken.eq(self.beats.valid & self.beats.ready),
            last.eq(number == self.count),
        ]
        with m.If(self.beats.ready):
            m.d.sync += self.result.valid.eq(self.beats.valid)
        with m.If(taken):
            m.d.sync += [self.result.p.data.eq(self.beats.payload), self.result.p.last.eq(last), number.eq(number + 1)]
        with m.If(self.start | (taken & last)):
            m.d.sync += number.eq(1)
        return m
