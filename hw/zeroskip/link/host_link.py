"""The part of a board's top that answers the host: requests in, answers out, an engine behind it."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal, Value, ValueLike
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.axi.ports import RESET_CYCLES
from zeroskip.gateware.axi.top import AxiTop
from zeroskip.link.buffers import BeatQueue, RequestBuffer
from zeroskip.link.frame import (
    ADDRESS_BYTES,
    ANSWER_HEAD,
    BUFFER_BYTES,
    LAST,
    BeatSize,
    Command,
    Status,
    number_bytes,
)
from zeroskip.link.framing import Deframer, Framer
from zeroskip.spec.axi import REGISTER_BYTES, REGISTERS, STREAMS_IN

QUEUE_BYTES = 1024
PATIENCE = 1024
"""Cycles that a request for results waits for the next beat."""
SETTLE_CYCLES = RESET_CYCLES + 2


class HostLink(wiring.Component):
    """Answers the requests of :mod:`zeroskip.link.frame`, one after the other.

    A request with the sequence number of the last one is not done again: its answer is sent once more.

    Parameters
    ----------
    boundary
        The engine behind its AXI ports.

    Members
    -------
    receive : In(stream.Signature(8))
        Always taken.
    transmit : Out(stream.Signature(8))
    """

    def __init__(self, boundary: AxiTop) -> None:
        self._boundary = boundary
        self._size = BeatSize(data=boundary.beat_bytes, number=number_bytes(boundary.number_bits))
        super().__init__({"receive": In(stream.Signature(8)), "transmit": Out(stream.Signature(8))})

    def elaborate(self, platform: object) -> Module:
        """Frames at both ends, the engine's queues, and the machine between them."""
        m = Module()
        m.submodules.boundary = self._boundary
        m.submodules.deframer = deframer = Deframer()
        m.submodules.framer = framer = Framer()
        m.submodules.request = self._request = request = RequestBuffer()
        wiring.connect(m, wiring.flipped(self.receive), deframer.bytes)
        wiring.connect(m, framer.bytes, wiring.flipped(self.transmit))
        m.d.comb += [getattr(request, name).eq(getattr(deframer, name)) for name in ("data", "strobe", "good", "bad")]
        self._clear = Signal(name="clear_queues")
        self._queues = {name: BeatQueue(depth=QUEUE_BYTES, beat_bytes=self._size.data) for name in STREAMS_IN}
        for name, queue in self._queues.items():
            m.submodules[f"{name}_queue"] = ResetInserter(self._clear)(queue)
            self._feed(m, name, queue)
        m.submodules.answer = answer = Memory(shape=8, depth=BUFFER_BYTES, init=[])
        self._write, self._read = answer.write_port(), answer.read_port()
        self._status, self._length = Signal(Status), Signal(range(BUFFER_BYTES))
        self._ended = Signal(name="stream_ended")
        self._place = Signal(range(BUFFER_BYTES))
        with m.FSM(name="link"):
            self._decide(m)
            self._greet(m)
            self._copy(m)
            self._collect(m)
            self._ask(m)
            self._set(m)
            self._reset(m)
            self._reply(m, framer)
        return m

    def _feed(self, m: Module, name: str, queue: BeatQueue) -> None:
        port = f"s_axis_{name}_"
        m.d.comb += [
            getattr(self._boundary, port + "tdata").eq(queue.beats.payload.data),
            getattr(self._boundary, port + "tlast").eq(queue.beats.payload.last),
            getattr(self._boundary, port + "tvalid").eq(queue.beats.valid),
            queue.beats.ready.eq(getattr(self._boundary, port + "tready")),
        ]

    def _decide(self, m: Module) -> None:
        """A request is there: is it new, and what does it want?"""
        request = self._request
        known, last = Signal(name="known"), Signal(8, name="last_sequence")
        self._brief = brief = Signal(name="brief")  # an answer that leaves the kept one as it is
        with m.State("wait"):
            m.d.sync += [self._place.eq(0), brief.eq(0)]
            with m.If(request.held):
                m.next = "decide"
        with m.State("decide"):
            m.next = "reply"
            with m.If(request.command == Command.HELLO):
                m.d.sync += [known.eq(1), last.eq(request.sequence)]
                self._answer(m, Status.OK)
                m.next = "greet"
            with m.Elif(known & (request.sequence == last)):
                pass  # the kept answer once more
            with m.Elif(~known | (request.sequence != (last + 1)[:8])):
                m.d.sync += brief.eq(1)
            with m.Else():
                m.d.sync += last.eq(request.sequence)
                self._answer(m, Status.WRONG)
                self._choose(m)

    def _choose(self, m: Module) -> None:
        """What a new request wants, if it is as it should be."""
        request, status, beat = self._request, self._status, self._size.data
        length, arguments = request.length, request.arguments
        count = length // beat
        with m.Switch(request.command):
            with m.Case(Command.RESET):
                m.next = "reset"
            for command, name in ((Command.PROGRAM, "program"), (Command.MAP, "map")):
                with m.Case(command):
                    whole = (length % beat == 1) & (count != 0) & (count <= self._size.in_request)
                    with m.If(whole & (self._queues[name].room >= count)):
                        m.next = f"copy {name}"
                    with m.Elif(whole):
                        m.d.sync += status.eq(Status.BUSY)
            with m.Case(Command.RESULT):
                with m.If((length == 1) & (arguments[:8] != 0) & (arguments[:8] <= self._size.in_answer)):
                    m.next = "collect"
            with m.Case(Command.REGISTER):
                with m.If(length == ADDRESS_BYTES):
                    m.next = "ask"
            with m.Case(Command.WRITE):
                with m.If(length == ADDRESS_BYTES + REGISTER_BYTES):
                    m.next = "set"

    def _greet(self, m: Module) -> None:
        """How large beats are into the answer."""
        write, length = self._write, self._length
        with m.State("greet"):
            m.d.comb += [write.addr.eq(length), write.en.eq(1),
                         write.data.eq(Mux(length[0], self._size.number, self._size.data))]
            m.d.sync += length.eq(length + 1)
            with m.If(length[0]):
                m.next = "reply"

    def _answer(self, m: Module, status: Status) -> None:
        m.d.sync += [self._status.eq(status), self._length.eq(0), self._ended.eq(0)]

    def _copy(self, m: Module) -> None:
        """Beats from the request to a queue; there is room for them."""
        request, place = self._request, self._place
        final = Signal(name="final_byte")
        m.d.comb += final.eq(place == request.length - 1)
        for name, queue in self._queues.items():
            with m.State(f"copy {name}"):
                m.d.comb += request.address.eq(1)
                m.d.sync += place.eq(1)
                m.next = f"move {name}"
            with m.State(f"move {name}"):
                m.d.comb += [
                    request.address.eq(place + 1), queue.bytes.valid.eq(1),
                    queue.bytes.payload.eq(Cat(request.byte, final & (request.arguments[:8] & LAST).any())),
                ]
                m.d.sync += place.eq(place + 1)
                with m.If(final):
                    m.d.sync += self._status.eq(Status.OK)
                    m.next = "reply"

    def _collect(self, m: Module) -> None:
        """Beats of the result into the answer, until there is no more for a while."""
        boundary, write, length = self._boundary, self._write, self._length
        size = self._size.answered
        beat, left = Signal(8 * size, name="result_beat"), Signal(range(size + 1), name="bytes_left")
        patience, count = Signal(range(PATIENCE), name="patience"), Signal(8, name="beats_collected")
        numbered = Cat(boundary.m_axis_result_tdata, boundary.m_axis_result_tuser if self._size.number else Cat())
        with m.State("collect"):
            m.d.comb += [write.addr.eq(length), write.data.eq(beat[:8]), write.en.eq(left != 0)]
            m.d.sync += self._status.eq(Status.OK)
            with m.If(left != 0):
                m.d.sync += [left.eq(left - 1), beat.eq(beat >> 8), length.eq(length + 1), patience.eq(0)]
            with m.Elif(self._ended | (count == self._request.arguments[:8]) | (patience == PATIENCE - 1)):
                m.d.sync += [patience.eq(0), count.eq(0)]
                m.next = "reply"
            with m.Else():
                m.d.comb += boundary.m_axis_result_tready.eq(1)
                m.d.sync += [beat.eq(numbered), patience.eq(patience + 1)]
                with m.If(boundary.m_axis_result_tvalid):
                    m.d.sync += [left.eq(size), count.eq(count + 1), self._ended.eq(boundary.m_axis_result_tlast)]

    def _ask(self, m: Module) -> None:
        """A register's four bytes into the answer."""
        boundary, write, length = self._boundary, self._write, self._length
        value, right = Signal(8 * REGISTER_BYTES, name="register_value"), Signal(name="register_there")
        address = self._request.arguments[: 8 * ADDRESS_BYTES]
        with m.State("ask"):
            with m.If(~_is_register(address)):
                m.next = "reply"
            with m.Else():
                m.d.comb += [boundary.s_axil_araddr.eq(address), boundary.s_axil_arvalid.eq(1)]
                with m.If(boundary.s_axil_arready):
                    m.next = "hear"
        with m.State("hear"):
            m.d.comb += boundary.s_axil_rready.eq(1)
            m.d.sync += [value.eq(boundary.s_axil_rdata), right.eq(boundary.s_axil_rresp == 0)]
            with m.If(boundary.s_axil_rvalid):
                m.next = "keep"
        with m.State("keep"):
            m.d.comb += [write.addr.eq(length), write.data.eq(value[:8]), write.en.eq(1)]
            m.d.sync += [value.eq(value >> 8), length.eq(length + 1)]
            with m.If(length == REGISTER_BYTES - 1):
                m.d.sync += self._status.eq(Mux(right, Status.OK, Status.WRONG))
                m.next = "reply"

    def _set(self, m: Module) -> None:
        """A register's new value."""
        boundary, arguments = self._boundary, self._request.arguments
        address, value = arguments[: 8 * ADDRESS_BYTES], arguments[8 * ADDRESS_BYTES :]
        with m.State("set"):
            with m.If(~_is_register(address)):
                m.next = "reply"
            with m.Else():
                self._write_register(m, address, value, strobe=(1 << REGISTER_BYTES) - 1)
                with m.If(boundary.s_axil_awready & boundary.s_axil_wready):
                    m.next = "confirm"
        with m.State("confirm"):
            m.d.comb += boundary.s_axil_bready.eq(1)
            m.d.sync += self._status.eq(Status.OK)
            with m.If(boundary.s_axil_bvalid):
                m.next = "reply"

    def _write_register(self, m: Module, address: ValueLike, value: ValueLike, *, strobe: int) -> None:
        boundary = self._boundary
        m.d.comb += [
            boundary.s_axil_awaddr.eq(address), boundary.s_axil_awvalid.eq(1), boundary.s_axil_wdata.eq(value),
            boundary.s_axil_wstrb.eq(strobe), boundary.s_axil_wvalid.eq(1),
        ]

    def _reset(self, m: Module) -> None:
        """The engine by its control register, the queues with it; all is quiet before the answer."""
        boundary, place = self._boundary, self._place
        with m.State("reset"):
            m.d.comb += self._clear.eq(1)
            self._write_register(m, REGISTERS["control"].address, 1, strobe=1)
            with m.If(boundary.s_axil_awready & boundary.s_axil_wready):
                m.next = "settle"
        with m.State("settle"):
            m.d.comb += [self._clear.eq(1), boundary.s_axil_bready.eq(1)]
            m.d.sync += [place.eq(place + 1), self._status.eq(Status.OK)]
            with m.If(place == SETTLE_CYCLES):
                m.next = "reply"

    def _reply(self, m: Module, framer: Framer) -> None:
        """The head, then what is kept; the request is done with."""
        place, brief = Signal(range(BUFFER_BYTES + ANSWER_HEAD), name="answer_place"), self._brief
        shown, content = Signal(name="shown"), framer.content
        program, map_ = self._queues["program"], self._queues["map"]
        flags = Cat(self._ended & ~brief, program.waits)
        head = (self._request.sequence, Mux(brief, Status.OUT_OF_STEP, self._status), self._request.errors,
                program.room, map_.room, flags)
        end = Signal(range(BUFFER_BYTES + ANSWER_HEAD), name="answer_end")
        m.d.comb += [self._read.addr.eq(place - ANSWER_HEAD), end.eq(Mux(brief, 0, self._length) + (ANSWER_HEAD - 1))]
        with m.State("reply"):
            m.d.comb += content.payload.last.eq(place == end)
            with m.Switch(place):
                for at, value in enumerate(head):
                    with m.Case(at):
                        m.d.comb += content.payload.data.eq(value)
                with m.Default():
                    m.d.comb += content.payload.data.eq(self._read.data)
            m.d.comb += content.valid.eq(shown)
            m.d.sync += shown.eq(1)
            with m.If(content.valid & content.ready):
                m.d.sync += [place.eq(place + 1), shown.eq(0)]
                with m.If(content.payload.last):
                    m.d.sync += place.eq(0)
                    m.d.comb += self._request.done.eq(1)
                    m.next = "done"
        with m.State("done"):
            m.next = "wait"


def _is_register(address: Value) -> Value:
    """Whether there is a register at that address."""
    return (address < REGISTER_BYTES * len(REGISTERS)) & (address % REGISTER_BYTES == 0)
