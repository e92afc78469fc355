"""A reset in mid-load and in mid-layer, on the real engines: the next layer knows nothing of it."""

from dataclasses import replace

import numpy as np
import pytest
from tests.sim.echo import CACHE
from tests.sim.test_simulate import TINY, convolution

from cosim.designs import cached
from cosim.job import Job
from cosim.parts import jobs_of
from cosim.runner import run_jobs
from cosim.simulators import build, find_simulator
from zeroskip import reference
from zeroskip.packing import pack
from zeroskip.spec.engines import ENGINES, KINDS

LOADED = (0.0, 0.02, 0.4, 0.99)
"""Shares of the program's beats after which a reset comes: in the head, in the lists, before the checksum."""
DONE = (0.0, 0.01, 0.1, 0.5, 0.9, 0.99)
"""Shares of the layer's cycles: while the map comes, in mid-layer, and with results on their way."""


def cuts(beats: int, total: int) -> list[int]:
    """Cycles after which to reset, from the program's first beat on."""
    return sorted({1 + int(share * beats) for share in LOADED} | {beats + 10 + int(share * total) for share in DONE})


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("stall", [0.0, 0.3])
def test_the_layer_after_a_reset_is_right(engine: str, stall: float) -> None:
    built = build(cached(TINY, KINDS[engine], CACHE / "verilog"), find_simulator(), CACHE / "simulators")
    jobs: list[Job] = []
    answers = {}
    (first,) = pack(convolution(0), TINY, engine).programs
    for number, cycles in enumerate(cuts(len(first.program), first.predicted["total"])):
        for name, layer, abort in (("cut", convolution(number), cycles), ("whole", convolution(number + 100), None)):
            packed = pack(layer, TINY, engine)
            (job,), (program,) = jobs_of(f"{name} {cycles}", packed, patience=100_000), packed.programs
            if abort is None:
                answers[len(jobs)] = program, reference.run(layer)
            jobs.append(replace(job, abort_after=abort))
    outcomes = run_jobs(built, jobs, stall=stall, seed=1)
    for number, (program, expected) in answers.items():
        outcome = outcomes[number]
        assert outcome.error is None, jobs[number].name
        np.testing.assert_array_equal(program.decode(outcome.result), expected, err_msg=jobs[number].name)
        assert stall or outcome.counters["total"] == program.predicted["total"], jobs[number].name
