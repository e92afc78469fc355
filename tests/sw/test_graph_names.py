"""Names of any kind: those of ONNX files name nothing in Python, those of steps nothing in an ONNX file."""

import contextlib
import dataclasses
import io
import re
import signal

import numpy as np
import onnx
import pytest
import torch
from tests.sw.onnx_models import codes, floats, outcome, take
from tests.sw.test_onnx_import import QDQ_NODES
from torch import nn

from zerokeep import integer, onnx_export
from zerokeep.architectures import resnet20
from zerokeep.errors import UserError
from zerokeep.graph import trace
from zerokeep.network import Network
from zerokeep.onnx_quantised import to_network
from zerokeep.onnx_read import parse
from zerokeep.quantise import quantise

NAMES = ["class", "None", "graph", "forward", "training", "x.y", "", "\x1b[2J\n", "input", "output", "__init__", "n001",
         "add_module", "a" * 5000, "\u202eevil", "数", "../../x", "s01_q", "%s{0}", "'\"\\", "a b\tc", "e\u0301"]


@pytest.fixture(scope="module", autouse=True)
def warm():
    """What is imported and compiled once is not counted."""
    take(parse(floats()))
    take(parse(codes()))


def renamed(made, name):
    """The first node, its result, the first constant and the graph are called so."""
    first, old = made.graph.node[0], made.graph.node[0].output[0]
    constant_, value = made.graph.initializer[0].name, name or "vv"
    first.name, made.graph.name = name, name
    made.graph.initializer[0].name = f"{value}_k"
    for node in made.graph.node:
        node.input[:] = [{old: value, constant_: f"{value}_k"}.get(own, own) for own in node.input]
        node.output[:] = [value if own == old else own for own in node.output]
    return made


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("make", [floats, codes])
def test_names_name_nothing_in_python(make, name, tmp_path):
    made = renamed(make(), name)
    if not name:
        made.graph.name = "g"  # the format wants one
    found = outcome(made.SerializeToString(), tmp_path)
    assert not isinstance(found, str), found
    if isinstance(found, Network):
        assert all(re.fullmatch(r"[A-Za-z0-9_.-]{1,90}", step.name) for step in found.steps)
        assert len({step.name for step in found.steps} | {"input", "output"}) == len(found.steps) + 2
    else:
        assert all(re.fullmatch(r"n\d{3}_[A-Za-z0-9_]{1,40}|add|cat", node.name) for node in found.nodes)


def test_messages_show_names_harmlessly(tmp_path):
    made = renamed(floats("c", more={"group": 0}), "evil\x1b[2J\n" + "a" * 500)
    found = outcome(made.SerializeToString(), tmp_path)
    assert found.startswith(r"node evil\x1b[2J aaa") and len(found) < 300


def test_equal_names_become_different_ones(tmp_path):
    nodes = [(op, [own.replace("c_", "C\u0301") for own in given], made.replace("c_", "C\u0301"), more)
             for op, given, made, more in QDQ_NODES]
    network = outcome(codes(nodes=nodes).SerializeToString(), tmp_path)
    assert isinstance(network, Network)
    images = np.random.default_rng(1).normal(size=(5, 2, 6, 6)).astype(np.float32)
    back = to_network(parse(onnx_export.build(network)))
    np.testing.assert_array_equal(integer.run(back, images), integer.run(network, images))


STEP_NAMES = [*NAMES[1:], "a", "a_q", "a_scale", "a b", "a_b", "output_", "s02_weight_q", "\ud800"]


