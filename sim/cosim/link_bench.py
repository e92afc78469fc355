"""The testbench of a board's top, inside the simulator: the host's own driver, over a modelled UART."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.simtime import get_sim_time
from cocotb.task import bridge, resume
from cocotb.triggers import ClockCycles, SimTimeoutError, with_timeout
from cocotbext.uart import UartSink, UartSource

from cosim.bench import PERIOD_NS, SETTLE_CYCLES
from cosim.job import ENVIRONMENT, Job, Outcome, read_jobs, write_outcomes
from zeroskip.link.driver import Device, LinkError

KINDS = ("dropped", "flipped", "doubled")


class Damage:
    """What a bad line does: of every byte, with a probability, drops it, flips one of its bits, or doubles it."""

    def __init__(self, rate: float, seed: str) -> None:
        self._rate, self._rng = rate, random.Random(seed)
        self.count = dict.fromkeys(KINDS, 0)

    def __call__(self, raw: bytes) -> bytes:
        """What arrives of these bytes."""
        found = bytearray()
        for byte in raw:
            if self._rng.random() >= self._rate:
                found.append(byte)
                continue
            kind = self._rng.choice(KINDS)
            self.count[kind] += 1
            found += {"dropped": b"", "flipped": bytes([byte ^ 1 << self._rng.randrange(8)]),
                      "doubled": bytes([byte, byte])}[kind]
        return bytes(found)


class SimulatedLine:
    """A transport whose other end is the simulated top; called from the driver's thread, while the simulator waits."""

    def __init__(self, dut: Any, *, divisor: int, to_board: Callable[[bytes], bytes],
                 to_host: Callable[[bytes], bytes]) -> None:
        baud = 1e9 / (PERIOD_NS * divisor)
        self._source, self._sink = UartSource(dut.receive, baud=baud), UartSink(dut.transmit, baud=baud)
        self._to_board, self._to_host = to_board, to_host
        self.bytes = {"to_board": 0, "to_host": 0}

    @resume
    async def write(self, raw: bytes) -> None:
        """Put the bytes on the wire, one after the other."""
        self.bytes["to_board"] += len(raw)
        await self._source.write(self._to_board(raw))

    @resume
    async def read(self, seconds: float) -> bytes:
        """What came from the wire, within so many simulated seconds."""
        if self._sink.empty():
            try:
                await with_timeout(self._sink.wait(), max(round(1e9 * seconds), PERIOD_NS), "ns")
            except SimTimeoutError:
                return b""
        raw = bytes(self._sink.read_nowait())
        self.bytes["to_host"] += len(raw)
        return self._to_host(raw)

    @resume
    async def seconds(self) -> float:
        """Simulated time."""
        return get_sim_time("sec")


@bridge
def run_on_device(device: Device, line: SimulatedLine, jobs: list[Job], outcomes: list[Outcome]) -> None:
    """What a user's program does: connect, and run one program after the other, with what the line carried for each."""
    device.connect()
    for job in jobs:
        if job.reset:
            device.reset()
        before = _seen(device, line)
        result = device.run(job.program, job.map, job.result_beats, job.results, job.later)
        own = {f"own_{name}": after - before[name] for name, after in _seen(device, line).items()}
        outcomes.append(Outcome(name=job.name, result=result, counters=device.counters(), observed=own))


def _seen(device: Device, line: SimulatedLine) -> dict[str, int]:
    return line.bytes | {"requests": device.requests, "cycles": round(1e9 * line.seconds()) // PERIOD_NS}


@cocotb.test()
async def run_over_the_line(dut: Any) -> None:
    """Run the jobs of the folder that the environment names, and write what came back."""
    for name in ("cocotb." + str(dut._name), "cocotb"):
        logging.getLogger(name).setLevel(logging.WARNING)
    folder = Path(os.environ[ENVIRONMENT])
    jobs, settings = read_jobs(folder)
    divisor, rate, seed = settings["divisor"], settings["damage"], settings["seed"]
    dut.receive.value = 1
    dut.rst.value = 1
    Clock(dut.clk, PERIOD_NS, "ns").start()
    await ClockCycles(dut.clk, SETTLE_CYCLES)
    dut.rst.value = 0
    damages = [Damage(rate, f"{seed} {way}") for way in ("to board", "to host")]
    line = SimulatedLine(dut, divisor=divisor, to_board=damages[0], to_host=damages[1])
    device = Device(line, seconds=settings["seconds"], tries=settings["tries"], clock=line.seconds,
                    patience=settings["seconds"] * settings["tries"])
    outcomes: list[Outcome] = []
    try:
        await run_on_device(device, line, jobs, outcomes)
    except LinkError as error:
        outcomes.append(Outcome(name=jobs[len(outcomes)].name, result=jobs[0].map[:0], error=str(error)))
    observed = line.bytes | {kind: sum(own.count[kind] for own in damages) for kind in KINDS} | {
        "requests": device.requests, "sent_again": device.sent_again,
        "bad_frames": device.bad_frames, "bad_answers": device.bad_answers,
        "cycles": round(get_sim_time("ns")) // PERIOD_NS,
    }
    outcomes[-1].observed.update(observed)
    write_outcomes(folder, outcomes)
