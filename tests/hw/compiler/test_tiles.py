"""Steps that do not fit, in bands of rows and groups of filters, on the exact model of the array."""

from types import SimpleNamespace

import numpy as np
import pytest

from zeroskip import reference
from zeroskip.compiler import lower, tiles
from zeroskip.compiler.places import PlanError
from zeroskip.compiler.steps import Pooling
from zeroskip.cycles import model
from zeroskip.layer import Layer
from zeroskip.spec.config import EngineConfig

CONFIG = EngineConfig(lanes=2, vector=4, banks=4, map_words=256, list_words=64, instructions=64, out_words=32)


def execute(program, maps):
    words = np.concatenate([program.incoming.words(own) for own in maps])
    found = model.run(CONFIG, program.beats(), words, parts=program.part_beats()).results()
    return [program.leaving.values(own) for own in found]


def step_of(layer):
    node = SimpleNamespace(name="layer", op="conv", inputs=("input",), layer=layer, parameters={})
    source = lower.as_map(layer.input4.shape[1:], "uint8")
    return lower.convolution(node, layer, lower.as_map(layer.output_shape[1:], "uint8"), source), source


def layer_of(seed, filters, channels, size, **more):
    rng = np.random.default_rng(seed)
    weight = rng.integers(-127, 128, (filters, channels, 3, 3)) * (rng.random((filters, channels, 3, 3)) < 0.4)
    return Layer(weight=weight.astype(np.int8), input=rng.integers(0, 256, (1, channels, *size)).astype(np.uint8),
                 multiplier=rng.integers(20000, 65536, filters), shift=rng.integers(21, 24, filters), **more)


@pytest.mark.parametrize(("filters", "channels", "size", "more", "bands", "groups"), [
    (3, 4, (20, 14), {"padding": (1, 1)}, True, False),
    (14, 8, (6, 6), {"padding": (1, 1)}, False, True),
    (10, 6, (25, 17), {"stride": (2, 2), "padding": (1, 0)}, True, True),
    (5, 3, (23, 19), {"dilation": (2, 1), "padding": (2, 1), "padding_end": (0, 1)}, True, True),
])
def test_bands_and_groups_give_the_whole_layer(filters, channels, size, more, bands, groups):
    layer = layer_of(1, filters, channels, size, **more)
    step, source = step_of(layer)
    made = tiles.tiled(CONFIG, step, source, look=True)
    assert (made.bands > 1) == bands and (len(made.programs) > 1) == groups
    found = tiles.run(made, {"input": layer.input4[0]}, execute)
    assert np.array_equal(found, reference.run(layer)[0])


def test_bands_of_a_pooled_step():
    layer = layer_of(2, 3, 4, (22, 14), padding=(1, 1))
    step, source = step_of(layer)
    pooled = tiles.replace(step, pooling=Pooling(window=2, largest=True))
    made = tiles.tiled(CONFIG, pooled, source, look=False)
    assert made.bands > 1
    whole = reference.run(layer)[0]
    wanted = whole.reshape(3, 11, 2, 7, 2).max(axis=(2, 4))
    assert np.array_equal(tiles.run(made, {"input": layer.input4[0]}, execute), wanted)


def test_what_no_tile_takes_says_what_is_missing():
    layer = layer_of(3, 2, 40, (3, 40), padding=(1, 1))
    step, source = step_of(layer)
    with pytest.raises(PlanError, match=r"the map memory has 256 \(map_words\)|it has 64 \(list_words\)"):
        tiles.tiled(CONFIG, step, source, look=False)


@pytest.mark.parametrize(("filters", "channels", "size", "more", "bands"), [
    (14, 8, (6, 6), {"padding": (1, 1)}, False),
    (10, 6, (25, 17), {"stride": (2, 2), "padding": (1, 0)}, True),
])
def test_filters_that_do_not_fit_at_once_come_in_parts(filters, channels, size, more, bands):
    """What takes groups of filters without parts is one program with them."""
    layer = layer_of(1, filters, channels, size, **more)
    step, source = step_of(layer)
    made = tiles.tiled(CONFIG, step, source, look=True, parts=True)
    assert len(made.programs) == 1 and made.programs[0].parts and (made.bands > 1) == bands
    found = tiles.run(made, {"input": layer.input4[0]}, execute)
    assert np.array_equal(found, reference.run(layer)[0])
