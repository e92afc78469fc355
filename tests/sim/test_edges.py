"""The edge cases that other sparse designs got wrong, each by name on every engine, with and without pauses.

All of them go through the generated Verilog one after the other, so two layers back to back are in here as well; a
reset in mid-layer is in ``test_reset.py``. The zero-skip array alone, in every shape, is in ``tests/hw/test_array.py``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.hw.layers import random_layer
from tests.hw.test_array import EDGES, zero
from tests.sim.echo import CACHE

from cosim.fuzz_cases import CONFIGS
from cosim.simulate import Options, Simulation, simulate
from zerokeep.prediction import predict_layer
from zeroskip import reference
from zeroskip.layer import Layer
from zeroskip.packing import ENGINES

RUNS = {"pairs": ENGINES, "columns": ("skip-weights", "skip-both")}
"""Two of everything, on every engine; one pixel to a weight with two columns to a window."""
STALLS = (0.0, 0.3)


def tiled(where: Any, key: str, **shape: Any) -> Layer:
    """A layer that does not fit in one piece, with zeros in what is at least one whole piece of it."""
    layer = random_layer(31, **shape)
    return replace(layer, **{key: zero(getattr(layer, key), where)})


TILES = {
    "all-zero tile of channels": tiled(np.s_[:, 50:], "weight", filters=20, channels=150, size=(5, 5), weights=0.2),
    "all-zero tile of filters": tiled(np.s_[20:], "weight", filters=80, channels=3, size=(5, 6)),
    "all-zero tile of pixels": tiled(np.s_[:, :, 12:], "input", filters=2, channels=48, size=(48, 10), padding=(1, 1)),
}
FULL = {f"{kernel}x{kernel}": random_layer(
    40 + kernel, kernel=(kernel, kernel), size=(8, 9), padding=(kernel // 2, kernel // 2))
    for kernel in (1, 3, 5, 7)}
STRIDES = {f"stride {stride}, padding {padding}": random_layer(
    50 + 4 * stride + padding, size=(7, 6), stride=(stride, stride), padding=(padding, padding), images=2)
    for stride in (1, 2) for padding in range(4)}
MORE = {
    "no weight is zero, every activation is": replace(
        EDGES["dense"], input=np.zeros_like(EDGES["dense"].needed_input())),
    "consecutive all-zero columns at both ends": replace(
        EDGES["images"], input=zero(EDGES["images"].needed_input(), np.s_[:, :, :, [0, 2]])),
    "-128 alone, sums": replace(EDGES["-128"], multiplier=None, shift=None, clamp=None, output_dtype="uint8"),
}
CASES = EDGES | TILES | FULL | STRIDES | MORE


@pytest.fixture(scope="module", params=[(name, stall) for name in RUNS for stall in STALLS],
                ids=lambda run: f"{run[0]}, stall {run[1]}")
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Simulation]:
    name, stall = request.param
    options = Options(cache=CACHE, keep=tmp_path_factory.mktemp("failures"), stall=stall, seed=4)
    return name, simulate(CASES, CONFIGS[name], RUNS[name], options=options)


@pytest.mark.parametrize("case", CASES)
def test_edge(done: tuple[str, Simulation], case: str) -> None:
    name, simulation = done
    (entry,) = [entry for entry in simulation.layers if entry["name"] == case]
    expected = reference.run(CASES[case])
    for engine in RUNS[name]:
        assert entry["engines"][engine]["errors"] == [], engine
        found = simulation.outputs[case, engine]
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected, err_msg=engine)


@pytest.mark.parametrize("case", TILES)
@pytest.mark.parametrize("name", RUNS)
def test_tiles_are_tiles(case: str, name: str) -> None:
    """The layers above are cut into tiles indeed, of what their names say."""
    plan = predict_layer(TILES[case], CONFIGS[name], "skip-both")["plan"]
    kind = {"channels": "channels", "filters": "filters", "pixels": "rows"}[case.rpartition(" ")[2]]
    assert f"of {kind}" in plan.partition("tiles: ")[2], plan


def test_saturation_saturates() -> None:
    """The layers named so have the ends of the range in their results."""
    for case, end in (("saturates above", 255), ("saturates below", 0)):
        assert set(np.unique(reference.run(CASES[case])).tolist()) == {end}