def network_with(names):
    """A network whose steps are called so, as many as it has, one after the other."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = quantise(resnet20((4, 6, 8), blocks=1).eval(), IMAGES)
    free = [name for name in names if name != "input"]
    own = dict(zip([step.name for step in network.steps], [*free, *map("r{}".format, range(99))], strict=False))
    steps = tuple(
        dataclasses.replace(step, name=own[step.name], inputs=tuple(own.get(name, name) for name in step.inputs))
        for step in network.steps)
    return dataclasses.replace(network, steps=steps, name="evil\x1b[2J\n数")


IMAGES = np.random.default_rng(0).integers(0, 256, (20, 1, 32, 32)).astype(np.uint8)


@pytest.mark.parametrize("names", [STEP_NAMES[start::2] for start in (0, 1)])
def test_steps_of_any_name_are_exported_and_come_back(names):
    """Every value once, plain ASCII; what comes back computes the same."""
    network = network_with(names)
    made = onnx_export.build(network)
    values = [own for node in made.graph.node for own in node.output] + [own.name for own in made.graph.initializer]
    assert len(set(values)) == len(values)
    assert all(re.fullmatch(r"s\d\d+(_[a-z]+)*|input_(scale|zero|number)|output", value) for value in values), values
    assert made.graph.name.isascii() and made.graph.name.isprintable()
    assert all(node.name.isascii() and node.doc_string.isprintable() for node in made.graph.node)
    back = to_network(parse(onnx.ModelProto.FromString(made.SerializeToString())))
    assert [step.op for step in back.steps] == [step.op for step in network.steps]
    assert len({step.name for step in back.steps}) == len(back.steps)
    plain = [(ours.name, theirs.name) for ours, theirs in zip(network.steps, back.steps, strict=True)
             if re.fullmatch("[A-Za-z0-9]+", ours.name) and ours.name not in ("output", "a" * 5000)]
    assert plain and all(ours == theirs for ours, theirs in plain), plain
    np.testing.assert_array_equal(integer.run(back, IMAGES), integer.run(network, IMAGES))
    np.testing.assert_allclose(onnx_export.run(made, IMAGES), integer.run(network, IMAGES) * network.steps[-1].scale,
                               atol=0.5 * np.abs(integer.run(network, IMAGES)).max() * network.steps[-1].scale)


def test_a_file_of_somebody_else_is_not_believed_what_it_says_of_steps():
    made = codes()
    for node in made.graph.node:
        node.doc_string = "evil"
    assert "evil" not in {step.name for step in to_network(parse(made)).steps}
    made.producer_name = "zerokeep"
    names = [step.name for step in to_network(parse(made)).steps]
    assert names == ["evil", "evil_2", "evil_3", "evil_4", "evil_5"]


class Raising(nn.Module):
    """Whose code raises what it is told."""

    def __init__(self, what):
        super().__init__()
        self.conv, self.what = nn.Conv2d(1, 2, 3), what

    def forward(self, x):
        raise self.what


@pytest.mark.parametrize(
    ("what", "message"),
    [(SystemExit(3), "SystemExit: 3"), (KeyboardInterrupt(), "KeyboardInterrupt"), (GeneratorExit(), "GeneratorExit"),
     (MemoryError(), "MemoryError"), (KeyError("k\x1b"), "KeyError: 'k"), (RecursionError("deep"), "RecursionError: d"),
     (ZeroDivisionError("by 0\nsecond line"), "ZeroDivisionError: by 0"), (OSError(2, "no"), "FileNotFoundError")],
)
def test_what_a_users_code_raises_is_said_in_one_sentence(what, message, monkeypatch):
    monkeypatch.setattr("zerokeep.tracing.interrupted", lambda: None)
    with pytest.raises(UserError, match=f"cannot be traced by torch.fx: {message}") as caught:
        trace(Raising(what), (1, 8, 8))
    assert str(caught.value).isprintable() and "second line" not in str(caught.value)


def test_a_signal_passes(monkeypatch):
    monkeypatch.setattr("zerokeep.tracing.interrupted", lambda: signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        trace(Raising(KeyboardInterrupt()), (1, 8, 8))


def test_torch_says_nothing_beside_the_sentence():
    """It prints a traceback where the shapes do not fit."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        for module, shape in ((nn.Sequential(nn.Conv2d(1, 2, 3)).half(), (1, 8, 8)), (nn.Conv2d(1, 2, 3), (3, 8, 8))):
            with pytest.raises(UserError, match="the network does not take images of"):
                trace(module, shape)
    assert said.getvalue() == ""


class Odd(nn.Module):
    """Does one thing that has no integer form, or nearly none."""

    def __init__(self, does, **parts):
        super().__init__()
        self.conv, self.does = nn.Conv2d(1, 2, 3), does
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.does(self, self.conv(x))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Odd(lambda self, x: self.pool(x)[0], pool=nn.MaxPool2d(2, return_indices=True)), "node pool gives several"),
        (Odd(lambda self, x: self.add + x, add=nn.Parameter(torch.zeros(1))), "has no integer form here"),
        (Odd(lambda self, x: x.relu() + torch.relu(self.add), add=nn.Parameter(torch.zeros(1))), "has no integer form"),
        (Odd(lambda self, x: torch.add(x, x.view(x.size(0) + 0, 2, 6, 6))), "only flattening has an integer form"),
    ],
)
def test_odd_networks_are_refused_by_the_nodes_name(module, message):
    with pytest.raises(UserError, match=message):
        trace(module, (1, 8, 8))


def test_sizes_may_be_reckoned():
    graph = trace(Odd(lambda self, x: x.view(x.size(0) + 0, -1)), (1, 8, 8))
    assert [node.kind for node in graph.nodes] == ["conv", "flatten"]


def test_parts_of_a_users_network_keep_their_names_but_two():
    module = nn.Sequential()
    for name in ("input", "output", "first", "2"):
        module.add_module(name, nn.Conv2d(1, 1, 1))
    assert [node.name for node in trace(module, (1, 8, 8)).nodes] == ["input_", "output_", "first", "2"]
    module.add_module("bad\x1b[2J", nn.ConvTranspose2d(1, 1, 1))
    with pytest.raises(UserError, match=r"^node bad.x1b\[2J \(ConvTranspose2d\) has no integer form here$"):
        trace(module, (1, 8, 8))
