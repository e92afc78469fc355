"""Layer files: every key's errors by their text, damaged files, and saving and loading."""

from __future__ import annotations

import pickle
import random
import re
from dataclasses import fields, replace

import numpy as np
import pytest
from tests.hw.layers import random_layer

from zeroskip.layer import Layer, LayerError

WEIGHT = np.ones((4, 2, 3, 3), np.int8)
INPUT = np.ones((1, 2, 5, 5), np.uint8)
REQUANT = {"multiplier": np.full(4, 9), "shift": np.full(4, 8)}
GOOD = {"weight": WEIGHT, "input": INPUT}
LINEAR = {"weight": np.ones((4, 6), np.int8), "input": np.ones((3, 6), np.uint8)}

WRONG = [
    ({"weight": WEIGHT.astype(np.int16)},
     "weight: found int16 (4, 2, 3, 3), expected int8 (O, I / groups, KH, KW) or (O, I), not empty"),
    ({"weight": WEIGHT[0]}, "weight: found int8 (2, 3, 3), expected int8 (O, I / groups, KH, KW) or (O, I), not empty"),
    ({"weight": WEIGHT[:0]},
     "weight: found int8 (0, 2, 3, 3), expected int8 (O, I / groups, KH, KW) or (O, I), not empty"),
    ({"input": INPUT.astype(np.float32)},
     "input: found float32 (1, 2, 5, 5), expected uint8 or int8 (N, 2, H, W), not empty"),
    ({"input": INPUT[:0]}, "input: found uint8 (0, 2, 5, 5), expected uint8 or int8 (N, 2, H, W), not empty"),
    ({"input": INPUT[:, :1]}, "input: found uint8 (1, 1, 5, 5), expected uint8 or int8 (N, 2, H, W), not empty"),
    ({"input": INPUT[0]}, "input: found uint8 (2, 5, 5), expected uint8 or int8 (N, 2, H, W), not empty"),
    ({"groups": 2}, "input: found uint8 (1, 2, 5, 5), expected uint8 or int8 (N, 4, H, W), not empty"),
    ({"input": INPUT[:, :, :2]}, "input: found H = 2 with padding 0, expected at least the kernel's 3"),
    ({"input": INPUT[:, :, :, :1], "padding": (0, 0)},
     "input: found W = 1 with padding 0, expected at least the kernel's 3"),
    ({"bias": np.zeros(4, np.int64)}, "bias: found int64 (4,), expected int32 (4,)"),
    ({"bias": np.zeros(3, np.int32)}, "bias: found int32 (3,), expected int32 (4,)"),
    ({"stride": (0, 1)}, "stride: found value 0, expected values in 1..64"),
    ({"stride": (1, 65)}, "stride: found value 65, expected values in 1..64"),
    ({"stride": 2}, "stride: found int64 (), expected integers of shape (2,)"),
    ({"stride": (1.0, 1.0)}, "stride: found float64 (2,), expected integers of shape (2,)"),
    ({"padding": (0, -1)}, "padding: found value -1, expected values in 0..64"),
    ({"padding": (65, 0)}, "padding: found value 65, expected values in 0..64"),
    ({"padding": np.zeros(3, int)}, "padding: found int64 (3,), expected integers of shape (2,)"),
    ({"groups": 3}, "groups: found 3, expected a divisor of the 4 filters"),
    ({"groups": 0}, "groups: found value 0, expected values in 1..4"),
    ({"groups": 5}, "groups: found value 5, expected values in 1..4"),
    ({"groups": np.ones(1, int)}, "groups: found int64 (1,), expected integers of shape ()"),
    ({"multiplier": np.full(4, 9)}, "multiplier, shift: found one without the other, expected both or neither"),
    ({"shift": np.full(4, 9)}, "multiplier, shift: found one without the other, expected both or neither"),
    (REQUANT | {"multiplier": np.array([1, 2, 0, 4])}, "multiplier: found value 0, expected values in 1..65535"),
    (REQUANT | {"multiplier": np.full(4, 65536)}, "multiplier: found value 65536, expected values in 1..65535"),
    (REQUANT | {"multiplier": np.full(4, 0.5)}, "multiplier: found float64 (4,), expected integers of shape (4,)"),
    (REQUANT | {"shift": np.array([1, 2, 41, 4])}, "shift: found value 41, expected values in 1..40"),
    (REQUANT | {"shift": np.zeros(4, int)}, "shift: found value 0, expected values in 1..40"),
    (REQUANT | {"shift": np.full((4, 1), 3)}, "shift: found int64 (4, 1), expected integers of shape (4,)"),
    ({"clamp": (0, 256)}, "clamp: found value 256, expected values in 0..255"),
    ({"clamp": (-1, 9), "output_dtype": "uint8"}, "clamp: found value -1, expected values in 0..255"),
    ({"clamp": (-129, 9), "output_dtype": "int8"}, "clamp: found value -129, expected values in -128..127"),
    ({"clamp": np.array([2**64 - 1, 2**64 - 1], np.uint64), "output_dtype": "int8"},
     "clamp: found value 18446744073709551615, expected values in -128..127"),
    ({"clamp": (9, 8)}, "clamp: found (9, 8), expected lo <= hi"),
    ({"clamp": (1, 2, 3)}, "clamp: found int64 (3,), expected integers of shape (2,)"),
    ({"output_dtype": "int16"}, "output_dtype: found 'int16', expected 'uint8' or 'int8'"),
    (LINEAR | {"stride": (2, 1)},
     "stride, padding, groups: found ((2, 1), (0, 0), 1), expected (1, 1), (0, 0) and 1 for a linear layer"),
    (LINEAR | {"groups": 2},
     "stride, padding, groups: found ((1, 1), (0, 0), 2), expected (1, 1), (0, 0) and 1 for a linear layer"),
    ({"rounding": "down"}, "rounding: found 'down', expected 'up' or 'even'"),
    ({"dilation": (0, 1)}, "dilation: found value 0, expected values in 1..64"),
    ({"dilation": (1, 65)}, "dilation: found value 65, expected values in 1..64"),
    ({"dilation": 2}, "dilation: found int64 (), expected integers of shape (2,)"),
    ({"dilation": (2.0, 2.0)}, "dilation: found float64 (2,), expected integers of shape (2,)"),
    ({"dilation": (1, 3)}, "input: found W = 5 with padding 0, expected at least the dilated kernel's 7"),
    ({"weight": np.ones((4, 2, 5, 1), np.int8), "dilation": (64, 1)},
     "dilation: found (64, 1) of a kernel of (5, 1), expected a dilated kernel of at most 255 x 255"),
    ({"padding_end": (0, -1)}, "padding_end: found value -1, expected values in 0..64"),
    ({"padding_end": (65, 0)}, "padding_end: found value 65, expected values in 0..64"),
    ({"padding_end": np.zeros(3, int)}, "padding_end: found int64 (3,), expected integers of shape (2,)"),
    ({"input": INPUT[:, :, :1], "padding": (1, 0), "padding_end": (0, 0)},
     "input: found H = 1 with padding 1 and 0, expected at least the kernel's 3"),
    (LINEAR | {"dilation": (2, 1)},
     "dilation, padding_end: found ((2, 1), (0, 0)), expected (1, 1) and (0, 0) for a linear layer"),
    (LINEAR | {"padding_end": (0, 1)},
     "dilation, padding_end: found ((1, 1), (0, 1)), expected (1, 1) and (0, 0) for a linear layer"),
    (LINEAR | {"input": INPUT}, "input: found uint8 (1, 2, 5, 5), expected uint8 or int8 (N, 6), not empty"),
]
ONLY_IN_FILES = [
    ({"weights": WEIGHT}, ("key weights: found an unknown key, expected only weight, input, bias, stride, padding, "
                           "groups, multiplier, shift, clamp, output_dtype, rounding, dilation, padding_end")),
    ({"rounding": np.zeros(2)}, "rounding: found float64 (2,), expected a string"),
    ({"rounding": np.array(b"odd")}, "rounding: found 'odd', expected 'up' or 'even'"),
    ({"output_dtype": np.zeros(2)}, "output_dtype: found float64 (2,), expected a string"),
    ({"output_dtype": np.array(["int8"])}, "output_dtype: found <U4 (1,), expected a string"),
    ({"output_dtype": np.array(b"int16")}, "output_dtype: found 'int16', expected 'uint8' or 'int8'"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_wrong_values(changes, message):
    with pytest.raises(LayerError, match=f"^{re.escape(message)}$"):
        Layer(**(GOOD | changes))


@pytest.mark.parametrize(("changes", "message"), WRONG + ONLY_IN_FILES,
                         ids=[message[:40] for _, message in WRONG + ONLY_IN_FILES])
def test_wrong_files(tmp_path, changes, message):
    """The same sentences behind the file's name."""
    path = tmp_path / "layer.npz"
    np.savez(path, **(GOOD | changes))
    with pytest.raises(LayerError, match=f"^{re.escape(f'{path}: {message}')}$"):
        Layer.load(path)


@pytest.mark.parametrize("key", ["weight", "input"])
def test_missing_key(tmp_path, key):
    path = tmp_path / "layer.npz"
    np.savez(path, **{name: value for name, value in GOOD.items() if name != key})
    message = f"{path}: {key}: found nothing, expected this key in the file"
    with pytest.raises(LayerError, match=f"^{re.escape(message)}$"):
        Layer.load(path)


def test_input_is_optional_in_a_model_folder(tmp_path):
    path = tmp_path / "layer.npz"
    np.savez(path, weight=WEIGHT)
    layer = Layer.load(path, need_input=False)
    assert layer.input is None
    with pytest.raises(LayerError, match=r"^input: found nothing, expected uint8 or int8"):
        layer.needed_input()


def test_missing_file(tmp_path):
    with pytest.raises(LayerError, match=r"none\.npz: no such file$"):
        Layer.load(tmp_path / "none.npz")


@pytest.mark.parametrize("content", [
    b"", b"weight = 1\n" * 20, pickle.dumps({"weight": 1}), b"PK\x03\x04" + bytes(100)])
def test_not_a_layer_file(tmp_path, content):
    path = tmp_path / "layer.npz"
    path.write_bytes(content)
    with pytest.raises(LayerError, match=rf"^{re.escape(str(path))}: no \.npz archive that can be taken: "):
        Layer.load(path)


def test_objects_are_not_unpickled(tmp_path):
    path = tmp_path / "layer.npz"
    np.savez(path, weight=np.array([None, {}], object))
    with pytest.raises(LayerError, match="'weight' is no array of numbers or text"):
        Layer.load(path)


def test_one_array_or_a_folder(tmp_path):
    np.save(tmp_path / "weight.npy", WEIGHT)
    with pytest.raises(LayerError, match=r"it is no zip file, or was cut off$"):
        Layer.load(tmp_path / "weight.npy")
    with pytest.raises(LayerError, match=r"found a folder, expected a file$"):
        Layer.load(tmp_path)


@pytest.mark.parametrize("packed", [False, True])
def test_damaged_bytes(tmp_path, packed):
    """Bytes changed at random: a LayerError, or a layer where the byte does not matter."""
    path, rng, refused = tmp_path / "layer.npz", random.Random(packed), 0
    layer = random_layer(0)
    if packed:
        layer.save(path)
    else:
        np.savez(path, weight=layer.weight, input=layer.input)
    content = path.read_bytes()
    for _ in range(150):
        broken = bytearray(content)
        broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
        path.write_bytes(broken)
        try:
            found = Layer.load(path)
            assert np.array_equal(found.weight, layer.weight) and np.array_equal(found.input, layer.input)
        except LayerError as error:
            assert str(error).startswith(f"{path}: ")
            refused += 1
    for length in range(0, len(content), 97):
        path.write_bytes(content[:length])
        with pytest.raises(LayerError):
            Layer.load(path)
    assert refused > 60


@pytest.mark.parametrize("layer", [
    random_layer(1, groups=2, filters=4, channels=6, stride=(2, 1), padding=(1, 2), output="int8", dtype=np.int8),
    random_layer(2, output=None), random_layer(3, linear=True), replace(random_layer(4), clamp=(3, 200)),
    replace(random_layer(5), input=None), replace(random_layer(6), rounding="even", dilation=(1, 2)),
    replace(random_layer(7, padding=(2, 1), stride=(2, 1)), padding_end=(0, 3)),
])
def test_save_and_load(tmp_path, layer):
    path = tmp_path / "layer.npz"
    layer.save(path)
    again = Layer.load(path, need_input=False)
    for field in fields(Layer):
        first, second = getattr(layer, field.name), getattr(again, field.name)
        assert type(first) is type(second), field.name
        if isinstance(first, np.ndarray):
            assert first.dtype == second.dtype and np.array_equal(first, second), field.name
        else:
            assert first == second, field.name
    assert [entry.name for entry in tmp_path.iterdir()] == ["layer.npz"]


PLAIN = {"weight", "bias", "stride", "padding", "groups", "clamp", "output_dtype", "input"}


@pytest.mark.parametrize(("changes", "unusual"), [
    ({}, {}), ({"rounding": "even"}, {"rounding": "even"}), ({"dilation": (2, 1)}, {"dilation": (2, 1)}),
    ({"padding": (1, 2)}, {}), ({"padding": (1, 2), "padding_end": (1, 2)}, {}),
    ({"padding": (1, 2), "padding_end": (0, 2)}, {"padding_end": (0, 2)}),
])
def test_what_is_the_default_is_not_written(tmp_path, changes, unusual):
    """So that a layer has the file that it had before these keys were there."""
    layer = Layer(**(GOOD | changes))
    layer.save(tmp_path / "layer.npz")
    assert layer.unusual() == unusual
    with np.load(tmp_path / "layer.npz") as file:
        assert set(file.files) == PLAIN | unusual.keys()
        assert {key: tuple(file[key]) if file[key].ndim else str(file[key]) for key in unusual} == unusual


@pytest.mark.parametrize(("shapes", "message"), [
    ({"weight": (70_000, 1)}, "weight: found int8 (70000, 1), expected at most 65,536 filters"),
    ({"weight": (1, 70_000)}, "weight: found int8 (1, 70000), expected at most 65,536 channels"),
    ({"weight": (1, 1, 300, 1)}, "weight: found int8 (1, 1, 300, 1), expected a kernel of at most 255 x 255"),
    ({"weight": (1, 1, 1, 1), "input": (1, 1, 20_000, 1)}, "input: found H = 20000, expected at most 16,384"),
    ({"weight": (1 << 15, 1 << 14)}, "weight: found int8 (32768, 16384), expected at most 268,435,456 numbers"),
])
def test_sizes_are_bounded(tmp_path, shapes, message):
    path = tmp_path / "layer.npz"
    kinds = {"weight": np.int8, "input": np.uint8}
    np.savez_compressed(path, **{key: np.zeros(shapes.get(key, (1, 1, 1, 1)), kind) for key, kind in kinds.items()})
    with pytest.raises(LayerError, match=re.escape(message)):
        Layer.load(path)


def test_work_beyond_the_memory_limit(tmp_path, monkeypatch):
    path = tmp_path / "layer.npz"
    np.savez(path, weight=np.ones((1, 8, 9, 9), np.int8), input=np.ones((1, 8, 99, 99), np.uint8))
    Layer.load(path)
    monkeypatch.setenv("ZEROKEEP_MEMORY_LIMIT", "1000000")
    with pytest.raises(LayerError, match=r"the layer: found .* MB to be read, the memory limit is 976\.6 KB"):
        Layer.load(path)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint32, np.int64, np.uint64])
