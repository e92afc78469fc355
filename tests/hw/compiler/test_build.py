"""What a program's builder decides for a step: which lane gets which share, and whether the step looks ahead."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from tests.hw.compiler.test_phased import CONFIG, layer_of

from zeroskip import reference
from zeroskip.compiler import build as building
from zeroskip.compiler import lower
from zeroskip.compiler.steps import Map, Taps
from zeroskip.cycles import model

SIZE = (2, 1, 4)


def heavy(count=4, seed=3):
    """Layers of two filters, of which the first one is full and the second one all but empty; and their last map."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (1, *SIZE)).astype(np.uint8)
    given, steps, source = image, [], Map(channels=SIZE[0], rows=SIZE[1], columns=SIZE[2])
    for number in range(count):
        layer = layer_of(rng, (given.shape[1], 3, 3), 2, given, padding=(1, 1))
        layer.weight[0] = rng.integers(1, 100, layer.weight.shape[1:])
        layer.weight[1] = 0
        layer.weight[1, 0, 1, 1] = 7
        names = "input" if number == 0 else f"s{number - 1}", f"s{number}"
        node = SimpleNamespace(name=names[1], op="conv", inputs=names[:1], layer=layer, parameters={})
        steps.append(lower.convolution(node, layer, lower.as_map(layer.output_shape[1:], "uint8"), source))
        given, source = reference.run(layer), lower.as_map(layer.output_shape[1:], "uint8")
    return image[0], steps, given[0]


def test_the_longest_lists_go_where_the_least_is():
    """A vector a filter, so that no filter can be shared: each lane gets a long list every second time."""
    image, steps, wanted = heavy()
    incoming = {"input": Map(channels=SIZE[0], rows=SIZE[1], columns=SIZE[2])}
    program, builder = building.build(CONFIG, incoming, steps, "s3", look=False)
    long = [[max(len(own.step.taps[job.filter]) for job in jobs) > 1 for jobs in own.jobs] for own in builder.built]
    assert long == [[True, False], [False, True], [True, False], [False, True]]
    words = [len(own) for own in program.lists]
    assert abs(words[0] - words[1]) < max(words) / 4
    found = model.run(CONFIG, program.beats(), program.incoming.words(image))
    assert np.array_equal(program.leaving.values(found.results()[0]), wanted)


def step_with(entries, steps):
    """The step with lists of so many entries."""
    count = entries
    taps = Taps(**{name: np.resize(getattr(steps[0].taps[0], name), (count, *getattr(steps[0].taps[0], name).shape[1:]))
                   for name in steps[0].taps[0].__dataclass_fields__})
    return replace(steps[0], taps=(taps, taps))


@pytest.mark.parametrize("entries, least, written, gains", [
    (36, 4, 1.0, True),  # 18 words and 2 of writes in the place of 36
    (36, 36, 1.0, False),  # the way out takes as long anyway
    (36, 4, 9.0, False),  # each word that is written costs a cycle: 18 and 2 * 9
    (36, 4, 8.9, True),
    (1, 0, 0.0, False),
])
def test_it_looks_ahead_where_that_can_gain(entries, least, written, gains):
    step = step_with(entries, heavy(1)[1])
    out = SimpleNamespace(least=least, written=written)
    assert building._may_gain(CONFIG, step, out) is gains
