"""The echoing engine built for a simulator, and jobs for it."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

import numpy as np
from tests.hw.echo_engine import MULTIPLIERS, EchoEngine

from cosim.job import Job
from cosim.simulators import Build, build, find_simulator
from zeroskip.gateware.axi.top import AxiTop
from zeroskip.verilog import GeneratedDesign, write_design

CACHE = Path(__file__).parents[2] / "build" / "cache"
"""Shared by all tests and kept between them: a build is looked up by its Verilog's hash."""
needs_icarus = not shutil.which("iverilog")


@cache
def echo_design(delay: int = 5, extra: bool = False, numbered: int = 0) -> GeneratedDesign:
    """The Verilog of an echo; with `numbered` results have so many beats, in pairs that are exchanged."""
    name = f"echo_{delay}{'_extra' if extra else ''}{f'_numbered_{numbered}' if numbered else ''}"
    bits = numbered.bit_length()
    engine = EchoEngine(delay=delay, extra=extra, number_bits=bits, image_beats=numbered)
    boundary = AxiTop(engine, multipliers=MULTIPLIERS, number_bits=bits)
    return write_design(boundary, CACHE / "tests" / name, name, about={"kind": "echo"})


def echo_build(simulator: str = "verilator", *, waves: bool = False, delay: int = 5, extra: bool = False,
               numbered: int = 0) -> Build:
    """A simulator of an echo."""
    return build(echo_design(delay, extra, numbered), find_simulator(simulator), CACHE / "simulators", waves=waves)


def echo_job(name: str, *, program: int = 4, beats: int = 9, seed: int = 0, **more) -> Job:
    """A job whose answer is its map's complement."""
    rng = np.random.default_rng(seed)
    sent, feature = (rng.integers(0, 256, (count, 16), dtype=np.uint8) for count in (program, beats))
    return Job(name=name, program=sent, map=feature, **{"result_beats": beats} | more)
