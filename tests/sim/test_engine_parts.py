"""Programs in parts on the vector engine's Verilog: bit for bit, cycle for cycle, and when a part goes wrong."""

import numpy as np
import pytest

from cosim.engine_rtl import EngineError, build, packets_of, run_program
from zerokeep import integer
from zerokeep.network import Network
from zerokeep.step import Step
from zeroskip.compiler.whole import whole
from zeroskip.cycles import model
from zeroskip.layer import Layer
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import header

NETWORKS = 8
CONFIGS = {
    "pairs": EngineConfig(lanes=3, vector=16, look=2, ways=2, banks=16, map_words=2048, list_words=64,
                          instructions=32),
    "wide": EngineConfig(lanes=2, vector=8, look=4, ways=1, banks=8, map_words=4096, list_words=32, instructions=32),
}
MOST = {"pairs": 40, "wide": 36}
"""Entries of a filter of several vectors, so that its list fits a memory."""


@pytest.fixture(scope="module", params=CONFIGS)
def engine(request, tmp_path_factory):
    config = CONFIGS[request.param]
    return config, build(config, tmp_path_factory.mktemp("engine")), MOST[request.param]


def drawn(seed, most):
    """Two or three convolutions, then a linear layer whose lists are longer than the memories; and three images."""
    rng = np.random.default_rng(seed)
    channels, size = int(rng.integers(2, 5)), (int(rng.integers(4, 8)), int(rng.integers(4, 8)))
    shape, steps, source = (channels, *size), [], "input"

    def add(op, weight, filters, **place):
        nonlocal source
        layer = Layer(weight=weight.astype(np.int8), multiplier=rng.integers(20000, 65536, filters),
                      shift=rng.integers(21, 24, filters), bias=rng.integers(-900, 900, filters).astype(np.int32),
                      **place)
        steps.append(Step(name=f"s{len(steps)}", op=op, inputs=(source,), scale=1.0, layer=layer))
        source = steps[-1].name

    for _ in range(int(rng.integers(2, 4))):
        filters = int(rng.integers(6, 13))
        share = min(1.0, most / (channels * 9) * 0.7)
        weight = rng.integers(-128, 128, (filters, channels, 3, 3)) * (rng.random((filters, channels, 3, 3)) < share)
        add("conv", weight, filters, padding=(1, 1))
        channels = filters
    steps.append(Step(name="features", op="flatten", inputs=(source,), scale=1.0))
    source = "features"
    features = channels * size[0] * size[1]
    add("linear", rng.integers(-128, 128, (5, features)) * (rng.random((5, features)) < 0.5), 5)
    network = Network(name="drawn", input_shape=shape, input_scale=1.0, steps=tuple(steps))
    images = rng.integers(0, 256, (3, *shape)) * (rng.random((3, *shape)) < 0.7)
    return network, images.astype(np.uint8)


def holds(program):
    """Whether a list is held for another one."""
    config = program.config
    place = config.acc_width + 16 + 6 + 1
    assert header(config).starts()["hold"] == place
    own = [word for part in program.parts for block in part.blocks for word in block.words]
    return any(word >> place & 1 for word in own)


@pytest.mark.parametrize("look", [False, True])
def test_networks_in_parts_are_bit_exact_and_take_the_models_cycles(engine, look):
    config, simulator, most = engine
    for seed in range(NETWORKS):
        network, images = drawn(seed, most)
        program, _ = whole(config, network, look=look, parts=True)
        assert len(program.parts) > 3 and holds(program)
        wanted = integer.run(network, images)
        found = run_program(simulator, program, list(images))
        assert np.array_equal(np.stack(found.maps).reshape(wanted.shape), wanted), seed
        beats = np.concatenate([program.incoming.words(own) for own in images])
        modelled = model.run(config, program.beats(), beats, parts=program.part_beats())
        values = np.stack([program.leaving.values(words) for words in modelled.results()])
        assert np.array_equal(values.reshape(wanted.shape), wanted), seed
        assert modelled.lasts == found.lasts, seed
        paused = run_program(simulator, program, list(images), stall=0.3, seed=seed).maps
        assert np.array_equal(np.stack(paused).reshape(wanted.shape), wanted), seed


def damaged(beats):
    """The same beats, with a bit turned over."""
    found = beats.copy()
    found[len(beats) // 2, 0] ^= 4
    return found


def test_a_part_that_was_damaged_stops_the_lanes_and_can_be_sent_again(engine):
    config, simulator, most = engine
    network, images = drawn(3, most)
    program, _ = whole(config, network, look=False, parts=True)
    packets = packets_of(program, len(images))
    middle = len(packets) // 2
    for bad, error in ((damaged(packets[middle]), "[45]"), (packets[middle][:-2], "3"), (packets[middle + 1], "6")):
        with pytest.raises(EngineError, match=f"result words came .*error {error}"):
            run_program(simulator, program, list(images), packets=[*packets[:middle], bad])
        again = [*packets[:middle], bad, *packets[middle:]]
        found = run_program(simulator, program, list(images), packets=again).maps
        wanted = integer.run(network, images)
        assert np.array_equal(np.stack(found).reshape(wanted.shape), wanted)


def test_after_a_program_that_lacks_its_parts_comes_a_good_one(engine):
    config, simulator, most = engine
    network, images = drawn(4, most)
    program, _ = whole(config, network, look=False, parts=True)
    other, others = drawn(5, most)
    before, _ = whole(config, other, look=False, parts=True)
    packets = [before.beats(), before.part_beats()[0], *packets_of(program, len(images))]
    with pytest.raises(EngineError, match=r"0 of .* result words came"):
        run_program(simulator, before, list(others), packets=packets[:2])
    found = run_program(simulator, program, list(images), packets=packets, ahead=3).maps
    wanted = integer.run(network, images)
    assert np.array_equal(np.stack(found).reshape(wanted.shape), wanted)
