"""A reset in the middle of a layer, on the real engines: the next layer knows nothing of it."""

import numpy as np
import pytest
from tests.sim.echo import CACHE
from tests.sim.test_simulate import TINY, convolution

from cosim.designs import cached
from cosim.job import Job
from cosim.runner import run_jobs
from cosim.simulators import build, find_simulator
from zeroskip import reference
from zeroskip.packing import ENGINES, KINDS, pack

CYCLES = (3, 50, 200, 330, 331, 400, 470, 900)
"""While the program is taken, in mid-layer, and with results on their way."""


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("stall", [0.0, 0.3])
def test_the_layer_after_a_reset_is_right(engine: str, stall: float) -> None:
    built = build(cached(TINY, KINDS[engine], CACHE / "verilog"), find_simulator(), CACHE / "simulators")
    jobs, answers = [], {}
    for number, cycles in enumerate(CYCLES):
        for name, layer, abort in (("cut", convolution(number), cycles), ("whole", convolution(number + 100), None)):
            (program,) = pack(layer, TINY, engine).programs
            if abort is None:
                answers[len(jobs)] = program, reference.run(layer)
            jobs.append(Job(name=f"{name} {cycles}", program=program.program, map=program.map,
                            result_beats=program.result_beats, abort_after=abort))
    outcomes = run_jobs(built, jobs, stall=stall, seed=1)
    for number, (program, expected) in answers.items():
        assert outcomes[number].error is None, jobs[number].name
        np.testing.assert_array_equal(program.decode(outcomes[number].result), expected, err_msg=jobs[number].name)
