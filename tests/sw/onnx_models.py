"""Small networks of floats and of codes with one thing changed, and what becomes of them."""

import re
import time
import unicodedata

import numpy as np
from onnx import TensorProto
from tests.sw.test_onnx_import import CODES, FLOAT_CONSTANTS, FLOAT_NODES, QDQ_NODES, model

from zerokeep.errors import UserError
from zerokeep.graph import trace
from zerokeep.onnx_float import to_module
from zerokeep.onnx_operation import UNFORESEEN
from zerokeep.onnx_quantised import to_network
from zerokeep.onnx_read import parse, read
from zeroskip.files.reading import ReadError


def take(file):
    """What the commands do with a file."""
    if file.is_quantised:
        return to_network(file)
    return trace(to_module(file), file.shape)


def outcome(content, folder):
    """The network that a file of so many bytes is, or the message with which it is refused."""
    path = folder / "m.onnx"
    path.write_bytes(content)
    return told(lambda: read(path))


def told(reading):
    """The same of what is read so; a message has one line and is fit to be shown."""
    started = time.process_time()
    try:
        return take(reading())
    except (UserError, ReadError) as error:
        text = str(error)
        assert text and not any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in text), text
        assert len(text) < 3000 and UNFORESEEN not in text, text
        return text
    finally:
        assert time.process_time() - started < 1


def change(nodes, made_by, **values):
    """The nodes with the one that makes a value changed."""
    return [(values.get("op", op), values.get("given", given), made, more | values.get("more", {}))
            if made == made_by else (op, given, made, more) for op, given, made, more in nodes]


def floats(made_by=None, *, constants=(), shape=(2, 6, 6), dtype=TensorProto.FLOAT, nodes=FLOAT_NODES, **values):
    """The network of floats with one thing changed."""
    return model(change(nodes, made_by, **values), FLOAT_CONSTANTS | dict(constants), shape=shape, dtype=dtype)


def codes(made_by=None, *, constants=(), shape=(2, 6, 6), dtype=TensorProto.FLOAT, nodes=QDQ_NODES, **values):
    """The quantised network with one thing changed."""
    return model(change(nodes, made_by, **values), CODES | dict(constants), shape=shape, dtype=dtype)


def edited(edit, made=None):
    """A model edited in place."""
    found = floats() if made is None else made
    edit(found)
    return found


def zeros(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


def with_(array, value):
    found = np.array(array, copy=True)
    found.reshape(-1)[0] = value
    return found


def initialiser(edit, made=None):
    """The first constant edited."""
    return edited(lambda m: edit(m.graph.initializer[0]), made)


def check(made, message, folder):
    """What is ours to see is seen before ONNX' own checker sees anything; and it does no harm."""
    found = told(lambda: parse(made))
    assert not isinstance(found, str) if message is None else re.search(message, str(found)), found
    with_checker = outcome(made.SerializeToString(), folder)
    assert isinstance(with_checker, str) == isinstance(found, str), with_checker
