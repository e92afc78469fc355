"""The vector engine as the AXI top wants an engine: its reset, its account, its errors."""

from __future__ import annotations

from amaranth.hdl import ClockDomain, ClockSignal, DomainRenamer, Module, Mux, ResetSignal, Signal
from amaranth.lib import data, wiring

from zeroskip.gateware.array.accounting import Accounting
from zeroskip.gateware.array.engine import Engine
from zeroskip.gateware.axi.ports import engine_members
from zeroskip.gateware.lane.output import result_layout
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.program import OVERRUN
from zeroskip.spec.words import sync


def watch_layout(config: EngineConfig) -> data.StructLayout:
    """A word on the write bus, and the step that the lanes are at."""
    return data.StructLayout({"step": sync(config).widths["step"], **{
        name: field.shape for name, field in result_layout(config) if name != "data"}, "data": 8 * config.banks})


MOST_IMAGES = 4
"""Images that have begun and have not left, at most."""


class AxiEngine(wiring.Component):
    """A vector engine with the members of an engine.

    Parameters
    ----------
    config
        Its shape.
    watch
        Whether it has the port ``watch``.

    Members
    -------
    See :func:`zeroskip.gateware.axi.ports.engine_members`.
    """

    def __init__(self, *, config: EngineConfig, watch: bool = False) -> None:
        self._config, self._watch = config, watch
        super().__init__(engine_members(config.multipliers, beat_bytes=config.banks, number_bits=config.word_bits,
                                        watch=watch_layout(config) if watch else None))

    def elaborate(self, platform: object) -> Module:
        """A reset of its own; streams as they are; the account."""
        m = Module()
        engine, accounting = Engine(config=self._config), Accounting(config=self._config)
        m.domains.engine = ClockDomain(local=True)
        m.d.comb += [ClockSignal("engine").eq(ClockSignal()), ResetSignal("engine").eq(self.reset)]
        m.submodules.engine = DomainRenamer("engine")(engine)
        m.submodules.accounting = DomainRenamer("engine")(accounting)
        self._streams(m, engine)
        done, images = Signal(name="image_leaves"), Signal(range(MOST_IMAGES + 1), name="images_at_work")
        loading = Signal(name="loading")
        m.d.comb += [done.eq(self.result.valid & self.result.ready & self.result.payload.last),
                     self.error.eq(Mux(engine.overrun, OVERRUN, engine.error)), self.busy.eq(loading | (images != 0))]
        m.d.engine += images.eq(images + engine.begun - done)
        with m.If(engine.idle):  # what was at work is gone
            m.d.engine += images.eq(0)
        with m.If(self.program.valid & self.program.ready):
            m.d.engine += loading.eq(1)
        with m.If(done):
            m.d.engine += loading.eq(0)
        self._account(m, engine, accounting, images != 0)
        if self._watch:
            m.d.comb += self.watch.step.eq(engine.step)
            m.d.comb += [getattr(self.watch, name).eq(getattr(engine.watch, name))
                         for name, _ in result_layout(self._config)]
        return m

    def _streams(self, m: Module, engine: Engine) -> None:
        result, own = engine.results, self.result
        m.d.comb += [
            engine.program.payload.data.eq(self.program.payload.data),
            engine.program.payload.last.eq(self.program.payload.last),
            engine.program.valid.eq(self.program.valid), self.program.ready.eq(engine.program.ready),
            engine.maps.payload.eq(self.map.payload.data), engine.maps.valid.eq(self.map.valid),
            self.map.ready.eq(engine.maps.ready),
            own.payload.data.eq(result.payload.data), own.payload.last.eq(result.payload.last),
            own.payload.keep.eq(result.payload.keep), own.payload.number.eq(result.payload.word),
            own.valid.eq(result.valid), result.ready.eq(own.ready),
        ]

    def _account(self, m: Module, engine: Engine, accounting: Accounting, pending: object) -> None:
        m.d.comb += [
            *(accounting.lanes[number].eq(engine.events[number]) for number in range(self._config.lanes)),
            *(accounting.gated[number].eq(engine.gated[number]) for number in range(self._config.lanes)),
            accounting.stuck.eq(engine.stuck), accounting.pending.eq(pending),
            self.issued.eq(accounting.issued), self.gated.eq(accounting.gated_slots), self.idle.eq(accounting.idle),
            self.waiting.eq(accounting.waiting), self.draining.eq(accounting.draining),
        ]
