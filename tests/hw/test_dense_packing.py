"""What the dense packer writes, what it refuses, and that decoding undoes it."""

from __future__ import annotations

import numpy as np
import pytest
from tests.hw.dense_run import dense_config, random_layer

from zeroskip.dense_packing import pack_dense, weight_rows, window_words
from zeroskip.layer import Layer
from zeroskip.map_packing import layout
from zeroskip.program_image import PackError, read_config
from zeroskip.wire import Config, Mode, Section, decode

SMALL = dict(filters=3, channels=2, kernel=(3, 3), size=(5, 5))


@pytest.mark.parametrize(("memories", "layer", "message"), [
    ({"windows": 8}, SMALL, "window table: the layer needs 9, the configuration has 8"),
    ({"dense_weights": 64}, SMALL, ("weight memory (weights, filters filled up to whole passes): the layer needs 72, "
                                   "the configuration has 64")),
    ({}, SMALL | {"filters": 65}, "filters: the layer needs 65, the configuration has 64"),
    ({"map_positions": 16}, SMALL, ("feature-map memory (positions of 16 channels for one image): the layer needs 26, "
                                   "the configuration has 16")),
])
def test_refusals(memories, layer, message):
    with pytest.raises(PackError) as caught:
        pack_dense(random_layer(0, **layer), dense_config(2, 2, **memories), gate=False)
    assert str(caught.value) == message


def test_overflow():
    layer = Layer(weight=np.full((1, 4200), 127, np.int8), input=np.full((1, 4200), 255, np.uint8))
    with pytest.raises(PackError, match=r"accumulator \(worst case of filter 0\): the layer needs 136017000"):
        pack_dense(layer, dense_config(2, 2), gate=False)


def test_weights_by_group():
    """Channels of another group are zeros; the order is pass, tap, channel, filter."""
    layer = random_layer(1, filters=4, channels=6, kernel=(1, 2), size=(3, 3), groups=2, zeros=0.0)
    flat = weight_rows(layer, 2).reshape(-1).view(np.int8)[: 2 * 2 * 6 * 2].reshape(2, 2, 6, 2)
    for filter_index in range(4):
        for tap in range(2):
            for channel in range(6):
                found = flat[filter_index // 2, tap, channel, filter_index % 2]
                own = channel - 3 * (filter_index // 2)
                assert found == (layer.weight[filter_index, own, 0, tap] if 0 <= own < 3 else 0)


def test_sections():
    layer = random_layer(2, **SMALL)
    sections = decode(pack_dense(layer, dense_config(2, 2), gate=True).weights)
    assert {section.kind for section in sections} == {Section.CONFIG, Section.WINDOWS, Section.REQUANT, Section.WEIGHTS}
    config = read_config(sections)
    assert config[Config.MODE] == Mode.SKIP_ACTIVATIONS | Mode.REQUANTISE
    assert config[Config.FILTERS] == 3 and config[Config.WINDOWS] == 9


def test_banks_never_clash():
    """Whatever the shape, the N pixels of a block lie in N banks for every word."""
    for width in range(3, 12):
        layer = random_layer(3, **SMALL | {"size": (6, width)}, padding=(1, 2), stride=(1, 2))
        lay = layout(layer, 1024, banks=4, aligned=True)
        columns = layer.output_shape[3]
        for word in window_words(layer, lay):
            for start in range(0, layer.output_shape[2] * columns - 4, 4):
                pixels = [divmod(start + j, columns) for j in range(4)]
                assert len({(oy * lay.pitch + ox + word.offset) % 4 for oy, ox in pixels}) == 4
