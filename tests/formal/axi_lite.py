"""The AXI4-Lite slave keeps the protocol, and answers with the register that was asked for."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Mux, Signal
from tests.formal.harness import Harness

from zeroskip.axi_lite import BYTES, OKAY, READ_LATENCY, SLVERR, WRITE_LATENCY, AxiLiteRegisters


def axi_lite(h: Harness, *, count: int) -> None:
    """Any master, even one that withdraws what it offers; one answer to each access, in time, that stays."""
    h.m.submodules.dut = dut = AxiLiteRegisters(count=count)
    h.drive(dut)
    write, read = dut.awvalid & dut.awready, dut.arvalid & dut.arready
    h.prove(write == (dut.wvalid & dut.wready))
    _answers(h, write, dut.bvalid, dut.bready, WRITE_LATENCY)
    _answers(h, read, dut.rvalid, dut.rready, READ_LATENCY)
    for valid, ready, payload in ((dut.bvalid, dut.bready, dut.bresp), (dut.rvalid, dut.rready, dut.rdata),
                                  (dut.rvalid, dut.rready, dut.rresp)):
        h.prove(~h.past(valid & ~ready) | (valid & (payload == h.past(payload))))
    index = dut.awaddr[2:]
    h.prove(dut.written == h.past(Cat(write & (index == number) for number in range(count))))
    h.prove(~h.past(write) | ((dut.data == h.past(dut.wdata)) & (dut.strobe == h.past(dut.wstrb))
                              & (dut.bresp == h.past(Mux(index < count, OKAY, SLVERR)))))
    asked, fetched = h.past(dut.araddr[2:]), h.past(read)
    value = Mux(asked < count, Array(getattr(dut, f"value_{number}") for number in range(count))[asked], 0)
    h.prove(~h.past(fetched) | ((dut.rdata == h.past(value)) & (dut.rresp == h.past(Mux(asked < count, OKAY, SLVERR)))))
    h.cover(dut.rvalid & dut.rready & (dut.rdata == 5) & (h.past(dut.rvalid)))
    h.cover(dut.rvalid & (dut.rresp == SLVERR) & dut.bvalid & (dut.bresp == SLVERR))
    h.cover(dut.written[count - 1] & (dut.strobe == (1 << BYTES) - 1))


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
