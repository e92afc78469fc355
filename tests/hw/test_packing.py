"""From layers to streams: a decoder undoes the packer, refusals by their text, the order of the results."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from tests.hw.layers import random_layer, small_config

from zeroskip import packing, reference
from zeroskip.arrangement import arrangements
from zeroskip.compiler.packed import PackError, check_accumulators
from zeroskip.config import PRESETS
from zeroskip.cycle_model import predict
from zeroskip.layer import Layer
from zeroskip.lists import expand, lanes_of, words_of
from zeroskip.packing import pack
from zeroskip.plan import make_plan
from zeroskip.program_image import check_supported, config_sections
from zeroskip.wire import WORD_CHANNELS, Config, Section, decode, encode
from zeroskip.zero_skip_packing import best_plan, decode_result
from zeroskip.zero_skip_program import program_sections

LAYERS = {
    "plain": random_layer(1, filters=7, images=2, padding=(1, 1)),
    "one filter": random_layer(2, filters=1, channels=17, weights=0.2),
    "groups": random_layer(3, filters=6, channels=6, groups=3),
    "dense": random_layer(4, filters=8, weights=1.0),
    "zeros": random_layer(5, weights=0.0),
    "strided sums": random_layer(6, stride=(2, 2), output=None),
    "int8": random_layer(7, filters=5, dtype=np.int8, output="int8", size=(3, 9)),
    "linear": random_layer(8, linear=True, filters=9, channels=21, images=5).as_convolution(),
}
CONFIGS = {
    "C1 E1 P1": small_config(1, 1, 1, lane_filters=16),
    "C4 E2 P1": small_config(4, 2, 1, units=2),
    "C4 E1 P4": small_config(4, 1, 4, units=4),
    "C2 E4 P2": small_config(2, 4, 2),
    "C1 E1 P8": small_config(1, 1, 8, lane_filters=16),
}


def plans(layer, config):
    """Every arrangement that fits, one after the other in both modes."""
    found = []
    for index, arrangement in enumerate(arrangements(config.groups, config.pixels)):
        try:
            turned = index % 3 == 1
            found.append(make_plan(layer.transposed() if turned else layer, config, arrangement, transposed=turned,
                                   skip_activations=index % 2 == 0))
        except PackError:
            continue
    return found


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("name", LAYERS)
def test_weights_come_back(name, config):
    """Each lane of each group holds its filters and nothing else; every split holds each of its filters once."""
    layer = LAYERS[name]
    found = plans(layer, CONFIGS[config])
    assert found
    for plan in found:
        words = words_of(plan.layer)
        sections = decode(encode(program_sections(plan)))
        (own,) = plan.passes
        lanes = plan.config.lanes
        for group in range(plan.config.groups):
            split = plan.arrangement.place(group)[0]
            for lane, lists in enumerate(lanes_of(sections, group, plan.config)):
                numbers = own.filters[split * lanes + lane]
                held = expand(lists, len(numbers))
                for index, number in enumerate(numbers):
                    wanted = words[number] if number >= 0 else np.zeros((words.shape[1], WORD_CHANNELS), np.int8)
                    assert np.array_equal(held[index], wanted)
        assert sorted(own.filters[own.filters >= 0].tolist()) == list(range(layer.filters))


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("name", LAYERS)
def test_the_rest_comes_back(name, config):
    """Registers, window table and requantisation, read as the hardware reads them."""
    layer = LAYERS[name]
    for plan in plans(layer, CONFIGS[config]):
        sections = decode(encode(program_sections(plan)))
        registers, rows, tables, passes, feeds = {}, {}, [], [], []
        for section in sections:
            if section.kind == Section.CONFIG:
                values = np.ascontiguousarray(section.rows[:, :4]).view("<i4").ravel().tolist()
                registers |= dict(enumerate(values, section.address))
            elif section.kind == Section.WINDOWS:
                tables.append(section.rows)
            elif section.kind == Section.PASS:
                passes += np.ascontiguousarray(section.rows[:, :8]).view("<u2").tolist()
            elif section.kind == Section.FEED:
                feeds += np.ascontiguousarray(section.rows[:, :10]).view("<u2").tolist()
            elif section.kind == Section.REQUANT:
                for unit in range(plan.config.output_units):
                    if section.mask >> unit & 1:
                        rows |= {(unit, section.address + at): row for at, row in enumerate(section.rows)}
        check_registers(plan, plan.layer, registers)
        table = np.concatenate(tables) if tables else np.zeros((0, 16), np.uint8)
        windows = plan.passes[0].table
        assert len(table) == len(windows)
        assert all(np.array_equal(row, window.beat()) for row, window in zip(table, windows, strict=True))
        assert passes == [[0, len(table), plan.images, 3 | plan.layer.output_shape[2] << 3]]
        assert feeds == [[plan.images, plan.layout.planes, 0, 0, 1]]
        check_requantisation(plan, layer, rows)


def check_registers(plan, layer, registers):
    images, _, height, width = layer.output_shape
    mode = registers[Config.MODE]
    assert bool(mode & 1) == plan.skip_activations
    assert bool(mode & 2) == (layer.input.dtype == np.int8)
    assert bool(mode & 4) == (layer.multiplier is not None)
    assert (registers[Config.CLAMP_LOW], registers[Config.CLAMP_HIGH]) == layer.clamp
    assert (registers[Config.IMAGES], registers[Config.OUT_ROWS], registers[Config.OUT_COLS]) == (images, height, width)
    assert registers[Config.FILTERS] == plan.lane_filters
    assert registers[Config.RING] == plan.config.slots_for(plan.lane_filters)
    assert registers[Config.DRAIN_BLOCKS] == registers[Config.IMAGES] * plan.grid.count
    assert registers[Config.RESULT_BEATS] == plan.result_beats
    assert bool(mode & 8) == plan.arrangement.raster
    down, across = plan.grid.block
    pitch = registers[Config.MAP_PITCH]
    assert registers[Config.BLOCK_PITCH] == down * pitch + across * plan.arrangement.raster
    assert pitch == (width if plan.arrangement.raster else registers[Config.MAP_COLS])
    assert registers[Config.MAP_SPAN] % plan.config.banks == 0 <= registers[Config.MAP_SPAN] - pitch * registers[
        Config.MAP_ROWS] < plan.config.banks
    ring = registers[Config.PLANE_RING]
    assert ring & (ring - 1) == 0 and ring * registers[Config.MAP_PLANES] <= plan.config.value_positions
    assert registers[Config.PLANE_ROWS] * pitch <= ring
    assert (registers[Config.BLOCK_ROWS], registers[Config.BLOCK_COLS]) == (down, across)
    assert registers[Config.BLOCKS] == plan.grid.count
    assert (registers[Config.FLIP_COLS], registers[Config.FLIP_ROWS]) == plan.arrangement.flips
    over_cols, over_rows = plan.arrangement.flips
    for group in range(plan.config.groups):
        assert (registers[Config.ROW_OFFSET + group], registers[Config.COL_OFFSET + group]) == plan.grid.offset(group)
        assert registers[Config.WORD_OFFSET_COLS + group] == registers[Config.WORD_OFFSET + (group ^ over_cols)]
        assert registers[Config.WORD_OFFSET_ROWS + group] == registers[Config.WORD_OFFSET + (group ^ over_rows)]
        assert registers[Config.WORD_OFFSET_BOTH + group] == (
            registers[Config.WORD_OFFSET + (group ^ over_cols ^ over_rows)])


def check_requantisation(plan, layer, rows):
    """Filter f of lane e of a unit's group g: row (g * E + e) * 16 + f."""
    per_unit = plan.config.groups // plan.config.output_units
    for group in range(plan.config.groups):
        split = plan.arrangement.place(group)[0]
        unit, inner = divmod(group, per_unit)
        for lane in range(plan.config.lanes):
            for index, number in enumerate(plan.passes[0].filters[split * plan.config.lanes + lane]):
                row = rows[unit, (inner * plan.config.lanes + lane) * 16 + index].tobytes()
                if number < 0:
                    continue
                assert int.from_bytes(row[:4], "little", signed=True) == layer.bias[number]
                if layer.multiplier is not None:
                    assert int.from_bytes(row[4:6], "little") == layer.multiplier[number]
                    assert row[6] == layer.shift[number]


