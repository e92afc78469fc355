"""The testbench that runs inside the simulator: drivers, monitors, and the hardware's counters against its own."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.simtime import convert, get_sim_time
from cocotb.task import Task
from cocotb.triggers import ClockCycles, RisingEdge, Timer, ValueChange
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp, AxiStreamBus, AxiStreamSink, AxiStreamSource

from cosim.account import wrong_sum
from cosim.job import ENVIRONMENT, QUIET_CYCLES, WATCH_FILE, WATCHED, Job, Outcome, read_jobs, write_outcomes
from cosim.monitor import HandshakeLog
from zeroskip.files.writing import write_npz
from zeroskip.spec.axi import ERROR_AT
from zeroskip.spec.program import ERRORS
from zeroskip.spec.timing import FLUSH

PERIOD_NS = 10
STREAMS = {"program": "s_axis_program", "map": "s_axis_map", "result": "m_axis_result"}
SETTLE_CYCLES = 4
WORD = 4
"""Bytes of a register."""


def pauses(probability: float, seed: str) -> Iterator[bool]:
    """Whether to pause, for every cycle to come."""
    draw = random.Random(seed).random
    while True:
        yield draw() < probability


class Driver:
    """Put beats on a stream."""

    def __init__(self, dut: Any, prefix: str, beat_bytes: int) -> None:
        self.source = AxiStreamSource(AxiStreamBus.from_prefix(dut, prefix), dut.clk, byte_lanes=1)
        self._beat_bytes = beat_bytes

    def send(self, beats: np.ndarray) -> None:
        """Queue one packet."""
        raw, size = np.ascontiguousarray(beats, np.uint8).tobytes(), self._beat_bytes
        words = [int.from_bytes(raw[at : at + size], "little") for at in range(0, len(raw), size)]
        self.source.send_nowait(words)

    def drop(self) -> None:
        """Take back what was not sent yet."""
        self.source.clear()
        self.source.assert_reset()


class WholeBeats(AxiStreamBus):
    """A stream whose beats are taken as one number each: ``tkeep`` would have every byte read by itself."""

    _optional_signals = [name for name in AxiStreamBus._optional_signals if name != "tkeep"]  # noqa: RUF012


class Collector:
    """Take packets from a stream, the beats of each in the order of their numbers, where they have any."""

    def __init__(self, dut: Any, prefix: str, beat_bytes: int, *, numbered: bool) -> None:
        self.sink = AxiStreamSink(WholeBeats.from_prefix(dut, prefix), dut.clk, byte_lanes=1)
        self._beat_bytes, self._numbered = beat_bytes, numbered
        self.packets: list[np.ndarray] = []
        """Those that have come, uint8 (beats, bytes of a beat)."""

    async def wait(self, cycles: int, packets: int) -> bool:
        """Whether so many packets have come; gives up after so many cycles without one."""
        while len(self.packets) < packets:
            await self.sink.wait(timeout=cycles * PERIOD_NS, timeout_unit="ns")
            if self.sink.empty():
                return False
            self.packets.append(self._take())
        return True

    def _take(self) -> np.ndarray:
        frame, size = self.sink.recv_nowait(compact=False), self._beat_bytes
        raw = b"".join(word.to_bytes(size, "little") for word in frame.tdata)
        data = np.frombuffer(raw, np.uint8).reshape(-1, size)
        if not self._numbered:
            return data
        numbers = [frame.tuser] if isinstance(frame.tuser, int) else list(frame.tuser)
        if sorted(numbers) != list(range(len(data))):
            raise WrongError(f"the {len(data)} beats of a result are numbered {numbers[:20]} ...")
        found = np.zeros_like(data)
        found[numbers] = data  # bytes that do not count are not looked at by anybody
        return found

    def drop(self) -> None:
        """Forget what came."""
        self.packets.clear()
        self.sink.clear()
        self.sink.assert_reset()


class Monitor:
    """Log the handshakes of a stream."""

    def __init__(self, dut: Any, prefix: str, period: int) -> None:
        self.log = HandshakeLog(period=period)
        self._valid, self._ready = getattr(dut, f"{prefix}_tvalid"), getattr(dut, f"{prefix}_tready")
        for wire in (self._valid, self._ready):
            cocotb.start_soon(self._watch(ValueChange(wire)))

    async def _watch(self, change: ValueChange) -> None:
        valid, ready, log = self._valid, self._ready, self.log
        while True:
            await change
            log.change(get_sim_time("step"), valid.value == 1 and ready.value == 1)


class Watch:
    """Keep what a vector engine writes, word after word: rows of step, stream, word, mask; and its bytes."""

    def __init__(self, dut: Any, fields: dict[str, tuple[int, int]]) -> None:
        self.rows: list[list[int]] = []
        self.data: list[bytes] = []
        self._fields = fields
        cocotb.start_soon(self._watch(dut))

    async def _watch(self, dut: Any) -> None:
        at, size = self._fields["data"]
        edge = RisingEdge(dut.clk)
        while True:
            await edge
            word = int(dut.watch.value)
            if self._of(word, "valid"):
                self.rows.append([self._of(word, name) for name in WATCHED])
                self.data.append((word >> at & (1 << size) - 1).to_bytes(size // 8, "little"))

    def _of(self, word: int, name: str) -> int:
        start, size = self._fields[name]
        return word >> start & (1 << size) - 1

    def save(self, folder: Path) -> None:
        """Write ``watch.npz``: `rows` (words, 4) and `data`, uint8 (words, bytes of a beat)."""
        data = np.frombuffer(b"".join(self.data), np.uint8).reshape(len(self.rows), -1)
        write_npz(folder / WATCH_FILE, {"rows": np.array(self.rows, np.int64).reshape(-1, len(WATCHED)), "data": data})


class WrongError(Exception):
    """The hardware did something that it must not; the text says what."""


def _sent(job: Job) -> int:
    """Beats of the program and of all that follows it."""
    return len(job.program) + sum(map(len, job.later))


class Bench:
    """Drivers, monitors and the control port of one device under test."""

    def __init__(self, dut: Any, settings: dict[str, Any]) -> None:
        self.dut = dut
        self.registers: dict[str, int] = settings["registers"]
        self.counters: list[str] = settings["counters"]
        self.identity: int = settings["identity"]
        self.multipliers: int = settings["multipliers"]
        period = round(convert(PERIOD_NS, "ns", to="step"))
        size = self.beat_bytes = settings["beat_bytes"]
        self.drivers = {name: Driver(dut, STREAMS[name], size) for name in ("program", "map")}
        self.collector = Collector(dut, STREAMS["result"], size, numbered=settings["number_bits"] > 0)
        self.monitors = {name: Monitor(dut, prefix, period) for name, prefix in STREAMS.items()}
        self.control = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk)
        self.watch = Watch(dut, settings["watch"]) if settings["watch"] else None
        if settings["stall"]:
            ends = {name: driver.source for name, driver in self.drivers.items()} | {"result": self.collector.sink}
            for name, end in ends.items():
                end.set_pause_generator(pauses(settings["stall"], f"{settings['seed']} {name}"))

    @classmethod
    async def start(cls, dut: Any, settings: dict[str, Any]) -> Bench:
        """Start the clock, reset, and see that the device is what the sidecar says."""
        for name in settings["inputs"]:
            getattr(dut, name).value = 0
        dut.rst.value = 1
        Clock(dut.clk, PERIOD_NS, "ns").start()
        await ClockCycles(dut.clk, SETTLE_CYCLES)
        bench = cls(dut, settings)
        await ClockCycles(dut.clk, SETTLE_CYCLES)
        dut.rst.value = 0
        await ClockCycles(dut.clk, 1 + FLUSH)  # an engine begins with a reset
        await bench._check_identity()
        return bench

    async def _check_identity(self) -> None:
        found = await self.read("id")
        if found != self.identity:
            raise WrongError(f"register id: found {found:#010x}, expected {self.identity:#010x}")

    async def read(self, register: str) -> int:
        """The value of a register."""
        answer = await self.control.read(self.registers[register], WORD)
        self._check_response(register, answer.resp)
        return int.from_bytes(answer.data, "little")

    def _check_response(self, register: str, response: AxiResp) -> None:
        if response != AxiResp.OKAY:
            raise WrongError(f"register {register} at {self.registers[register]:#x}: answered {response.name}")

    async def write(self, register: str, value: int) -> None:
        """Set a register."""
        answer = await self.control.write(self.registers[register], value.to_bytes(WORD, "little"))
        self._check_response(register, answer.resp)

    async def reset(self) -> None:
        """Reset the engine and the counters by the control register."""
        await self.write("control", 1)
        await ClockCycles(self.dut.clk, SETTLE_CYCLES + FLUSH)

    async def run(self, job: Job) -> Outcome:
        """One program: send, wait for the result and for the silence after it, read the counters."""
        if job.reset:
            await self.reset()
        await self.write("results", job.results)
        for monitor in self.monitors.values():
            monitor.log.clear(get_sim_time("step"))
        sending = cocotb.start_soon(self._send(job))
        if job.abort_after is not None:
            await self._abort(job.abort_after, sending)
            return Outcome(name=job.name, result=np.zeros((0, self.beat_bytes), np.uint8))
        await self._wait(job)
        packets, wanted = self.collector.packets.copy(), job.result_beats // job.results
        self.collector.packets.clear()
        for packet in packets:
            if len(packet) != wanted:
                raise WrongError(f"tlast stood on result beat {len(packet)}, expected {wanted} beats")
        await ClockCycles(self.dut.clk, QUIET_CYCLES)
        counters = {name: await self.read(name) for name in self.counters}
        observed = self._observed()
        self._check(job, counters, observed)
        log, first = self.monitors["result"].log, self.monitors["map"].log.first or 0
        lasts = [log.cycle_of(number * wanted - 1) - first + 1 for number in range(1, job.results + 1)]
        return Outcome(name=job.name, result=np.concatenate(packets), lasts=lasts, counters=counters,
                       observed=observed)

    async def _send(self, job: Job) -> None:
        """The map when all of the program has been taken: before, it would be one for the program before."""
        self.drivers["program"].send(job.program)
        await self.drivers["program"].source.wait()
        self.drivers["map"].send(job.map)
        for packet in job.later:
            self.drivers["program"].send(packet)

    async def _abort(self, cycles: int, sending: Task[None]) -> None:
        await ClockCycles(self.dut.clk, cycles)
        sending.cancel()
        for driver in self.drivers.values():
            driver.drop()
        await self.reset()
        self.collector.drop()
        await ClockCycles(self.dut.clk, SETTLE_CYCLES)

    async def _wait(self, job: Job) -> None:
        """Until the result's last beat; no beat on any stream for `patience` cycles means that the hardware hangs."""
        seen = None
        while not await self.collector.wait(job.patience, job.results):
            now = get_sim_time("step")
            beats = {name: monitor.log.count(now) for name, monitor in self.monitors.items()}
            if beats["result"] > job.result_beats:
                raise WrongError(f"{beats['result']} result beats came in {len(self.collector.packets)} packets, "
                                 f"expected {job.result_beats} in {job.results}")
            if beats == seen:
                raise WrongError(
                    f"no beat on any stream for {job.patience} cycles: taken {beats['program']} of {_sent(job)} "
                    f"program beats and {beats['map']} of {len(job.map)} map beats, came {beats['result']} of "
                    f"{job.result_beats} result beats{await self._complaint()}")
            seen = beats

    async def _complaint(self) -> str:
        """What the engine itself says is wrong."""
        error = await self.read("status") >> ERROR_AT & 0xF
        return f"; the engine says of the program: {ERRORS.get(error, f'error {error}')}" if error else ""

    def _observed(self) -> dict[str, int]:
        """The testbench's own counts, under the names of the hardware's."""
        now = get_sim_time("step")
        logs = {name: monitor.log for name, monitor in self.monitors.items()}
        beats = {name: log.count(now) for name, log in logs.items()}
        first, last = logs["map"].first, logs["result"].last
        if first is None or last is None:
            raise WrongError("a result came although no beat of the map was taken")
        return {"load": logs["program"].count_before(first), "total": last - first + 1,
                "map_beats": beats["map"], "result_beats": beats["result"], "program_beats": beats["program"]}

    def _check(self, job: Job, counters: dict[str, int], observed: dict[str, int]) -> None:
        """Every beat taken, none too many, and the hardware's counters as seen on the wires."""
        sent = {"program": _sent(job), "map": len(job.map), "result": job.result_beats}
        for name, wanted in sent.items():
            if observed[f"{name}_beats"] != wanted:
                raise WrongError(f"{observed[f'{name}_beats']} beats moved on the {name} stream, expected {wanted}")
        for name in ("load", "total", "map_beats", "result_beats"):
            if counters[name] != observed[name]:
                raise WrongError(f"counter {name}: the hardware says {counters[name]}, the wires {observed[name]}")
        parts = sum(counters[name] for name in ("wait", "compute", "drain", "stalled"))
        if parts != counters["total"]:
            raise WrongError(f"wait + compute + drain + stalled is {parts}, expected the total of {counters['total']}")
        if (wrong := wrong_sum(counters, self.multipliers)) is not None:
            raise WrongError(wrong)


@cocotb.test()
async def run_jobs(dut: Any) -> None:
    """Run the jobs of the folder that the environment names, one after the other, and write what came back."""
    for name in ("cocotb." + str(dut._name), "cocotb"):
        logging.getLogger(name).setLevel(logging.WARNING)
    folder = Path(os.environ[ENVIRONMENT])
    jobs, settings = read_jobs(folder)
    outcomes: list[Outcome] = []
    empty = np.zeros((0, settings["beat_bytes"]), np.uint8)
    bench = None
    try:
        bench = await Bench.start(dut, settings)
        for job in jobs:
            outcomes.append(await bench.run(job))
    except WrongError as error:
        name = jobs[len(outcomes)].name
        outcomes.append(Outcome(name=name, result=empty, error=str(error)))
    await Timer(PERIOD_NS, "ns")
    if bench is not None and bench.watch is not None:
        bench.watch.save(folder)
    write_outcomes(folder, outcomes)
