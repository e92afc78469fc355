"""Layers made by PyTorch alone, through the generated Verilog, on every engine, with and without pauses."""

from pathlib import Path

import numpy as np
import pytest
from tests.sim.echo import CACHE
from tests.sim.independent_layers import CASES, write

from cosim.fuzz_cases import CONFIGS
from cosim.simulate import Options, simulate
from zeroskip.layer import Layer
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.engines import ENGINES

SEED = 20261123
SKIPPING = ("skip-weights", "skip-both")
CONFIG, ODD = CONFIGS["pairs"], CONFIGS["odd"]


@pytest.mark.parametrize(("config", "engines", "stall"), [
    (CONFIG, ENGINES, 0.0), (CONFIG, ENGINES, 0.3), (ODD, SKIPPING, 0.0), (ODD, SKIPPING, 0.3),
])
def test_equal_to_pytorch_on_every_engine(tmp_path: Path, config: EngineConfig, engines: tuple[str, ...], stall: float
                                          ) -> None:
    paths = write(tmp_path, SEED)
    layers = {path.stem: Layer.load(path) for path in paths}
    result = simulate(layers, config, engines, options=Options(cache=CACHE, stall=stall, seed=SEED,
                                                                       keep=tmp_path / "failures"))
    assert len(result.layers) == len(CASES) >= 20
    for path in paths:
        expected = np.load(path.with_suffix(".expected.npy"))
        for engine in engines:
            answer = result.outputs[path.stem, engine]
            assert answer.dtype == expected.dtype, (path.stem, engine, SEED)
            np.testing.assert_array_equal(answer, expected, err_msg=f"{path.stem} {engine} seed {SEED}")
    lost = dict.fromkeys(engines, 0)
    for entry in result.layers:
        for name, engine in entry["engines"].items():
            assert engine["bit_exact"] and not engine["errors"], (entry["name"], name, engine["errors"])
            lost[name] += engine["cycles"]["stalled"]
    assert all((cycles > 0) == (stall > 0) for cycles in lost.values()), lost