def answer(plan, result):
    """The answer's beats as the wire format says, by plain loops; rows beyond the result are 0x5A."""
    config = plan.config
    result = result.transpose(0, 1, 3, 2) if plan.transposed else result
    images = len(result)
    turn = plan.grid.exchange(images)
    per_unit = config.groups // config.output_units
    streams = [b""] * config.output_units
    for image in range(images):
        for block in range(plan.grid.count):
            for group in range(config.groups):
                acts_as = int(turn[image * plan.grid.count + block, group])
                split = plan.arrangement.place(group)[0]
                y, x, valid = (values[block].tolist() for values in plan.grid.places(acts_as))
                for number in plan.passes[0].filters[split * config.lanes : (split + 1) * config.lanes].ravel():
                    for p in range(config.pixels):
                        here = number >= 0 and valid[p]
                        streams[group // per_unit] += (result[image, number, y[p], x[p]].tobytes() if here
                                                       else b"\x5a" * result.itemsize)
    streams = [stream + bytes(-len(stream) % 16) for stream in streams]
    units = [[stream[at : at + 16] for at in range(0, len(stream), 16)] for stream in streams]
    beats = [beat for turns in zip(*units, strict=True) for beat in turns]
    return np.frombuffer(b"".join(beats), np.uint8).reshape(-1, 16)


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("name", LAYERS)
def test_order_of_results(name, config):
    layer = LAYERS[name]
    wanted = reference.run(layer)
    for plan in plans(layer, CONFIGS[config]):
        beats = answer(plan, wanted)
        assert len(beats) == plan.result_beats
        found = decode_result(plan, beats, linear=False)
        assert found.dtype == wanted.dtype and np.array_equal(found, wanted)


