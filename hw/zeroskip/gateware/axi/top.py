"""The AXI top of a chip: AXI4-Stream and AXI4-Lite around an engine, and the counters."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, ResetInserter, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.axi.counters import COUNTER_LATENCY, RESULTS_BITS, Counters
from zeroskip.gateware.axi.lite import READ_LATENCY, WRITE_LATENCY, AxiLiteRegisters, address_bits, axi_lite_members
from zeroskip.gateware.axi.ports import RESET_CYCLES, engine_members
from zeroskip.spec.axi import (
    BEAT_BYTES,
    CONTROL,
    COUNTERS,
    ERROR_AT,
    IDENTITY,
    REGISTER_BYTES,
    REGISTERS,
    STREAM_OUT,
    STREAMS_IN,
)


def stream_members(name: str, *, out: bool, beat_bytes: int, number_bits: int = 0) -> dict:
    """Members of one AXI4-Stream, named as Verilog wants them: ``s_axis_NAME_tdata`` and so on."""
    forward, back, prefix = (Out, In, "m") if out else (In, Out, "s")
    signals = {"tdata": forward(8 * beat_bytes), "tvalid": forward(1), "tready": back(1), "tlast": forward(1)}
    if number_bits:
        signals |= {"tkeep": forward(beat_bytes), "tuser": forward(number_bits)}
    return {f"{prefix}_axis_{name}_{signal}": flow for signal, flow in signals.items()}


class AxiTop(wiring.Component):
    """An engine behind AXI ports, with counters that a host reads.

    The streams pass through without a register: what the engine offers in a cycle is on the wires in that cycle. A
    reset by the control register takes `RESET_CYCLES`, in which no stream moves.

    Parameters
    ----------
    engine
        A component with the members of :func:`zeroskip.gateware.axi.ports.engine_members`.
    multipliers
        Multipliers of the engine.
    beat_bytes
        Bytes of a beat of its streams.
    number_bits
        Bits of the number of a beat of the result, 0 where they come in order.
    watch
        What the engine's port ``watch`` has, which then leaves the top, too; default: there is none.

    Members
    -------
    ``s_axis_program_*``, ``s_axis_map_*``: AXI4-Stream in (``tdata``, ``tvalid``, ``tready``, ``tlast``).
    ``m_axis_result_*``: AXI4-Stream out; where beats may come in any order, ``tuser`` is a beat's number and ``tkeep``
    says which of its bytes count.
    ``s_axil_*``: AXI4-Lite slave; registers as in ``REGISTERS``.

    Raises
    ------
    TypeError
        `engine` does not have the members of an engine with that many multipliers.
    """

    def __init__(self, engine: wiring.Component, *, multipliers: int, beat_bytes: int = BEAT_BYTES,
                 number_bits: int = 0, watch: data.StructLayout | None = None) -> None:
        wanted = wiring.Signature(engine_members(multipliers, beat_bytes=beat_bytes, number_bits=number_bits,
                                                 watch=watch))
        if getattr(engine, "signature", None) != wanted:
            raise TypeError(f"engine must have the members of an engine of {multipliers} multipliers, "
                            f"not {getattr(engine, 'signature', engine)!r}")
        self._engine = engine
        self._multipliers, self._beat_bytes, self._number_bits = multipliers, beat_bytes, number_bits
        self._watch = watch
        members: dict = {}
        for name in STREAMS_IN:
            members |= stream_members(name, out=False, beat_bytes=beat_bytes)
        members |= stream_members(STREAM_OUT, out=True, beat_bytes=beat_bytes, number_bits=number_bits)
        members |= {f"s_axil_{name}": flow for name, flow in axi_lite_members(address_bits(len(REGISTERS))).items()}
        members |= {"watch": Out(watch)} if watch else {}
        super().__init__(members)

    @property
    def multipliers(self) -> int:
        """Multipliers of the engine."""
        return self._multipliers

    @property
    def beat_bytes(self) -> int:
        """Bytes of a beat of each stream."""
        return self._beat_bytes

    @property
    def number_bits(self) -> int:
        """Bits of the number of a beat of the result, 0 where they come in order."""
        return self._number_bits

    @property
    def watch_fields(self) -> dict[str, tuple[int, int]] | None:
        """The lowest bit and the bits of each field of the port ``watch``, where there is one."""
        return {name: (field.offset, field.width) for name, field in self._watch} if self._watch else None

    @property
    def latencies(self) -> dict[str, int]:
        """Cycles that the AXI top itself takes; to read a counter, the most: it waits for its turn."""
        return {"streams": 0, "counters": COUNTER_LATENCY, "register_read": READ_LATENCY,
                "counter_read": READ_LATENCY + len(COUNTERS), "register_write": WRITE_LATENCY}

    def elaborate(self, platform: object) -> Module:
        """The engine and the counters under a common reset, from a register; the registers beside them."""
        m = Module()
        asked, reset = Signal(name="reset_asked"), Signal(name="soft_reset", init=1)
        left = Signal(range(RESET_CYCLES), init=RESET_CYCLES - 1)
        m.d.sync += [reset.eq(asked | (left != 0)), left.eq(Mux(asked, RESET_CYCLES - 1, left - (left != 0)))]
        m.submodules.engine = self._engine
        m.d.comb += self._engine.reset.eq(reset)
        counters = Counters(multipliers=self._multipliers)
        m.submodules.counters = ResetInserter(reset)(counters)
        m.submodules.registers = registers = AxiLiteRegisters(count=len(REGISTERS))
        self._connect_streams(m, reset)
        self._connect_counters(m, counters)
        self._connect_registers(m, asked, registers, counters)
        return m

    def _connect_streams(self, m: Module, reset: Signal) -> None:
        for name in STREAMS_IN:
            stream, port = getattr(self._engine, name), f"s_axis_{name}_"
            m.d.comb += [
                stream.payload.data.eq(getattr(self, port + "tdata")),
                stream.payload.last.eq(getattr(self, port + "tlast")),
                stream.valid.eq(getattr(self, port + "tvalid")),
                getattr(self, port + "tready").eq(stream.ready & ~reset),
            ]
        result = self._engine.result
        m.d.comb += [
            self.m_axis_result_tdata.eq(result.payload.data), self.m_axis_result_tlast.eq(result.payload.last),
            self.m_axis_result_tvalid.eq(result.valid & ~reset), result.ready.eq(self.m_axis_result_tready),
        ]
        if self._watch:
            m.d.comb += self.watch.eq(self._engine.watch)
        if self._number_bits:
            m.d.comb += [self.m_axis_result_tkeep.eq(result.payload.keep),
                         self.m_axis_result_tuser.eq(result.payload.number)]

    def _connect_counters(self, m: Module, counters: Counters) -> None:
        engine, events = self._engine, counters.events
        m.d.comb += [
            events.program_taken.eq(engine.program.valid & engine.program.ready),
            events.map_taken.eq(engine.map.valid & engine.map.ready),
            events.map_missing.eq(engine.map.ready & ~engine.map.valid),
            events.result_taken.eq(engine.result.valid & engine.result.ready),
            events.result_last.eq(engine.result.payload.last),
            events.result_blocked.eq(engine.result.valid & ~engine.result.ready),
            events.waiting.eq(engine.waiting), events.draining.eq(engine.draining),
            counters.issued.eq(engine.issued), counters.gated.eq(engine.gated),
            counters.idle.eq(engine.idle),
        ]

    def _connect_registers(self, m: Module, asked: Signal, registers: AxiLiteRegisters, counters: Counters) -> None:
        for name, flow in axi_lite_members(registers.address_bits).items():
            port, inner = getattr(self, f"s_axil_{name}"), getattr(registers, name)
            m.d.comb += inner.eq(port) if flow.flow == In else port.eq(inner)
        waited, value, first = Signal(name="waited"), Signal(32, name="register_value"), len(CONTROL)
        m.d.sync += waited.eq(registers.asked)
        # A counter is read from the second cycle on, so that all is in it that came before the address.
        m.d.comb += registers.given.eq(waited & (registers.index == counters.number + first))
        m.d.comb += value.eq(counters.value)
        status = self._engine.busy | self._engine.error << ERROR_AT
        for number, known in enumerate((IDENTITY, 0, status, 0)):
            with m.If(registers.index == number):
                m.d.comb += [registers.given.eq(1), value.eq(known)]
        m.d.comb += registers.value.eq(value)
        written = {name: registers.written & (registers.target == REGISTERS[name].address // REGISTER_BYTES)
                   for name in ("control", "results")}
        results = Signal(RESULTS_BITS, init=1)
        m.d.comb += [asked.eq(written["control"] & registers.strobe[0] & registers.data[0]),
                     counters.results.eq(results)]
        with m.If(asked):
            m.d.sync += results.eq(1)
        with m.Elif(written["results"] & registers.strobe[:2].all()):
            m.d.sync += results.eq(registers.data)
