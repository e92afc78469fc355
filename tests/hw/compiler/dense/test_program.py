"""What the dense packer writes, and that decoding undoes it."""

from __future__ import annotations

import numpy as np
import pytest
from tests.hw.gateware.dense.run import dense_config, random_layer

from zeroskip import reference
from zeroskip.compiler.dense.program import decode_result, pack_dense, weight_rows
from zeroskip.layer import Layer
from zeroskip.spec.dense_program import PARAMETER, TAP, Section, decode, registers_of

SMALL = dict(filters=3, channels=2, kernel=(3, 3), size=(5, 5))


def test_weights_by_group():
    """Channels of another group are zeros; the order is pass, tap, channel, filter."""
    layer = random_layer(1, filters=4, channels=6, kernel=(1, 2), size=(3, 3), groups=2, zeros=0.0)
    flat = weight_rows(layer, 2).reshape(-1).view(np.int8)[: 2 * 2 * 6 * 2].reshape(2, 2, 6, 2)
    for filter_index in range(4):
        for tap in range(2):
            for channel in range(6):
                found = flat[filter_index // 2, tap, channel, filter_index % 2]
                inner = channel - 3 * (filter_index // 2)
                assert found == (layer.weight[filter_index, inner, 0, tap] if 0 <= inner < 3 else 0)


@pytest.mark.parametrize("quantised", [False, True])
def test_sections_come_back(quantised):
    layer = random_layer(2, **SMALL, quantised=quantised)
    program = pack_dense(layer, dense_config(2, 2), gate=True)
    sections = {section.kind: section for section in decode(program.program)}
    assert set(sections) == {Section.CONFIG, Section.TAPS, Section.PARAMETERS, Section.WEIGHTS}
    assert registers_of(list(sections.values())) == program.plan.registers()
    for row, tap in zip(sections[Section.TAPS].rows, program.plan.taps, strict=True):
        assert TAP.unpack(int.from_bytes(row.tobytes(), "little")) == vars(tap)
    for number, row in enumerate(sections[Section.PARAMETERS].rows):
        found = PARAMETER.unpack(int.from_bytes(row.tobytes(), "little"))
        wanted = {"bias": layer.bias[number], "multiplier": layer.multiplier[number] if quantised else 0,
                  "shift": layer.shift[number] if quantised else 0}
        assert found == wanted
    assert np.array_equal(sections[Section.WEIGHTS].rows, weight_rows(layer, 2))


def answer(plan, result):
    """The answer's beats as the format says, by plain loops; what is beyond the result is 0x5A."""
    config, stream = plan.config, b""
    images, filters, height, width = result.shape
    for image in range(images):
        for block in range(plan.blocks):
            for first in range(0, filters, config.filters):
                rows = b""
                for number in range(first, first + config.filters):
                    for pixel in range(block * config.pixels, (block + 1) * config.pixels):
                        there = number < filters and pixel < height * width
                        rows += (result[image, number, pixel // width, pixel % width].tobytes() if there
                                 else b"\x5a" * result.itemsize)
                stream += rows + bytes(-len(rows) % 16)
    return np.frombuffer(stream, np.uint8).reshape(-1, 16)


@pytest.mark.parametrize("quantised", [False, True])
@pytest.mark.parametrize("array", [(1, 1), (2, 4), (4, 2), (16, 8)])
def test_order_of_results(array, quantised):
    layer = random_layer(3, filters=5, channels=2, kernel=(2, 2), size=(4, 6), images=2, quantised=quantised)
    plan = pack_dense(layer, dense_config(*array), gate=False).plan
    wanted = reference.run(layer)
    beats = answer(plan, wanted)
    assert len(beats) == plan.result_beats
    found = decode_result(plan, beats)
    assert found.dtype == wanted.dtype and np.array_equal(found, wanted)


def test_linear():
    """Images become columns of one image; the answer has their shape again."""
    rng = np.random.default_rng(4)
    layer = Layer(weight=rng.integers(-9, 9, (3, 18)).astype(np.int8),
                  input=rng.integers(0, 9, (4, 18)).astype(np.uint8))
    program = pack_dense(layer, dense_config(2, 4), gate=False)
    wanted = reference.run(layer)
    assert np.array_equal(program.decode(answer(program.plan, reference.run(layer.as_convolution()))), wanted)
