"""Maps that take the place of one that is read for the last time."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from tests.hw.compiler.test_phased import CONFIG, layer_of

from zeroskip import reference
from zeroskip.compiler import lower
from zeroskip.compiler.build import build
from zeroskip.compiler.in_place import predecessors
from zeroskip.compiler.steps import Map, Pooling, Taps
from zeroskip.cycles import model

FACTOR = 300


def block(kernel=3, seed=1):
    """A convolution, another one, a third one to whose sums the first map is added, and one behind it."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (1, 2, 6, 7)).astype(np.uint8)
    maps, steps, given = {"input": image}, [], "input"
    for name in "abcd":
        size, residual = (kernel, kernel) if name == "c" else (3, 3), ("a",) if name == "c" else ()
        layer = layer_of(rng, (maps[given].shape[1], *size), 3, maps[given], padding=(size[0] // 2,) * 2)
        node = SimpleNamespace(name=name, op="conv", inputs=(given, *residual), layer=layer,
                               parameters={"residual_factors": [FACTOR] * 3} if residual else {})
        source, result = (lower.as_map(own.shape[1:], "uint8") for own in (maps[given], layer.input[:, :3]))
        steps.append(lower.convolution(node, layer, replace(result, channels=3), source))
        sums = reference.accumulate(layer) + (FACTOR * maps["a"].astype(np.int64) if residual else 0)
        maps[name] = reference.result(layer, sums)
        given = name
    return image[0], steps, maps["d"][0]


def test_a_sum_lies_where_its_residual_lay_and_the_map_is_right():
    image, steps, wanted = block()
    incoming = {"input": Map(channels=2, rows=6, columns=7)}
    assert predecessors(steps, incoming, "d") == {"c": "a"}
    least = replace(CONFIG, map_words=128)
    program, builder = build(least, incoming, steps, "d", look=True)
    places = builder.plan.maps
    assert places["c"].base == places["a"].base != places["b"].base
    found = model.run(least, program.beats(), program.incoming.words(image))
    assert np.array_equal(program.leaving.values(found.results()[0]), wanted)


def other(step, **more):
    return replace(step, **more)


@pytest.mark.parametrize("change", [
    pytest.param(lambda a, b, c, d: [a, b, c, other(d, sources=("c", "a"), strides=((1, 1),) * 2)], id="read later"),
    pytest.param(lambda a, b, c, d: [a, b, other(c, pooling=Pooling(window=2, largest=True)), d], id="pooled"),
    pytest.param(lambda a, b, c, d: [a, b, other(c, factor=(2, 2)), d], id="upsampled"),
    pytest.param(lambda a, b, c, d: [a, b, other(c, raw=True), d], id="sums"),
    pytest.param(lambda a, b, c, d: [a, b, other(c, sources=("b", "input")), d], id="comes in"),
    pytest.param(lambda a, b, c, d: [a, b, other(c, sources=("a", "a")), d], id="read otherwise, too"),
    pytest.param(lambda a, b, c, d: [a, b, other(c, taps=c.taps[::-1]), d], id="another channel"),
    pytest.param(lambda a, b, c, d: [a, b, other(c, taps=tuple(
        own + Taps.of(*([np.array([number]), np.array([0]), np.array([1]), np.array([1])]), source=1)
        for number, own in enumerate(c.taps))), d], id="another place"),
    pytest.param(lambda a, b, c, d: [a, b, c], id="leaves"),
])
def test_what_must_stay_is_not_written_over(change):
    _, steps, _ = block()
    changed = change(*steps)
    assert predecessors(changed, {"input": None}, changed[-1].out) == {}
