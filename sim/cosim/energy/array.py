"""Whole arrays on gates: a layer is simulated, compared with the reference, and what switched is what it cost."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosim.energy.activity import PERIOD_NS, SAIF_BYTES, Activity, read_saif
from cosim.energy.gates import GATES, Gates, gates
from cosim.energy.memory_cost import Accesses, read_accesses
from cosim.energy.power import Power, measure
from cosim.job import write_jobs
from cosim.parts import jobs_of, join
from cosim.runner import run_bench, run_jobs
from cosim.simulators import ACTIVITY_FILE, Build, build, find_simulator
from zeroskip import reference
from zeroskip.files.reading import read_json, read_text
from zeroskip.files.workplace import workplace
from zeroskip.layer import Layer
from zeroskip.packing import pack
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.engines import KINDS
from zeroskip.verilog import ToolError

IDLE_CYCLES = 2000
LEAST_ANNOTATED = 0.95
"""Share of the pins whose activity must have been simulated: OpenSTA guesses that of the others."""
PATIENCE = 1_000_000
MEMORIES_FILE, WINDOW_FILE = "memories.txt", "window.txt"
_SCALES = {"1ps": 1e-3, "1ns": 1.0}


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run cost.

    ``cycles``: from the first beat of the program to the last of the result, of all programs. ``power``: picojoules a
    cycle over the whole simulation, of which ``outside`` cycles lay before, between and after, for reset, and for
    reading the counters. ``memories``: accesses within ``cycles``. ``multiplications``: with gated ones.
    """

    cycles: int
    outside: int
    power: Power
    memories: list[Accesses]
    multiplications: int = 0
    gated: int = 0


class ArrayOnGates:
    """One kind of hardware, built once and run on layers.

    Parameters
    ----------
    config
        Of the array.
    kind
        ``dense``, ``dense-gate`` or ``zero-skip``.
    cache
        Folder for Verilog, netlists and simulators built before.

    Raises
    ------
    ToolError
        A tool is missing or failed.
    """

    def __init__(self, config: EngineConfig, kind: str, cache: Path) -> None:
        self.config, self.kind = config, kind
        self.gates: Gates = gates(config, kind, cache)
        self._build: Build = build(self.gates.design, find_simulator(), cache / "simulators", activity=True)
        self._idle: Run | None = None

    @property
    def idle(self) -> Run:
        """With the clock running, and nothing else."""
        if self._idle is None:
            with workplace() as folder:
                ports = read_json(self.gates.design.sidecar)["ports"]
                inputs = [name for name, port in ports.items() if port["direction"] == "input" and name != "clk"]
                write_jobs(folder, [], {"inputs": inputs, "cycles": IDLE_CYCLES})
                run_bench(self._build, folder, "cosim.energy.idle_bench", waves=True)
                activity = _activity(folder)
                self._idle = Run(cycles=activity.cycles, outside=0, memories=[], power=measure(
                    self.gates.netlist, GATES, activity))
        return self._idle

    def run(self, name: str, layer: Layer, engine: str) -> Run:
        """A layer on one engine of this kind.

        Raises
        ------
        ValueError
            The engine runs on other hardware, or the layer does not fit it.
        ToolError
            The gates' answer is not the reference's, too few pins have an activity, or a tool failed.
        """
        if KINDS[engine] != self.kind:
            raise ValueError(f"{engine} runs on {KINDS[engine]}, not on {self.kind}")
        packed = pack(layer, self.config, engine)
        jobs = jobs_of(name, packed, patience=PATIENCE)
        with workplace() as folder:
            outcomes = run_jobs(self._build, jobs, folder=folder)
            joined = join(name, outcomes, multipliers=self.config.multipliers)
            if joined.error is not None:
                raise ToolError(f"{name} on {engine}, on gates: {joined.error}")
            if not np.array_equal(packed.decode([outcome.result for outcome in outcomes]), reference.run(layer)):
                raise ToolError(f"{name} on {engine}, on gates: the answer is not the reference's")
            activity = _activity(folder)
            power = measure(self.gates.netlist, GATES, activity)
            memories = read_accesses(read_text(folder / MEMORIES_FILE))
            cycles = int(read_text(folder / WINDOW_FILE))
        if power.annotated < LEAST_ANNOTATED:
            raise ToolError(f"{name} on {engine}, on gates: {power.annotated:.1%} of the pins have a simulated "
                            f"activity, expected at least {LEAST_ANNOTATED:.0%}")
        return Run(cycles=cycles, outside=activity.cycles - cycles, power=power, memories=memories,
                   multiplications=joined.counters["multiplications"], gated=joined.counters["gated"])

    def logic_pj(self, run: Run) -> float:
        """Of the gates, in the run's own cycles: what idle ones cost is taken off for those outside."""
        return run.power.total * (run.cycles + run.outside) - self.idle.power.total * run.outside


def _activity(folder: Path) -> Activity:
    """What the nets did in the simulation that ran there."""
    text = read_text(folder / ACTIVITY_FILE, SAIF_BYTES)
    scale, duration = re.search(r"\(TIMESCALE ([^)]*)\)", text), re.search(r"\(DURATION (\d+)\)", text)
    if scale is None or duration is None or (unit := scale.group(1).replace(" ", "")) not in _SCALES:
        raise ToolError("the simulation's activity has no duration")
    return read_saif(text, round(int(duration.group(1)) * _SCALES[unit] / PERIOD_NS))
