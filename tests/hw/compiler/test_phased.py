"""Maps that are made phase by phase: the same results, and no step that scatters."""

from types import SimpleNamespace

import numpy as np
import pytest

from zeroskip import reference
from zeroskip.compiler import lower
from zeroskip.compiler.build import build
from zeroskip.compiler.phased import choices, planes_of
from zeroskip.compiler.steps import Map
from zeroskip.cycles import model
from zeroskip.layer import Layer
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import Mode

CONFIG = EngineConfig(lanes=2, vector=4, look=2, ways=2, banks=4, map_words=4096, list_words=1024, instructions=256)


def layer_of(rng, shape, filters, given, **more):
    weight = rng.integers(-127, 128, (filters, *shape)) * (rng.random((filters, *shape)) < 0.5)
    return Layer(weight=weight.astype(np.int8), input=given, multiplier=rng.integers(20000, 65536, filters),
                 shift=rng.integers(19, 22, filters), **more)


def network(size, seed=1):
    """Two convolutions, the second one in steps of two: what comes in, the steps, and what comes out."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (1, 2, *size)).astype(np.uint8)
    first = layer_of(rng, (2, 3, 3), 3, image, padding=(1, 1))
    between = reference.run(first)
    second = layer_of(rng, (3, 3, 3), 4, between, padding=(1, 1), stride=(2, 2))
    source, steps = lower.as_map(image.shape[1:], "uint8"), []
    for name, given, layer in (("a", "input", first), ("b", "a", second)):
        node = SimpleNamespace(name=name, op="conv", inputs=(given,), layer=layer, parameters={})
        steps.append(lower.convolution(node, layer, lower.as_map(layer.output_shape[1:], "uint8"), source))
        source = lower.as_map(layer.output_shape[1:], "uint8")
    return image[0], steps, reference.run(second)[0]


def run(choice, image):
    program, builder = build(CONFIG, choice.incoming, choice.steps, "b", look=False)
    program = choice.laid(program)
    found = model.run(CONFIG, program.beats(), program.incoming.words(image))
    return program.leaving.values(found.results()[0]), [own.out.fields["mode"] for own in builder.built]


def test_each_choice_gives_the_same_map():
    image, steps, wanted = network((6, 8))
    made = choices({"input": Map(channels=2, rows=6, columns=8)}, steps, "b")
    assert [own.phases.get("a", (1, 1)) for own in made] == [(1, 1), (2, 2), (2, 1)]
    modes = []
    for choice in made:
        found, own = run(choice, image)
        assert np.array_equal(found, wanted)
        modes.append(own)
    assert modes == [[Mode.SCATTER, Mode.FLAT], [Mode.FLAT, Mode.FLAT], [Mode.SCATTER, Mode.FLAT]]


@pytest.mark.parametrize(("size", "phases"), [((6, 7), [(1, 1), (2, 1)]), ((7, 8), [(1, 1)]), ((5, 7), [(1, 1)])])
def test_a_map_whose_planes_differ_is_not_made_phase_by_phase(size, phases):
    image, steps, wanted = network(size)
    made = choices({"input": Map(channels=2, rows=size[0], columns=size[1])}, steps, "b")
    assert [own.phases.get("a", (1, 1)) for own in made] == phases
    assert all(np.array_equal(run(own, image)[0], wanted) for own in made)


def test_planes_of_a_map_are_channels():
    found = planes_of(Map(channels=3, rows=5, columns=8, signed=True), (2, 4))
    assert (found.channels, found.rows, found.columns, found.signed) == (24, 3, 2, True)


def test_values_are_found_in_the_planes_of_their_phases():
    _, steps, _ = network((6, 8))
    for choice in choices({"input": Map(channels=2, rows=6, columns=8)}, steps, "b"):
        (py, px), made = choice.phases.get("a", (1, 1)), choice.steps[0]
        values = np.arange(3 * 6 * 8).reshape(3, 6, 8)
        found = made.planes(values)
        assert found.shape == (made.written.channels, made.written.rows, made.written.columns)
        for channel, row, column in np.ndindex(values.shape):
            plane = channel * py * px + row % py * px + column % px
            assert found[plane, row // py, column // px] == values[channel, row, column]
