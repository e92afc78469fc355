"""Compiled networks for the tests of what is exported."""

from dataclasses import replace

import numpy as np
from benchmarks.networks import Maker
from tests.sim.random_networks import Draw

from zerokeep.network import Network
from zerokeep.step import Step
from zeroskip.export.compiled import compile_network
from zeroskip.layer import Layer
from zeroskip.spec.config import EngineConfig

SMALL = EngineConfig(lanes=3, vector=4, look=4, ways=2, banks=8, map_words=4096, list_words=1024, instructions=1024)
WIDE = EngineConfig(lanes=2, vector=8, look=2, ways=1, banks=32, map_words=1024, list_words=1024, instructions=1024)
SEEDS = (0, 1, 4, 6, 12, 19)
"""Of networks with phase planes, pooling, tables, and signed inputs and results among them."""


def drawn(seed, config=SMALL, *, engine="skip-weights", name="drawn-net"):
    """A random network compiled, the network itself, and images for it."""
    draw = Draw(seed)
    network = draw.network()
    return compile_network(config, network, name=name, engine=engine), network, draw.images(network)


def in_parts(*, name="parts", config=None):
    """A network whose lists do not fit at once; the network, and images for it."""
    make = Maker((2, 6, 7), 3)
    for _ in range(3):
        make.conv(9, (3, 3), 0.6)
    make.conv(5, (3, 3), 0.6)
    network = make.done(name)
    images = np.random.default_rng(4).integers(0, 256, (2, 2, 6, 7)).astype(np.uint8)
    return compile_network(config or replace(SMALL, list_words=128), network, name=name), network, images


def sums(*, name="sums", config=SMALL):
    """A layer without requantisation, whose answer is sums of 32 bits; the network, and an image."""
    rng = np.random.default_rng(5)
    layer = Layer(weight=rng.integers(-128, 128, (5, 3, 3, 3)).astype(np.int8), stride=(2, 2), padding=(1, 1))
    step = Step(name="conv", op="conv", inputs=("input",), scale=1.0, layer=layer)
    network = Network(name=name, input_shape=(3, 9, 7), input_scale=1.0, steps=(step,))
    return compile_network(config, network, name=name), network, rng.integers(0, 256, (1, 3, 9, 7)).astype(np.uint8)
