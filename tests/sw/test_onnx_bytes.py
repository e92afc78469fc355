"""ONNX files whose bytes are no model, or too much of one: refused in bounded time and memory, whatever they are."""

import contextlib
import os
import struct
import tracemalloc

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from tests.sw.onnx_models import codes, floats, initialiser, outcome, take, told

from zerokeep.errors import UserError
from zerokeep.onnx_read import parse, read
from zeroskip.files import memory


@pytest.fixture(scope="module", autouse=True)
def warm():
    """What is imported and compiled once is not counted."""
    take(parse(floats()))
    take(parse(codes()))


def varint(number):
    text = b""
    while number > 127:
        text, number = text + bytes([number & 127 | 128]), number >> 7
    return text + bytes([number])


def field(number, content):
    """A field of bytes in a message."""
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def nested(depth):
    """A model with graphs in attributes of nodes in graphs."""
    inner = b""
    for _ in range(depth):
        inner = field(1, field(5, field(6, inner)))
    return field(7, inner)


def many(count):
    """A model with so many empty nodes, two bytes each."""
    return field(7, b"\x0a\x00" * count)


BYTES = {
    "empty": b"", "text": b"hello", "zeros": bytes(100), "ones": b"\xff" * 100, "a group": b"\x3b\x3c",
    "half a length": b"\x3a\xff", "longer than the file": b"\x3a\xff\xff\xff\xff\x07",
    "an endless number": b"\x08" + b"\xff" * 50,
    "nested 40 deep": nested(40), "nested 3,000 deep": nested(3000),
    "two million nodes": many(2_000_000),
    "names that are no UTF-8": floats().SerializeToString().replace(b"\x12\x01c", b"\x12\x01\xff"),
    "half a float": floats().SerializeToString()[:-3] + struct.pack("<H", 65535),
}  # fmt: skip


@pytest.mark.parametrize("case", BYTES)
def test_bytes_that_are_no_model(case, tmp_path):
    assert isinstance(outcome(BYTES[case], tmp_path), str)


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "fifo.onnx")
    for path, message in ((tmp_path, "found a folder"), (tmp_path / "fifo.onnx", "found a FIFO"),
                          ("/dev/zero", "found a device"), (tmp_path / "no\x1b.onnx", r"no.x1b.onnx: no such file")):
        with pytest.raises(UserError, match=message):
            read(path)


def test_a_file_is_measured_before_it_is_parsed(tmp_path, monkeypatch):
    """What two bytes each become is counted, and what packed numbers become; nothing of it is made."""
    monkeypatch.setenv(memory.ENVIRONMENT, "4M")
    packed = TensorProto(data_type=TensorProto.INT64, dims=[1_000_000], int64_data=[1] * 1_000_000)
    weights = initialiser(lambda tensor: tensor.CopyFrom(packed)).SerializeToString()
    for content in (many(100_000), weights):
        assert len(content) < 2 << 20
        tracemalloc.start()
        (tmp_path / "m.onnx").write_bytes(content)
        with pytest.raises(UserError, match=r"memory limit is 4\.0 MB"):
            read(tmp_path / "m.onnx")
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
        tracemalloc.stop()
    (tmp_path / "m.onnx").write_bytes(bytes(5 << 20))
    with pytest.raises(UserError, match=r"memory limit is 4\.0 MB"):
        read(tmp_path / "m.onnx")


FLOAT_BYTES, CODE_BYTES = floats().SerializeToString(), codes().SerializeToString()
LIMITS = settings(max_examples=200, deadline=None, derandomize=True, database=None,
                  suppress_health_check=[HealthCheck.function_scoped_fixture])
EDIT = st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255))


@LIMITS
@given(content=st.sampled_from([FLOAT_BYTES, CODE_BYTES]), edits=st.lists(EDIT, max_size=6), end=st.floats(0, 1.3))
def test_flipped_bytes_and_cut_files(tmp_path, content, edits, end):
    mutated = bytearray(content)
    for place, value in edits:
        mutated[int(place * len(mutated))] = value
    left = bytes(mutated[: int(end * len(mutated)) + 1]) if end < 1 else bytes(mutated)
    outcome(left, tmp_path)
    with contextlib.suppress(DecodeError):
        made = onnx.ModelProto.FromString(left)
        told(lambda: parse(made))  # what ONNX' own checker would have seen comes through here


VALUE = st.one_of(st.integers(-3, 300), st.floats(), st.text(max_size=4), st.integers(-(2**63), 2**63 - 1),
                  st.lists(st.integers(-2, 70), min_size=1, max_size=5),
                  st.lists(st.floats(width=32), min_size=1, max_size=4))
KEYS = ("strides", "kernel_shape", "pads", "dilations", "group", "auto_pad", "axis", "axes", "alpha", "epsilon",
        "transA", "transB", "keepdims", "ceil_mode", "min", "max", "shape", "to", "approximate", "beta")
TYPES = ("float32", "float64", "int8", "uint8", "int32", "int64", "bool", "float16")
OTHERS = ("GlobalAveragePool", "ReduceMean", "Elu", "Gelu", "HardSigmoid", "Sum", "Quant", "Gather", "Cast", "Dropout")


@LIMITS
@given(st.data())
def test_other_attributes_inputs_and_shapes(tmp_path, data):
    made = onnx.ModelProto.FromString(data.draw(st.sampled_from([FLOAT_BYTES, CODE_BYTES])))
    node = made.graph.node[data.draw(st.integers(0, len(made.graph.node) - 1))]
    what = data.draw(st.sampled_from(["attribute", "op", "input", "drop", "dims", "type"]))
    tensor = made.graph.initializer[data.draw(st.integers(0, len(made.graph.initializer) - 1))]
    if what == "attribute":
        key, value = data.draw(st.sampled_from(KEYS)), data.draw(VALUE)
        kept = [own for own in node.attribute if own.name != key]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute(key, value)])
    elif what == "op":
        node.op_type = data.draw(st.sampled_from(sorted({own.op_type for own in made.graph.node} | set(OTHERS))))
    elif what == "input":
        names = ["", "x", *[own.name for own in made.graph.initializer], *[own.output[0] for own in made.graph.node]]
        place = data.draw(st.integers(0, len(node.input)))
        node.input.insert(place, data.draw(st.sampled_from(names)))
        if data.draw(st.booleans()):
            del node.input[min(place + 1, len(node.input) - 1)]
    elif what == "drop":
        del node.input[data.draw(st.integers(0, len(node.input) - 1))]
    else:
        array = numpy_helper.to_array(tensor)
        if what == "dims":
            shape = data.draw(st.permutations(array.shape)) if array.ndim > 1 else [1] * data.draw(st.integers(0, 4))
            array = array.reshape(shape) if array.size == np.prod(shape, dtype=int) else np.zeros(shape, array.dtype)
        else:
            array = array.astype(data.draw(st.sampled_from(TYPES)))
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    outcome(made.SerializeToString(), tmp_path)
    told(lambda: parse(made))
