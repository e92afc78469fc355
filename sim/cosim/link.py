"""Layers and networks over a board's serial line, in simulation: what boards get, the host's driver, a bad line."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosim.job import Job, Outcome, read_outcomes, write_jobs
from cosim.parts import jobs_of
from cosim.runner import run_bench
from cosim.simulators import Build, build, find_simulator
from zeroskip.compiler.packed import Packed
from zeroskip.files.workplace import workplace
from zeroskip.gateware.engines import axi_top
from zeroskip.layer import Layer
from zeroskip.link.linked_engine import LinkedEngine
from zeroskip.packing import pack
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.engines import KINDS
from zeroskip.verilog import GeneratedDesign, ToolError, write_component

DIVISOR = 4
"""Cycles of a bit: the fewest, so that most of the simulation is not waiting for bits."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """The serial line.

    Parameters
    ----------
    divisor
        Clock cycles of a bit.
    damage
        Probability with which a byte is dropped, flipped in a bit, or doubled, on its way.
    seed
        Of the damage.
    tries
        How often the driver sends a request at most.
    """

    divisor: int = DIVISOR
    damage: float = 0.0
    seed: int = 0
    tries: int = 8


def linked_design(config: EngineConfig, kind: str, folder: Path, *, divisor: int) -> GeneratedDesign:
    """Verilog of the engine behind the UART, as boards have it."""
    boundary = axi_top(config, kind)
    return write_component(LinkedEngine(boundary, divisor=divisor), folder, f"zerokeep_link_{kind}".replace("-", "_"))


def over_the_line(
    layers: Mapping[str, Layer], config: EngineConfig, engine: str, *, cache: Path, line: Line | None = None,
) -> tuple[dict[str, np.ndarray], dict[str, int], list[Outcome]]:
    """Run layers on one engine through the link.

    Returns the results by name, as :func:`zeroskip.reference.run` gives them; what was seen on the line (bytes to the
    board and to the host, bytes damaged, requests sent again, cycles in all); and the outcome of every program.

    Raises
    ------
    ToolError
        The simulation could not be built or did not end, or the driver gave up; the message says how.
    """
    packed = {name: pack(layer, config, engine) for name, layer in layers.items()}
    jobs = [job for name, own in packed.items() for job in jobs_of(name, own, patience=0)]
    outcomes = jobs_over_the_line(jobs, config, KINDS[engine], cache=cache, line=line)
    left = iter(outcomes)
    results = {name: own.decode([next(left).result for _ in own.programs]) for name, own in packed.items()}
    return results, outcomes[-1].observed, outcomes


def network_over_the_line(packed: Packed, batches: int, config: EngineConfig, *, cache: Path, line: Line | None = None
                          ) -> tuple[np.ndarray, list[Outcome]]:
    """Run a network on the vector engine through the link: the program is sent once, then images in batches.

    Returns what `packed` decodes from the answers, and the outcome of every batch; ``own_to_board``, ``own_to_host``,
    ``own_requests`` and ``own_cycles`` of what was observed are those of the batch alone.

    Raises
    ------
    ToolError
        As for `over_the_line`.
    """
    maps, each, later = np.split(packed.map, batches), packed.result_beats // batches, len(packed.later) // batches
    jobs = [Job(name=f"batch {number}", program=packed.program if number == 0 else packed.program[:0], map=own,
                result_beats=each, results=packed.results // batches,
                later=packed.later[number * later : (number + 1) * later]) for number, own in enumerate(maps)]
    outcomes = jobs_over_the_line(jobs, config, "zero-skip", cache=cache, line=line)
    return packed.decode(np.concatenate([outcome.result for outcome in outcomes])), outcomes


def jobs_over_the_line(jobs: list[Job], config: EngineConfig, kind: str, *, cache: Path, line: Line | None = None
                       ) -> list[Outcome]:
    """Run jobs on a kind of engine, one after the other; one without a program brings maps for that before.

    Raises
    ------
    ToolError
        As for `over_the_line`.
    """
    line = line or Line()
    with workplace() as place:
        design = linked_design(config, kind, place, divisor=line.divisor)
        made = build(design, find_simulator(), cache)
        outcomes = _run(made, jobs, line)
    if outcomes[-1].error is not None:
        raise ToolError(f"{outcomes[-1].name} over the line: {outcomes[-1].error}")
    return outcomes


def _run(made: Build, jobs: list[Job], line: Line) -> list[Outcome]:
    frame = 2 * 512 * 10 * line.divisor * 1e-8
    settings = dataclasses.asdict(line) | {"seconds": 4 * frame}
    with workplace() as folder:
        write_jobs(folder, jobs, settings)
        run_bench(made, folder, "cosim.link_bench")
        return read_outcomes(folder)
