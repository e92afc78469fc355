"""A testbench in which nothing happens: reset, then the clock alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles

from cosim.bench import PERIOD_NS, SETTLE_CYCLES
from cosim.job import ENVIRONMENT, read_jobs, write_outcomes


@cocotb.test()
async def idle(dut: Any) -> None:
    """Run for the cycles that the job's settings name."""
    folder = Path(os.environ[ENVIRONMENT])
    _, settings = read_jobs(folder)
    for name in settings["inputs"]:
        getattr(dut, name).value = 0
    dut.rst.value = 1
    Clock(dut.clk, PERIOD_NS, "ns").start()
    await ClockCycles(dut.clk, SETTLE_CYCLES)
    dut.rst.value = 0
    await ClockCycles(dut.clk, settings["cycles"])
    write_outcomes(folder, [])