@pytest.mark.parametrize("engine", packing.ENGINES)
def test_linear_layers(engine):
    """Images become columns of one image; the answer has their shape again."""
    layer = random_layer(9, linear=True, filters=3, channels=18, images=4)
    assert np.array_equal(reference.run(layer.as_convolution())[0, :, 0, :].T, reference.run(layer))
    (program,) = pack(layer, PRESETS["tiny"], engine).programs
    assert program.decode(np.zeros((program.result_beats, 16), np.uint8)).shape == (4, 3)
    conv = random_layer(10)
    assert conv.as_convolution() is conv


def test_engines():
    """Only the mode differs between the zero-skip engines, and an unknown one is refused."""
    layer, config = random_layer(11), PRESETS["tiny"]
    both, weights = (pack(layer, config, engine).programs[0].weights for engine in ("skip-both", "skip-weights"))
    assert both.shape == weights.shape and np.argwhere(both != weights).tolist() == [[1, 0]]
    message = "engine: found 'sparse', expected one of dense, gate, skip-weights, skip-both, auto"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        pack(layer, config, "sparse")


def test_auto_is_the_faster_by_the_model():
    """Whichever that is: dense where nothing is zero, skip-both where much is."""
    config = PRESETS["tiny"]
    for weights, chosen in ((1.0, "dense"), (0.2, "skip-both")):
        layer = random_layer(13, filters=8, channels=8, size=(8, 8), weights=weights, activations=weights)
        totals = {name: pack(layer, config, name).predicted["total"] for name in packing.CHOICES["auto"]}
        packed = pack(layer, config, "auto")
        assert totals[chosen] == min(totals.values()) < max(totals.values())
        assert (packed.engine, packed.predicted["total"]) == (chosen, totals[chosen])
        assert np.array_equal(packed.programs[0].weights, pack(layer, config, chosen).programs[0].weights)


def test_auto_takes_the_one_that_fits():
    """And where none does, says what each of them needs."""
    layer = random_layer(14, filters=2, channels=17, kernel=(1, 1), size=(2, 2), weights=1.0)
    few_lists = small_config(1, 2, 1, lane_filters=4, list_entries=16)
    few_weights = small_config(1, 2, 1, lane_filters=4, dense_weights=16)
    for config, chosen in ((few_lists, "dense"), (few_weights, "skip-both")):
        refused = next(name for name in packing.CHOICES["auto"] if name != chosen)
        with pytest.raises(PackError):
            pack(layer, config, refused)
        assert pack(layer, config, "auto").engine == chosen
    with pytest.raises(PackError, match=r"^dense: weight memory .* has 16; skip-both: list memory .* has 16$"):
        pack(layer, replace(few_lists, dense_weights=16), "auto")


def test_named_engines_are_themselves():
    """And what a name that leaves the choice needs is both."""
    for name in packing.ENGINES:
        assert pack(LAYERS["plain"], PRESETS["tiny"], name).engine == name
    assert packing.choices(["gate", "auto", "dense"]) == ("gate", "dense", "skip-both")


def test_best_plan():
    """The arrangement with the fewest cycles by the model, of those that fit."""
    layer = random_layer(12, filters=6, channels=5, size=(5, 6), weights=0.4)
    config = small_config(4, 1, 1, lane_filters=4)
    plan, figures = best_plan(layer, config, skip_activations=True)
    totals = {(p.transposed, p.arrangement): predict(p)["total"] for p in (
        make_plan(layer.transposed() if turned else layer, config, a, skip_activations=True, transposed=turned)
        for turned in (False, True) for a in arrangements(4, 1) if a.splits > 1)}
    assert figures["total"] == min(totals.values()) == totals[plan.transposed, plan.arrangement]
    assert pack(layer, config, "skip-both").predicted == figures


def full(value, *shape):
    return np.full(shape, value, np.int8)


