"""The AXI4-Lite slave keeps the protocol, and answers with the register that was asked for."""

from __future__ import annotations

from amaranth.hdl import Mux, Signal
from tests.formal.harness import Harness

from zeroskip.gateware.axi.lite import OKAY, READ_LATENCY, SLVERR, WRITE_LATENCY, AxiLiteRegisters
from zeroskip.spec.axi import REGISTER_BYTES


def axi_lite(h: Harness, *, count: int) -> None:
    """Any master, even one that withdraws what it offers, and any wait for a value; one answer to each access, in time,
    that stays."""
    h.m.submodules.dut = dut = AxiLiteRegisters(count=count)
    h.drive(dut)
    write, read = dut.awvalid & dut.awready, dut.arvalid & dut.arready
    h.prove(write == (dut.wvalid & dut.wready))
    _answers(h, write, dut.bvalid, dut.bready, WRITE_LATENCY)
    asked, waits = Signal.like(dut.index), Signal()
    fetched = waits & (dut.given | (asked >= count))
    with h.m.If(read):
        h.m.d.sync += [asked.eq(dut.araddr[2:]), waits.eq(1)]
    with h.m.Elif(fetched):
        h.m.d.sync += waits.eq(0)
    h.prove(dut.asked == waits)
    h.prove(~waits | (dut.index == asked))
    h.prove(~(read & (waits | dut.rvalid)))
    _answers(h, fetched, dut.rvalid, dut.rready, READ_LATENCY - 1)
    for valid, ready, payload in ((dut.bvalid, dut.bready, dut.bresp), (dut.rvalid, dut.rready, dut.rdata),
                                  (dut.rvalid, dut.rready, dut.rresp)):
        h.prove(~h.past(valid & ~ready) | (valid & (payload == h.past(payload))))
    index = dut.awaddr[2:]
    h.prove(dut.written == h.past(write & (index < count)))
    h.prove(~h.past(write) | ((dut.data == h.past(dut.wdata)) & (dut.strobe == h.past(dut.wstrb))
                              & (dut.target == h.past(index))
                              & (dut.bresp == h.past(Mux(index < count, OKAY, SLVERR)))))
    h.prove(~h.past(fetched) | ((dut.rdata == h.past(Mux(asked < count, dut.value, 0)))
                                & (dut.rresp == h.past(Mux(asked < count, OKAY, SLVERR)))))
    h.cover(dut.rvalid & dut.rready & (dut.rdata == 5) & (h.past(dut.rvalid)))
    h.cover(dut.rvalid & (dut.rresp == SLVERR) & dut.bvalid & (dut.bresp == SLVERR))
    h.cover(dut.written & (dut.target == count - 1) & (dut.strobe == (1 << REGISTER_BYTES) - 1))


def _answers(h: Harness, accepted: Signal, valid: Signal, ready: Signal, latency: int) -> None:
    """One access under way at most; its answer comes `latency` cycles later, and no other does."""
    open_, age = Signal(), Signal(range(latency + 1))
    with h.m.If(accepted):
        h.m.d.sync += [open_.eq(1), age.eq(1)]
    with h.m.Elif(valid & ready):
        h.m.d.sync += open_.eq(0)
    with h.m.Elif(age != latency):
        h.m.d.sync += age.eq(age + 1)
    h.prove(~(accepted & open_ & ~(valid & ready)))
    h.prove(valid == (open_ & (age == latency)))
    h.cover(valid & ready)
