"""Averages of whole maps, of several channels at once: the same answers, in fewer cycles, and only where it can be."""

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.networks import Maker

from zerokeep import integer
from zeroskip.compiler.averages import side_by_side
from zeroskip.compiler.build import build
from zeroskip.compiler.network import INPUT, lowered
from zeroskip.compiler.places import PlanError
from zeroskip.compiler.whole import whole
from zeroskip.cycles import model
from zeroskip.spec.config import EngineConfig

CONFIG = EngineConfig(lanes=2, vector=8, look=2, ways=2, banks=8, map_words=4096, list_words=1024, instructions=512)


def network(filters, size=(6, 7), *, seed=1, dense=8):
    """A convolution with many weights, the average of its map, and a linear layer."""
    make = Maker((dense, *size), seed)
    make.conv(filters, (3, 3), 0.9)
    make.average()
    make.conv(3, (1, 1), 0.9)
    return make.done("averaged")


def run(steps, incoming, leaving, images):
    program, builder = build(CONFIG, {INPUT: incoming}, steps, leaving, look=False)
    found = model.run(CONFIG, program.beats(), np.concatenate([program.incoming.words(own) for own in images]))
    values = np.stack([program.leaving.values(own) for own in found.results()])
    return values.reshape(len(images), -1), found.lasts, builder


@pytest.mark.parametrize("filters", [4, 8, 12, 24])
@pytest.mark.parametrize("size", [(6, 7), (5, 5), (1, 9), (9, 2)])
def test_the_answers_are_the_same_in_fewer_cycles(filters, size):
    made = network(filters, size)
    images = np.random.default_rng(filters).integers(0, 256, (2, *made.input_shape)).astype(np.uint8)
    plain = lowered(made)
    steps = side_by_side(CONFIG, plain.steps, plain.leaving)
    across = [own.across for own in steps]
    assert across[0] in (2, 4, 8) and set(across[1:]) == {1}
    before, lasts, _ = run(plain.steps, plain.incoming, plain.leaving, images)
    after, sooner, builder = run(steps, plain.incoming, plain.leaving, images)
    wanted = integer.run(made, images).reshape(2, -1)
    assert np.array_equal(before, wanted) and np.array_equal(after, wanted)
    assert np.diff(sooner) < np.diff(lasts) or size in ((1, 9), (9, 2))
    own = builder.steps[0].planes(np.arange(filters * size[0] * size[1]))
    assert own.shape == (filters // across[0], size[0], size[1] * across[0])
    assert own[0, 0, :across[0]].tolist() == [k * size[0] * size[1] for k in range(across[0])]


def test_the_average_may_step_by_its_own_size():
    """One result has no next one, whatever the stride is."""
    made = network(8)
    average = next(step for step in made.steps if step.op == "avgpool")
    average.parameters["stride"] = tuple(average.parameters["kernel"])
    images = np.random.default_rng(3).integers(0, 256, (2, *made.input_shape)).astype(np.uint8)
    plain = lowered(made)
    steps = side_by_side(CONFIG, plain.steps, plain.leaving)
    assert steps[0].across > 1
    found, _, _ = run(steps, plain.incoming, plain.leaving, images)
    assert np.array_equal(found, integer.run(made, images).reshape(2, -1))


def test_an_average_may_be_read_twice_by_one_step():
    plain = lowered(network(8))
    twice = replace(plain.steps[2], sources=(plain.steps[1].out,) * 2, strides=((1, 1),) * 2, taps=tuple(
        own + replace(own, source=own.source + 1) for own in plain.steps[2].taps))
    steps = side_by_side(CONFIG, [*plain.steps[:2], twice], plain.leaving)
    images = np.random.default_rng(4).integers(0, 256, (2, *network(8).input_shape)).astype(np.uint8)
    found, _, _ = run(steps, plain.incoming, plain.leaving, images)
    apart, _, _ = run([*plain.steps[:2], twice], plain.incoming, plain.leaving, images)
    assert steps[0].across > 1 and np.array_equal(found, apart)


def test_odd_numbers_of_channels_stay_apart():
    plain = lowered(network(5))
    assert side_by_side(CONFIG, plain.steps, plain.leaving) == [*plain.steps]


def test_channels_that_do_not_do_alike_stay_apart():
    plain = lowered(network(8))
    steps = list(plain.steps)
    steps[1] = replace(steps[1], bias=np.arange(8))
    assert side_by_side(CONFIG, steps, plain.leaving) == steps


def test_a_map_that_others_read_stays_apart():
    plain = lowered(network(8))
    steps = [*plain.steps, replace(plain.steps[1], name="again", out="again")]
    assert side_by_side(CONFIG, steps, plain.leaving) == steps
    steps = list(plain.steps)
    assert side_by_side(CONFIG, steps[:2], steps[1].out) == steps[:2]


def test_where_channels_side_by_side_do_not_fit_steps_stay_as_they_are(monkeypatch):
    """And a network that fits neither way says what it lacks as it is."""
    made, tried = network(8), []
    ahead = [own.across for own in side_by_side(CONFIG, lowered(made).steps, lowered(made).leaving)]
    refused = [1]

    def reluctant(config, incoming, steps, leaving, **options):
        tried.append(max(own.across for own in steps))
        if tried[-1] > 1 or 1 not in refused:
            raise PlanError(f"no room for {tried[-1]} at once")
        return build(config, incoming, steps, leaving, **options)

    monkeypatch.setattr("zeroskip.compiler.whole.build", reluctant)
    _, builder = whole(CONFIG, made, look=False)
    assert max(ahead) > 1 and tried[0] == max(ahead) and tried[-1] == 1
    assert {own.step.across for own in builder.built} == {1}
    refused.clear()
    with pytest.raises(PlanError, match="no room for"):
        whole(CONFIG, made, look=False)
