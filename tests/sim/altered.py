"""Engines whose Verilog was changed, and whose answers must still be right."""

import json
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
from tests.sim.echo import CACHE
from tests.sim.independent_layers import write
from tests.sim.test_independent_layers import SEED

from cosim.parts import jobs_of, join, split
from cosim.runner import run_jobs
from cosim.simulators import build, find_simulator
from zeroskip.layer import Layer
from zeroskip.packing import pack
from zeroskip.spec.config import EngineConfig
from zeroskip.verilog import GeneratedDesign, generate

Change = Callable[[str], tuple[str, int]]
"""A module's text with something changed in it, and how often."""


def make(config: EngineConfig, kind: str, folder: Path, change: Change) -> tuple[GeneratedDesign, int]:
    """Generated Verilog, changed; and how often it was."""
    design = generate(config, kind, folder)
    modules = re.split(r"(?<=endmodule)\n", design.verilog.read_text())
    texts, counts = zip(*(change(module) for module in modules), strict=True)
    design.verilog.write_text("\n".join(texts))
    digest = sha256(design.verilog.read_bytes()).hexdigest()
    sidecar = json.loads(design.sidecar.read_text())
    design.sidecar.write_text(json.dumps(sidecar | {"sha256": digest}))
    return GeneratedDesign(verilog=design.verilog, sidecar=design.sidecar, top=design.top, digest=digest), sum(counts)


def check(folder: Path, design: GeneratedDesign, config: EngineConfig, engine: str) -> None:
    """Every answer is right, layers back to back, with pauses."""
    built = build(design, find_simulator("verilator"), CACHE / "simulators", waves=False)
    paths = write(folder, SEED)
    packed = [pack(Layer.load(path), config, engine) for path in paths]
    jobs = [jobs_of(path.stem, one, patience=100_000) for path, one in zip(paths, packed, strict=True)]
    outcomes = run_jobs(built, [job for own in jobs for job in own], stall=0.2, seed=SEED)
    for path, one, own in zip(paths, packed, jobs, strict=True):
        outcome = join(path.stem, outcomes[: len(own)], multipliers=config.multipliers)
        outcomes = outcomes[len(own):]
        assert outcome.error is None
        answer, expected = one.decode(split(one, outcome.result)), np.load(path.with_suffix(".expected.npy"))
        np.testing.assert_array_equal(answer, expected, path.stem)
