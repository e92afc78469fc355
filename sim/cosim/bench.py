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
from cocotb.triggers import ClockCycles, Timer, ValueChange
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp, AxiStreamBus, AxiStreamSink, AxiStreamSource

from cosim.account import wrong_sum
from cosim.job import ENVIRONMENT, QUIET_CYCLES, Job, Outcome, read_jobs, write_outcomes
from cosim.monitor import HandshakeLog
from zeroskip.spec.axi import BEAT_BYTES

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

    def __init__(self, dut: Any, prefix: str) -> None:
        self.source = AxiStreamSource(AxiStreamBus.from_prefix(dut, prefix), dut.clk, byte_lanes=1)

    def send(self, beats: np.ndarray) -> None:
        """Queue one packet."""
        raw = np.ascontiguousarray(beats, np.uint8).tobytes()
        words = [int.from_bytes(raw[at : at + BEAT_BYTES], "little") for at in range(0, len(raw), BEAT_BYTES)]
        self.source.send_nowait(words)

    def drop(self) -> None:
        """Take back what was not sent yet."""
        self.source.clear()
        self.source.assert_reset()


class Collector:
    """Take packets from a stream."""

    def __init__(self, dut: Any, prefix: str) -> None:
        self.sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, prefix), dut.clk, byte_lanes=1)

    async def wait(self, cycles: int) -> bool:
        """Whether a packet came within so many cycles."""
        await self.sink.wait(timeout=cycles * PERIOD_NS, timeout_unit="ns")
        return not self.sink.empty()

    def take(self) -> np.ndarray:
        """The packet, uint8 (beats, 16)."""
        words = self.sink.recv_nowait(compact=False).tdata
        raw = b"".join(word.to_bytes(BEAT_BYTES, "little") for word in words)
        return np.frombuffer(raw, np.uint8).reshape(-1, BEAT_BYTES)

    def drop(self) -> None:
        """Forget what came."""
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


class WrongError(Exception):
    """The hardware did something that it must not; the text says what."""


class Bench:
    """Drivers, monitors and the control port of one device under test."""

    def __init__(self, dut: Any, settings: dict[str, Any]) -> None:
        self.dut = dut
        self.registers: dict[str, int] = settings["registers"]
        self.counters: list[str] = settings["counters"]
        self.identity: int = settings["identity"]
        self.multipliers: int = settings["multipliers"]
        period = round(convert(PERIOD_NS, "ns", to="step"))
        self.drivers = {name: Driver(dut, STREAMS[name]) for name in ("weights", "map")}
        self.collector = Collector(dut, STREAMS["result"])
        self.monitors = {name: Monitor(dut, prefix, period) for name, prefix in STREAMS.items()}
        self.control = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk)
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
        await ClockCycles(dut.clk, 1)
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

    async def reset(self) -> None:
        """Reset the engine and the counters by the control register."""
        answer = await self.control.write(self.registers["control"], (1).to_bytes(WORD, "little"))
        self._check_response("control", answer.resp)
        await ClockCycles(self.dut.clk, SETTLE_CYCLES)

    async def run(self, job: Job) -> Outcome:
        """One program: send, wait for the result and for the silence after it, read the counters."""
        if job.reset:
            await self.reset()
        for monitor in self.monitors.values():
            monitor.log.clear(get_sim_time("step"))
        self.drivers["weights"].send(job.program)
        self.drivers["map"].send(job.map)
        if job.abort_after is not None:
            await self._abort(job.abort_after)
            return Outcome(name=job.name, result=np.zeros((0, BEAT_BYTES), np.uint8))
        await self._wait(job)
        result = self.collector.take()
        if len(result) != job.result_beats:
            raise WrongError(f"tlast stood on result beat {len(result)}, expected {job.result_beats} beats")
        await ClockCycles(self.dut.clk, QUIET_CYCLES)
        counters = {name: await self.read(name) for name in self.counters}
        observed = self._observed()
        self._check(job, counters, observed)
        return Outcome(name=job.name, result=result, counters=counters, observed=observed)

    async def _abort(self, cycles: int) -> None:
        await ClockCycles(self.dut.clk, cycles)
        for driver in self.drivers.values():
            driver.drop()
        await self.reset()
        self.collector.drop()
        await ClockCycles(self.dut.clk, SETTLE_CYCLES)

    async def _wait(self, job: Job) -> None:
        """Until the result's last beat; no beat on any stream for `patience` cycles means that the hardware hangs."""
        seen = None
        while not await self.collector.wait(job.patience):
            now = get_sim_time("step")
            beats = {name: monitor.log.count(now) for name, monitor in self.monitors.items()}
            if beats["result"] > job.result_beats:
                raise WrongError(f"{beats['result']} result beats came without tlast, expected {job.result_beats}")
            if beats == seen:
                raise WrongError(
                    f"no beat on any stream for {job.patience} cycles: taken {beats['weights']} of {len(job.program)} "
                    f"program beats and {beats['map']} of {len(job.map)} map beats, came {beats['result']} of "
                    f"{job.result_beats} result beats")
            seen = beats

    def _observed(self) -> dict[str, int]:
        """The testbench's own counts, under the names of the hardware's."""
        now = get_sim_time("step")
        logs = {name: monitor.log for name, monitor in self.monitors.items()}
        beats = {name: log.count(now) for name, log in logs.items()}
        first, last = logs["map"].first, logs["result"].last
        if first is None or last is None:
            raise WrongError("a result came although no beat of the map was taken")
        return {"load": logs["weights"].count_before(first), "total": last - first + 1,
                "map_beats": beats["map"], "result_beats": beats["result"], "weights_beats": beats["weights"]}

    def _check(self, job: Job, counters: dict[str, int], observed: dict[str, int]) -> None:
        """Every beat taken, none too many, and the hardware's counters as seen on the wires."""
        sent = {"weights": len(job.program), "map": len(job.map), "result": job.result_beats}
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
    empty = np.zeros((0, BEAT_BYTES), np.uint8)
    try:
        bench = await Bench.start(dut, settings)
        for job in jobs:
            outcomes.append(await bench.run(job))
    except WrongError as error:
        name = jobs[len(outcomes)].name
        outcomes.append(Outcome(name=name, result=empty, error=str(error)))
    await Timer(PERIOD_NS, "ns")
    write_outcomes(folder, outcomes)
