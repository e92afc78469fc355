# amaranth: UnusedElaboratable=no
"""The boundary passes on what the engine offers and takes, and nothing while it is reset."""

from __future__ import annotations

from unittest.mock import patch

from amaranth.hdl import Cat, Module, Value
from amaranth.lib import wiring
from tests.formal.harness import Harness

import zeroskip.gateware.axi.top
from zeroskip.gateware.axi.lite import WRITE_LATENCY
from zeroskip.gateware.axi.ports import engine_members
from zeroskip.gateware.axi.top import AxiTop
from zeroskip.spec.axi import REGISTER_BYTES, REGISTERS, STREAMS_IN

RESET_CYCLES = 3
"""Of a reset, fewer than there are, for solvers."""


class AnyEngine(wiring.Component):
    """The ports of an engine, and nothing behind them: the harness says what it does."""

    def elaborate(self, platform: object) -> Module:
        """Nothing."""
        return Module()


def boundary(h: Harness, *, beat_bytes: int, number_bits: int) -> None:
    """Any engine that keeps what it offers until it is taken, unless it is reset; results numbered or not."""
    shape = {"beat_bytes": beat_bytes, "number_bits": number_bits}
    engine = AnyEngine(engine_members(1, **shape))
    dut = AxiTop(engine, multipliers=1, **shape)
    with patch.object(zeroskip.gateware.axi.top, "RESET_CYCLES", RESET_CYCLES):
        h.m.submodules.dut = dut.elaborate(None)
    h.drive(dut)
    h.drive(wiring.flipped(engine))
    accepted = dut.s_axil_awvalid & dut.s_axil_awready & dut.s_axil_wvalid & dut.s_axil_wready
    control = (dut.s_axil_awaddr[2:] == REGISTERS["control"].address // REGISTER_BYTES) & dut.s_axil_wstrb[0]
    asked = accepted & control & dut.s_axil_wdata[0]
    resets = [h.past(asked, WRITE_LATENCY + 1 + cycle) for cycle in range(RESET_CYCLES)]
    reset = Cat(*resets, ~h.past(1, RESET_CYCLES)).any()  # it begins with one
    h.prove(engine.reset == reset)
    h.assume(h.keeps(engine.result) | h.past(reset))

    valid, ready = dut.m_axis_result_tvalid, dut.m_axis_result_tready
    data = Cat(getattr(dut, f"m_axis_result_{name}")
               for name in ("tdata", "tlast", *(("tkeep", "tuser") if number_bits else ())))
    h.prove(~h.past(valid & ~ready) | reset | (valid & (data == h.past(data))))
    h.prove(valid == (engine.result.valid & ~reset))
    h.prove(reset | (engine.result.ready == ready))
    h.prove(~valid | (data == Value.cast(engine.result.payload)))
    for name in STREAMS_IN:
        port, inner = f"s_axis_{name}_", getattr(engine, name)
        moved = getattr(dut, port + "tvalid") & getattr(dut, port + "tready")
        h.prove(moved == (inner.valid & inner.ready & ~reset))
        h.prove(~moved | (Value.cast(inner.payload) == Cat(getattr(dut, port + "tdata"), getattr(dut, port + "tlast"))))
        h.cover(moved)
    h.cover(reset & engine.result.valid & h.past(valid & ~ready))
    h.cover(h.past(valid & ~ready) & ready & (dut.m_axis_result_tlast == 1))
