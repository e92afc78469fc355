"""Whole engines, small ones, on layers and networks of two steps: results bit for bit."""

from types import SimpleNamespace

import numpy as np
import pytest
from tests.hw.gateware.engine_run import run_program

from zeroskip import reference
from zeroskip.compiler import lower
from zeroskip.compiler.build import build
from zeroskip.layer import Layer
from zeroskip.spec.config import EngineConfig

SMALL = {"banks": 4, "map_words": 256, "list_words": 128, "instructions": 128, "acc_width": 24, "out_words": 32}
CONFIGS = {
    "one lane": EngineConfig(lanes=1, vector=4, look=2, **SMALL),
    "three lanes": EngineConfig(lanes=3, vector=2, look=4, **SMALL),
    "two ways": EngineConfig(lanes=2, vector=4, look=2, ways=2, **SMALL),
    "no looking ahead": EngineConfig(lanes=2, vector=2, look=1, **SMALL),
    "as many ways as positions": EngineConfig(lanes=1, vector=2, look=2, ways=2, **SMALL),
    "one position": EngineConfig(lanes=2, vector=1, look=8, **SMALL),
}


def layer_of(rng, *, stride=1, raw=False, rounding="up", signed=False, images=1, density=0.4):
    weight = rng.integers(-128, 128, (3, 2, 3, 3)) * (rng.random((3, 2, 3, 3)) < density)
    given = rng.integers(-128, 128, (images, 2, 6, 5)) if signed else rng.integers(0, 256, (images, 2, 6, 5))
    given = given * (rng.random(given.shape) < 0.6)
    more = {} if raw else {"multiplier": rng.integers(1, 65536, 3), "shift": rng.integers(18, 24, 3),
                           "rounding": rounding}
    return Layer(weight=weight.astype(np.int8), input=given.astype(np.int8 if signed else np.uint8),
                 stride=(stride, stride), padding=(1, 1), bias=rng.integers(-999, 999, 3).astype(np.int32), **more)


def program_of(config, layer, *, look):
    node = SimpleNamespace(name="layer", op="conv", inputs=("input",), layer=layer, parameters={})
    source = lower.as_map(layer.input4.shape[1:], str(layer.input4.dtype))
    step = lower.convolution(node, layer, lower.as_map(layer.output_shape[1:], layer.output_dtype), source)
    return build(config, {"input": source}, [step], "layer", look=look)[0]


@pytest.mark.parametrize("look", [False, True])
@pytest.mark.parametrize("name", CONFIGS)
def test_a_convolution(name, look):
    layer = layer_of(np.random.default_rng(1))
    (found,) = run_program(program_of(CONFIGS[name], layer, look=look), list(layer.input4))
    assert np.array_equal(found, reference.run(layer)[0])


def pointwise(rng, channels, filters, given=None):
    weight = rng.integers(1, 128, (filters, channels, 1, 1))
    return Layer(weight=(weight * (weight == weight.max(axis=1, keepdims=True))).astype(np.int8),
                 multiplier=np.full(filters, 50000), shift=np.full(filters, 22), input=given)


@pytest.mark.parametrize("name", ["as many ways as positions", "one position"])
def test_vectors_that_end_one_after_the_other(name):
    """A weight or two to a filter: sums are taken over as fast as they may be, and none of them twice or never.

    The first of the layers, for what leaves waits for the stream in any case.
    """
    config, rng = CONFIGS[name], np.random.default_rng(4)
    first = pointwise(rng, 1, 3, rng.integers(0, 256, (2, 1, 6, 5)).astype(np.uint8))
    second = pointwise(rng, 3, 2, reference.run(first))
    maps = [lower.as_map(shape, "uint8") for shape in ((1, 6, 5), (3, 6, 5), (2, 6, 5))]
    steps = [lower.convolution(SimpleNamespace(name=own, op="conv", inputs=(source,), layer=layer, parameters={}),
                               layer, out, given)
             for own, source, layer, given, out in zip("ab", ("input", "a"), (first, second), maps, maps[1:],
                                                       strict=False)]
    program, _ = build(config, {"input": maps[0]}, steps, "b", look=False)
    found = run_program(program, list(first.input4))
    assert np.array_equal(found, reference.run(second))


@pytest.mark.parametrize("kind", [{"stride": 2}, {"raw": True}, {"rounding": "even"}, {"signed": True},
                                  {"density": 0.0}])
def test_kinds_of_layers(kind):
    layer = layer_of(np.random.default_rng(2), **kind)
    (found,) = run_program(program_of(CONFIGS["two ways"], layer, look=True), list(layer.input4))
    assert np.array_equal(found, reference.run(layer)[0])


def test_images_one_after_the_other_while_all_streams_pause():
    layer = layer_of(np.random.default_rng(3), images=3)
    found = run_program(program_of(CONFIGS["three lanes"], layer, look=True), list(layer.input4), stall=0.4, seed=5)
    assert np.array_equal(np.stack(found), reference.run(layer))
