"""Layers that the memories do not hold in one piece: in bands of rows, and programs in parts, on generated Verilog."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from tests.hw.layers import random_layer
from tests.sim.echo import CACHE

from cosim.fuzz_cases import CONFIGS
from cosim.simulate import Options, simulate
from zeroskip import reference
from zeroskip.compiler.packed import PackError
from zeroskip.layer import Layer
from zeroskip.packing import pack

CONFIG = replace(CONFIGS["pairs"], map_words=256, list_words=64, instructions=64, out_words=32)
"""With memories so small that small layers are cut."""
ENGINES = ("skip-weights", "skip-both")


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A layer, and how it is cut: maps of bands for each image; lists in parts, or programs one after the other."""

    layer: Layer
    bands: bool
    parts: bool


def case(bands: bool, parts: bool, layer: Layer) -> Case:
    return Case(layer=layer, bands=bands, parts=parts)


CASES = {
    "bands": case(True, False, random_layer(1, filters=3, channels=4, size=(20, 14), padding=(1, 1), weights=0.4)),
    "bands of two images": case(True, False, random_layer(
        2, filters=2, channels=3, size=(22, 16), images=2, padding=(1, 1), weights=0.4)),
    "wide rows": case(True, False, random_layer(3, filters=1, channels=2, size=(6, 120), padding=(1, 1), weights=0.4)),
    "parts": case(False, True, random_layer(
        4, filters=14, channels=8, size=(6, 6), padding=(1, 1), weights=0.9)),
    "both, in steps": case(True, True, random_layer(
        5, filters=10, channels=6, size=(25, 17), stride=(2, 2), padding=(1, 0), weights=0.9)),
    "dilated, padding uneven": case(True, False, replace(random_layer(
        6, filters=9, channels=3, size=(23, 19), padding=(2, 1), weights=0.9), dilation=(2, 1), padding_end=(0, 1))),
    "sums": case(True, False, random_layer(
        7, filters=3, channels=4, size=(19, 15), padding=(1, 0), weights=0.3, output=None, dtype=np.int8)),
    "linear, many images": case(False, False, random_layer(8, linear=True, filters=3, channels=3, images=300)),
}
WIDE = random_layer(9, filters=1, channels=1, size=(3, 600))


@pytest.mark.parametrize("name", CASES)
def test_they_are_cut(name: str) -> None:
    own = CASES[name]
    programs, images = pack(own.layer, CONFIG, "skip-both").programs, len(own.layer.needed_input())
    maps = sum(program.results for program in programs)
    assert (len(programs) > 1 or any(program.later for program in programs)) == own.parts
    if own.layer.is_linear:
        assert maps == 2  # of 256 images, and of the rest
    else:
        assert (maps > len(programs) * images) == own.bands


def test_rows_that_no_band_holds_are_refused() -> None:
    with pytest.raises(PackError, match=r"rows of \d+ positions, a row has at most 511: cut it into strips of columns"):
        pack(WIDE, CONFIG, "skip-both")


@pytest.mark.parametrize("stall", [0.0, 0.4])
def test_right_and_as_the_model_says(stall: float, tmp_path) -> None:
    layers = {name: own.layer for name, own in CASES.items()}
    result = simulate(layers, CONFIG, ENGINES, options=Options(cache=CACHE, keep=tmp_path, stall=stall, seed=4))
    assert result.failed == [] and len(result.layers) == len(CASES)
    for entry in result.layers:
        expected = reference.run(layers[entry["name"]])
        for engine in ENGINES:
            found, cycles = result.outputs[entry["name"], engine], entry["engines"][engine]["cycles"]
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected, err_msg=f"{entry['name']} on {engine}")
            assert stall or entry["engines"][engine]["predicted"] == cycles["total"]