def test_refusals():
    """What the layer needs and what there is."""
    config = small_config(1, 2, 1, lane_filters=4, words=4, list_entries=16, windows=4, map_positions=16)
    for layer, message in [
        (random_layer(21, kernel=(1, 1), size=(17, 18)), (
            "feature-map memory (positions of 16 channels for one image): the layer needs 308, "
            "the configuration has 16")),
        (random_layer(22, kernel=(5, 1), size=(5, 2)),
         "list memory (words of 16 channels times taps): the layer needs 5, the configuration has 4"),
        (random_layer(23, filters=2, channels=17, kernel=(1, 1), size=(2, 2), weights=1.0),
         "list memory (non-zero weights of one lane): the layer needs 17, the configuration has 16"),
    ]:
        with pytest.raises(PackError, match=f"^{re.escape(message)}$"):
            pack(layer, config, "skip-both")
    message = "window table: the layer needs 6, the configuration has 4"
    with pytest.raises(PackError, match=f"^{re.escape(message)}$"):
        pack(random_layer(24, filters=1, kernel=(2, 3), size=(2, 3), weights=1.0),
             small_config(windows=4), "skip-weights")


def test_registers_that_overflow():
    message = "configuration register map_cols: the layer needs 1500, the configuration has 1023"
    with pytest.raises(PackError, match=f"^{re.escape(message)}$"):
        config_sections({Config.MAP_COLS: 1500})


def test_config_sections():
    """A section for each run of registers, each value in its row, signed ones in two's complement."""
    made = config_sections({Config.CLAMP_LOW: -128, Config.MODE: 5, Config.IMAGES: 3})
    assert [(section.kind, section.mask, section.address) for section in made] == [
        (Section.CONFIG, 0, 0), (Section.CONFIG, 0, Config.CLAMP_LOW)]
    values = [np.ascontiguousarray(section.rows).view("<i4")[:, 0].tolist() for section in made]
    assert values == [[5, 3], [-128]]


@pytest.mark.parametrize("width", [28, 30])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_accumulator_bound(dtype, width):
    """The bound is sharp: one more is refused. Bias and filter are in the message."""
    limit, largest = 2 ** (width - 1) - 1, 255 if dtype == np.uint8 else 128
    weight = np.concatenate([full(0, 1, 100), full(-127, 1, 100)])
    worst = 100 * 127 * largest
    layer = Layer(weight=weight, input=np.ones((1, 100), dtype), bias=np.array([0, worst - limit], np.int32))
    check_accumulators(layer, width)
    check_accumulators(replace(layer, bias=np.array([0, limit - worst], np.int32)), width)
    message = (f"accumulator (worst case of filter 1): the layer needs {limit + 1}, "
               f"the configuration has {limit}")
    for bias in (limit - worst + 1, worst - limit - 1):
        with pytest.raises(PackError, match=f"^{re.escape(message)}$"):
            check_accumulators(replace(layer, bias=np.array([0, bias], np.int32)), width)


@pytest.mark.parametrize("engine", packing.ENGINES)
def test_overflow_is_refused_on_every_engine(engine):
    layer = Layer(weight=full(127, 1, 1), input=np.ones((1, 1), np.uint8), bias=np.array([2**31 - 1], np.int32))
    with pytest.raises(PackError, match=r"^accumulator \(worst case of filter 0\)"):
        pack(layer, PRESETS["tiny"], engine)


UNKNOWN = {
    "dilation": ({"dilation": (1, 2)}, "dilation: the layer needs (1, 2), the array has (1, 1)"),
    "padding": ({"padding_end": (2, 1)}, "padding_end: the layer needs (2, 1), the array has (1, 1)"),
    "rounding": ({"rounding": "even"}, "rounding: the layer needs even, the array has up"),
    "all": ({"rounding": "even", "dilation": (2, 1), "padding_end": (0, 1)},
            ("rounding: the layer needs even, the array has up; dilation: the layer needs (2, 1), the array has "
             "(1, 1); padding_end: the layer needs (0, 1), the array has (1, 1)")),
}


@pytest.mark.parametrize("engine", ["skip-weights", "skip-both"])
@pytest.mark.parametrize("kind", UNKNOWN)
def test_what_the_zero_skip_array_does_not_do_is_refused(kind, engine):
    """By whatever packs or plans, before anything else is looked at; the dense array does it."""
    changes, message = UNKNOWN[kind]
    layer, config = replace(LAYERS["plain"], **changes), PRESETS["tiny"]
    with pytest.raises(PackError, match=f"^{re.escape(message)}$"):
        pack(layer, config, engine)
    with pytest.raises(PackError, match=f"^{re.escape(message)}$"):
        best_plan(layer, config, skip_activations=True)
    assert pack(layer, config, "auto").engine == "dense" and pack(layer, config, "gate").engine == "gate"


def test_half_to_even_is_nothing_to_sums():
    """A layer without requantisation rounds nothing."""
    layer = replace(LAYERS["strided sums"], rounding="even")
    check_supported(layer)
    assert pack(layer, PRESETS["tiny"], "skip-both").programs
