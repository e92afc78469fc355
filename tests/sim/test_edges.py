"""The edge cases that other sparse designs got wrong, each by name on every engine, with and without pauses.

All of them go through the generated Verilog one after the other, so programs back to back are in here as well; resets
in mid-load and in mid-layer are in ``test_reset.py``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.hw.layers import random_layer
from tests.sim.echo import CACHE

from cosim.fuzz_cases import CONFIGS
from cosim.simulate import Options, Simulation, simulate
from zeroskip import reference
from zeroskip.compiler.layers import VectorPacked
from zeroskip.layer import Layer
from zeroskip.packing import pack
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.engines import ENGINES

RUNS = {"pairs": ENGINES, "ones": ("skip-weights", "skip-both"), "odd": ("skip-weights", "skip-both")}
"""Two of everything, on every engine; one position to a vector; three lanes, and no looking ahead."""
STALLS = (0.0, 0.3)


def zero(array: np.ndarray, where: Any) -> np.ndarray:
    """The same with zeros there."""
    changed = array.copy()
    changed[where] = 0
    return changed


def without(layer: Layer, *, weight: Any = None, data: Any = None) -> Layer:
    """The layer with zeros in its weights, in its input."""
    found = layer.needed_input()
    return replace(layer, weight=layer.weight if weight is None else zero(layer.weight, weight),
                   input=found if data is None else zero(found, data))


def square(side: int) -> dict[str, Any]:
    return {"kernel": (side, side), "padding": (side // 2, side // 2)}


PLAIN = random_layer(1, filters=5, channels=6, size=(6, 7), padding=(1, 1), weights=0.4, activations=0.4)
FULL = random_layer(2, filters=4, channels=3, size=(5, 6), weights=1.0, activations=1.0)
IMAGES = random_layer(3, filters=3, channels=4, size=(5, 5), images=3)
SIGNED = random_layer(4, filters=3, channels=4, size=(5, 4), dtype=np.int8)
ZEROS = {
    "an all-zero filter": without(PLAIN, weight=1),
    "an all-zero layer": without(PLAIN, weight=...),
    "an all-zero image": without(IMAGES, data=1),
    "nothing but all-zero images": without(IMAGES, data=...),
    "a filter with one weight": replace(PLAIN, weight=np.where(
        np.arange(PLAIN.weight.size).reshape(PLAIN.weight.shape) == 100, 3, zero(PLAIN.weight, 1)).astype(np.int8)),
    "several all-zero channels in a row": without(PLAIN, weight=np.s_[:, 1:5], data=np.s_[:, 0:3]),
    "all-zero columns at both ends": without(IMAGES, data=np.s_[:, :, :, [0, 1, 4]]),
    "0 % zeros": FULL,
    "100 % zeros": without(FULL, weight=..., data=...),
    "no weight is zero, every activation is": without(FULL, data=...),
    "no activation is zero, every weight is": without(FULL, weight=...),
}
ENDS = {
    "-128": replace(SIGNED, weight=np.full_like(SIGNED.weight, -128),
                    input=np.full_like(SIGNED.needed_input(), -128)),
    "-128, sums": replace(SIGNED, weight=np.full_like(SIGNED.weight, -128), multiplier=None, shift=None, clamp=None,
                          input=np.full_like(SIGNED.needed_input(), -128), output_dtype="uint8"),
    "saturates above": replace(PLAIN, bias=np.full(5, 1 << 22, np.int32), shift=np.full(5, 8),
                               multiplier=np.full(5, 65535)),
    "saturates below": replace(PLAIN, bias=np.full(5, -(1 << 22), np.int32), shift=np.full(5, 8),
                               multiplier=np.full(5, 65535)),
    "half to even": replace(PLAIN, rounding="even", weight=np.sign(PLAIN.weight), multiplier=np.full(5, 16),
                            shift=np.full(5, 8)),
    "sums": random_layer(5, filters=3, channels=3, size=(4, 7), output=None, dtype=np.int8),
}
SHAPES = {
    "one pixel": random_layer(10, filters=5, channels=7, kernel=(1, 1), size=(1, 1)),
    "one pixel of padding around one": random_layer(11, filters=4, channels=3, size=(1, 1), padding=(1, 1)),
    "one result": random_layer(12, filters=3, channels=5, kernel=(4, 5), size=(4, 5)),
    "one channel": random_layer(13, filters=6, channels=1, size=(6, 5)),
    "one filter": random_layer(14, filters=1, channels=6, size=(6, 5)),
    "one of everything": random_layer(15, filters=1, channels=1, kernel=(1, 1), size=(1, 1), weights=1.0),
    "one column": random_layer(16, filters=3, channels=4, kernel=(3, 1), size=(11, 1)),
    "one column, padded": random_layer(17, filters=3, channels=4, size=(9, 1), padding=(1, 1)),
    "one row": random_layer(18, filters=3, channels=4, kernel=(1, 3), size=(1, 13)),
    "counts that divide nothing": random_layer(19, filters=7, channels=5, size=(5, 11), padding=(1, 0), images=3),
    "depthwise": random_layer(20, filters=7, channels=7, groups=7, size=(6, 5), padding=(1, 1)),
    "groups": random_layer(21, filters=6, channels=9, groups=3, size=(5, 5)),
    "linear": random_layer(22, linear=True, filters=9, channels=33, images=5),
    "linear, one image": random_layer(23, linear=True, filters=9, channels=33),
    "many images": random_layer(24, filters=2, channels=2, size=(4, 4), images=13),
}
WINDOWS = {
    **{f"kernel {side}": random_layer(30 + side, filters=2, channels=3, size=(12, 11), weights=0.3, **square(side))
       for side in (1, 2, 3, 4, 5, 6, 7, 11)},
    **{f"stride {down} x {along}": random_layer(50 + 4 * down + along, size=(9, 10), stride=(down, along), images=2)
       for down, along in ((1, 1), (2, 2), (3, 3), (4, 4), (1, 4), (3, 2))},
    **{f"padding {first}, then {5 - first}": replace(
        random_layer(70 + first, size=(5, 6), kernel=(4, 3), padding=(first, first // 2)),
        padding_end=(5 - first, first)) for first in range(6)},
    "dilation": replace(random_layer(80, size=(9, 10), padding=(2, 1)), dilation=(2, 3)),
    "dilation and stride": replace(random_layer(81, size=(9, 10), stride=(2, 3), padding=(2, 1)), dilation=(3, 2)),
}
CASES = ZEROS | ENDS | SHAPES | WINDOWS


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


def test_saturation_saturates() -> None:
    """The layers named so have the ends of the range in their results."""
    for case, end in (("saturates above", 255), ("saturates below", 0)):
        assert set(np.unique(reference.run(CASES[case])).tolist()) == {end}


def test_there_are_ties() -> None:
    """Half to even gives other codes than half up does."""
    layer = CASES["half to even"]
    assert (reference.run(layer) != reference.run(replace(layer, rounding="up"))).any()


CONFIG = CONFIGS["pairs"]


def _lists(entries: int) -> Layer:
    """One filter for each lane, with so many weights that are not zero."""
    rng = np.random.default_rng(7)
    weight = np.zeros((CONFIG.lanes, 500, 3, 3), np.int8)
    weight.reshape(CONFIG.lanes, -1)[:, :entries] = rng.integers(1, 100, entries)
    return Layer(weight=weight, input=rng.integers(0, 256, (1, 500, 3, 3)).astype(np.uint8))


def _instructions(filters: int) -> Layer:
    """So many filters, of one pixel."""
    rng = np.random.default_rng(8)
    return Layer(weight=np.ones((filters, 2), np.int8), bias=rng.integers(0, 9, filters).astype(np.int32),
                 input=rng.integers(0, 256, (1, 2)).astype(np.uint8))


def _map(channels: int) -> Layer:
    """As many words of results as of the map."""
    rng = np.random.default_rng(9)
    weight = rng.integers(-3, 4, (channels, channels, 1, 1)).astype(np.int8)
    return Layer(weight=weight, input=rng.integers(0, 256, (1, channels, 64, 64)).astype(np.uint8),
                 multiplier=np.full(channels, 1 << 15), shift=np.full(channels, 16))


def _used(layer: Layer, config: EngineConfig) -> dict[str, int]:
    """Words of each memory that the fullest lane has in use; nothing where the layer is cut."""
    packed = pack(layer, config, "skip-both")
    (program,) = packed.programs if len(packed.programs) == 1 else (None,)
    if not isinstance(program, VectorPacked) or program.results > len(layer.needed_input()):
        return {}
    made = program.made
    return {"lists": max(map(len, made.lists)), "instructions": max(map(len, made.instructions)),
            "map": made.setup["map_words"], "results": made.setup["result_words"]}


def test_a_program_that_fills_every_memory_to_the_last_word(tmp_path) -> None:
    """Lists, instructions, the map with the numbers of results: each by a layer, one after the other; then another."""
    filters = 200 + CONFIG.lanes * (CONFIG.instructions - _used(_instructions(200), CONFIG)["instructions"])
    layers = {"lists": _lists(CONFIG.look * (CONFIG.list_words - 1)), "instructions": _instructions(filters),
              "map": _map(4)}
    sizes = {"lists": CONFIG.list_words, "instructions": CONFIG.instructions, "map": CONFIG.map_words}
    for memory, layer in layers.items():
        used = _used(layer, CONFIG)
        assert used[memory] == sizes[memory] and (memory != "map" or used["results"] == CONFIG.map_words)
    result = simulate(layers | {"after": PLAIN}, CONFIG, ["skip-both"], options=Options(cache=CACHE, keep=tmp_path))
    assert result.failed == []