def test_any_integer_type(kind):
    layer = Layer(**GOOD, stride=np.array([2, 1], kind), padding=np.array([1, 0], kind), groups=np.array(1, kind),
                  multiplier=np.full(4, 7, kind), shift=np.full(4, 6, kind), clamp=np.array([1, 99], kind),
                  dilation=np.array([1, 2], kind), padding_end=np.array([1, 3], kind))
    assert (layer.dilation, layer.padding_end) == ((1, 2), (1, 3))
    assert {type(value) for value in (*layer.dilation, *layer.padding_end)} == {int}
    assert (layer.stride, layer.padding, layer.groups, layer.clamp) == ((2, 1), (1, 0), 1, (1, 99))
    assert layer.multiplier.dtype == layer.shift.dtype == np.int64
    assert layer.output_shape == (1, 4, 3, 4)


@pytest.mark.parametrize("stride", [(1, 1), (2, 3), (4, 4)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 1), (3, 4)])
@pytest.mark.parametrize(("padding", "end"), [((0, 0), (0, 1)), ((3, 1), (0, 4)), ((2, 2), (2, 2))])
@pytest.mark.parametrize("kernel", [(3, 3), (1, 2), (11, 11)])
def test_output_shape(kernel, padding, end, dilation, stride):
    """As many places as the dilated kernel can be put at; rows and columns exchanged, the same the other way."""
    layer = Layer(weight=np.ones((2, 1, *kernel), np.int8), input=np.ones((3, 1, 45, 47), np.uint8), padding=padding,
                  padding_end=end, dilation=dilation, stride=stride)
    places = [len(range(0, size + before + after - step * (side - 1), stride))
              for size, before, after, step, side, stride in zip(
                  (45, 47), padding, end, dilation, kernel, stride, strict=True)]
    assert layer.output_shape == (3, 2, *places) and layer.output_sides(45, 47) == tuple(places)
    assert layer.transposed().output_shape == (3, 2, *places[::-1])
    assert layer.pads == ((padding[0], end[0]), (padding[1], end[1]))


def test_defaults():
    layer = Layer(**GOOD)
    assert layer.bias.dtype == np.int32 and not layer.bias.any()
    assert (layer.stride, layer.padding, layer.groups) == ((1, 1), (0, 0), 1)
    assert (layer.rounding, layer.dilation, layer.padding_end) == ("up", (1, 1), (0, 0))
    assert Layer(**GOOD, padding=(2, 1)).padding_end == (2, 1) and layer.extent == (3, 3)
    assert layer.clamp == (0, 255) and layer.output_dtype == "uint8" and layer.multiplier is None
    assert Layer(**GOOD, output_dtype="int8").clamp == (-128, 127)
    linear = Layer(**LINEAR)
    assert linear.is_linear and linear.output_shape == (3, 4, 1, 1) and linear.kernel == (1, 1)
    assert linear.input4.shape == (3, 6, 1, 1) and linear.weight4.shape == (4, 6, 1, 1)
    assert (layer.filters, layer.channels, layer.kernel) == (4, 2, (3, 3))
