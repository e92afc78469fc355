"""The units' beats become one stream."""

from __future__ import annotations

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.axi.ports import Beat
from zeroskip.gateware.primitives.choose import choose
from zeroskip.gateware.primitives.size import positive
from zeroskip.spec.axi import BEAT_BYTES


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
