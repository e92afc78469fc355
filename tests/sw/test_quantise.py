from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from zerokeep import integer
from zerokeep.errors import UserError
from zerokeep.loops import logits
from zerokeep.parts import fold
from zerokeep.quantise import quantise, quantise_layer
from zerokeep.scales import BIAS_LIMIT
from zeroskip import reference

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 1, 28, 28)).astype(np.uint8)


@pytest.mark.parametrize(("conv", "norm"), [("conv1", "bn1"), ("conv2", "bn2")])
def test_folding_changes_nothing(small_net, conv, norm):
    parts = dict(small_net.named_children())
    weight, bias = fold(parts[conv], parts[norm])
    given = torch.rand(2, weight.shape[1], 9, 9, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = parts[norm](parts[conv](given))
    found = nn.functional.conv2d(
        given.double(), torch.as_tensor(weight), torch.as_tensor(bias), parts[conv].stride, parts[conv].padding
    )
    torch.testing.assert_close(found.float(), expected)


def test_folding_leaves_the_module_alone(small_net):
    small_net.double()
    before = small_net.linear.weight.detach().clone()
    weight, bias = fold(small_net.linear, None)
    weight += 1
    bias += 1
    assert torch.equal(small_net.linear.weight, before)


def test_weight_codes_over_their_range():
    """Every code from -127 to 127 comes back as itself, and the largest magnitude is 127 in each channel."""
    codes = np.stack([np.arange(-127, 128), np.arange(127, -128, -1)])
    scales = np.array([0.013, 2.5])
    layer, _ = quantise_layer(codes * scales[:, None], np.zeros(2), input_scale=1 / 255, output_scale=0.1)
    np.testing.assert_array_equal(layer.weight, codes)
    ratio = layer.multiplier / 2.0**layer.shift
    np.testing.assert_allclose(ratio, scales / 255 / 0.1, rtol=2**-16)


def test_rounding_error_is_at_most_half_a_code():
    weight = np.random.default_rng(0).normal(size=(7, 50)) * np.logspace(-3, 3, 7)[:, None]
    layer, _ = quantise_layer(weight, np.zeros(7), input_scale=0.01, output_scale=100.0)
    scale = np.abs(weight).max(1, keepdims=True) / 127
    assert np.abs(layer.weight * scale - weight).max(1) == pytest.approx(scale[:, 0] / 2, rel=0.1)
    assert (np.abs(layer.weight).max(1) == 127).all()


def test_bias_stays_within_its_limit():
    weight = np.array([[1e-9, 0.0], [1.0, -0.5], [0.0, 0.0], [0.0, 0.0]])
    bias = np.array([3.0, 0.25, -0.7, 0.0])
    layer, _ = quantise_layer(weight, bias, input_scale=1 / 255, output_scale=0.02)
    assert np.abs(layer.bias).max() <= BIAS_LIMIT
    zero = np.zeros((1, 2), np.uint8)
    found = reference.run(replace(layer, input=zero, clamp=(-128, 127), output_dtype="int8"))[0] * 0.02
    np.testing.assert_allclose(found, np.clip(bias, -128 * 0.02, 127 * 0.02), atol=0.0101)


def test_zeros_stay_zero(small_net):
    small_net.conv2.weight.data[:, 1] = 0
    small_net.linear.weight.data[:, ::3] = 0
    network = quantise(small_net, IMAGES)
    layers = {step.name: step.weights for step in network.layers()}
    assert not layers["conv2"].weight[:, 1].any()
    assert not layers["linear"].weight[:, ::3].any()
    assert layers["conv2"].weight[:, 0].any()


def test_last_layer_keeps_one_scale(small_net):
    network = quantise(small_net, IMAGES)
    last = network.steps[-1]
    assert last.weights.multiplier is None
    codes, weight = last.weights.weight, small_net.linear.weight.detach().numpy()
    scale = last.scale / network.scale_of("flatten")
    np.testing.assert_allclose(codes * scale, weight, atol=scale * 0.501)


def test_integer_network_is_near_the_float_one(small_net):
    network = quantise(small_net, IMAGES)
    assert [step.op for step in network.steps] == ["conv", "conv", "maxpool", "flatten", "linear"]
    assert network.layers()[1].weights.stride == (2, 2)
    wanted = logits(small_net, IMAGES).numpy()
    found = integer.run(network, IMAGES) * network.steps[-1].scale
    assert np.abs(found - wanted).max() < 0.05 * np.abs(wanted).max()


class Everything(nn.Module):
    """One of each kind: what joins, adds, pools, looks up, stands alone, is dilated, and what comes after the end."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(1, 4, 3, padding=1)
        self.b = nn.Conv2d(1, 6, 3, padding="same", dilation=2)
        self.own = nn.Conv2d(10, 10, 3, padding=1, groups=10)
        self.c = nn.Conv2d(10, 8, 3, padding=1, stride=2)
        self.d = nn.Conv2d(8, 8, 1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.mean = nn.AvgPool2d(2)
        self.hidden = nn.Linear(8 * 9, 20)
        self.norm1 = nn.BatchNorm1d(20)
        self.drop = nn.Dropout()
        self.last = nn.Linear(20, 10)

    def forward(self, images):
        both = torch.cat([self.a(images), nn.functional.silu(self.b(images))], 1)
        inner = torch.relu(self.c(nn.functional.relu6(self.own(both))))
        inner = torch.relu(inner + self.d(inner))
        inner = self.mean(nn.functional.max_pool2d(self.norm(inner), 3, 2, 1))
        hidden = torch.sigmoid(self.norm1(self.hidden(inner.view(inner.size(0), -1))))
        return nn.functional.log_softmax(self.last(self.drop(hidden)), dim=1)


@pytest.fixture
def everything() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net = Everything()
        for part in net.modules():
            if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
                assert part.running_mean is not None and part.running_var is not None
                part.running_mean.uniform_(-0.3, 0.3)
                part.running_var.uniform_(0.5, 2)
    return net.eval()


def test_every_kind_of_node(everything):
    network = quantise(everything, IMAGES)
    assert [(step.name, step.op) for step in network.steps] == [
        ("a", "conv"), ("b", "conv"), ("silu", "table"), ("cat", "concat"), ("own", "conv"), ("c", "conv"),
        ("d", "conv"), ("add", "add"), ("norm", "conv"), ("max_pool2d", "maxpool"), ("mean", "avgpool"),
        ("view", "flatten"), ("hidden", "linear"), ("sigmoid", "table"), ("last", "linear"),
    ]  # fmt: skip
    assert network.host == ("log_softmax",)
    assert network.dtypes()["cat"] == "int8"
    assert network.dtypes()["add"] == "uint8"
    assert network.layers()[1].weights.kernel == (5, 5)
    assert np.count_nonzero(network.layers()[1].weights.weight) <= 6 * 9
    found = integer.run(network, IMAGES) * network.steps[-1].scale
    shaped = torch.log_softmax(torch.as_tensor(found), 1).numpy()
    wanted = logits(everything, IMAGES).numpy()
    assert np.corrcoef(shaped.ravel(), wanted.ravel())[0, 1] > 0.999
    assert np.abs(shaped - wanted).max() < 0.05 * np.abs(wanted).max()


def test_signed_images():
    """Floats with a sign are rounded to int8 on the way in."""
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 36, 4)).eval()
    images = np.random.default_rng(0).normal(size=(50, 2, 8, 8)).astype(np.float32)
    network = quantise(net, images)
    assert network.input_dtype == "int8"
    found = integer.run(network, images) * network.steps[-1].scale
    with torch.no_grad():
        wanted = net(torch.as_tensor(images)).numpy()
    assert np.abs(found - wanted).max() < 0.05 * np.abs(wanted).max()


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Sequential(nn.ConvTranspose2d(1, 2, 3)), r"node 0 \(ConvTranspose2d\) has no integer form here"),
        (nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect")), "node 0 pads by 'reflect'"),
        (nn.Sequential(nn.Conv2d(1, 2, 4, padding="same")), "node 0 pads unevenly"),
        (nn.Sequential(nn.MaxPool2d(3, ceil_mode=True), nn.Conv2d(1, 2, 3)), "node 0 pools with ceil_mode"),
        (nn.Sequential(nn.Linear(28, 3)), "node 0 is a linear layer on .1, 28, 28., it has an integer form here only"),
        (nn.Sequential(nn.Softmax(1), nn.Conv2d(1, 2, 3)), "node 0 .softmax. has no integer form here but as the last"),
        (nn.Sequential(nn.ReLU()), "the network has no convolution and no linear layer"),
        (nn.Sequential(nn.Conv2d(3, 2, 3)), r"the network does not take images of \(1, 28, 28\)"),
    ],
)
def test_no_integer_form(module, message):
    with pytest.raises(UserError, match=message):
        quantise(module, IMAGES)


class Branching(nn.Module):
    """Decides by what it sees, so it cannot be traced."""

    def forward(self, images):
        return images if images.sum() > 0 else -images


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)

    def forward(self, images):
        return self.conv(images) + 1


class Paired(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)

    def forward(self, images):
        return self.conv(images), images


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Branching(), "the network cannot be traced by torch.fx: symbolically traced variables"),
        (Scaled(), "node add adds shapes"),
        (Paired(), "the network must give one tensor"),
    ],
)
def test_not_to_be_traced(module, message):
    with pytest.raises(UserError, match=message):
        quantise(module, IMAGES)


class InPlace(nn.Module):
    """PyTorch's aliases: what is added at the end is the ReLU's result, and LeakyReLU overwrites the convolution's."""

    def __init__(self, inplace):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.relu, self.leaky = nn.ReLU(inplace=inplace), nn.LeakyReLU(0.1, inplace=inplace)
        self.output = nn.Linear(4, 3)

    def forward(self, images):
        before = self.first(images)
        after = self.relu(before)
        made = self.second(after) + (before if self.relu.inplace else after)
        return self.output(self.leaky(made).mean((2, 3)))


class Mean(nn.Module):
    """Ends in a mean over given axes of maps of (26, 26, 26)."""

    def __init__(self, **told):
        super().__init__()
        self.conv, self.last, self.told = nn.Conv2d(1, 26, 3), nn.Linear(26, 2), told

    def forward(self, images):
        return self.last(self.conv(images).mean(**self.told))


@pytest.mark.parametrize("told", [{"dim": (1, 2)}, {"dim": (-3, 3)}])
def test_means_over_other_axes_than_the_maps(told):
    """Which have the same shape where the map has as many rows, columns and channels."""
    with pytest.raises(UserError, match=r"node mean gives a shape of \(26,\), a mean must be over the whole map"):
        quantise(Mean(**told), IMAGES)
    assert quantise(Mean(dim=(-1, 2)), IMAGES).steps[1].op == "avgpool"


def test_work_in_place_changes_nothing():
    """The same integers as the network that does not work in place; a layer may be called output."""
    networks = []
    for inplace in (False, True):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(2)
            networks.append(quantise(InPlace(inplace).eval(), IMAGES))
    plain, aliased = networks
    assert [step.name for step in plain.steps] == [step.name for step in aliased.steps]
    assert plain.steps[-1].name == "output_"
    assert [step.scale for step in plain.steps] == [step.scale for step in aliased.steps]
    np.testing.assert_array_equal(integer.run(plain, IMAGES), integer.run(aliased, IMAGES))


class Pooling(nn.Module):
    def __init__(self, pool):
        super().__init__()
        self.conv, self.pool, self.last = nn.Conv2d(1, 3, 3), pool, nn.Conv2d(3, 2, 1)

    def forward(self, images):
        return self.last(self.pool(torch.cat([torch.relu(self.conv(images))], 1)))


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        (lambda x: nn.functional.avg_pool2d(x, 3, 2, 1, False, False), "pools with ceil_mode, dilation, a div"),
        (lambda x: nn.functional.avg_pool2d(x, 2, 2, 0, True), "pools with ceil_mode"),
        (lambda x: nn.functional.avg_pool2d(x, x.size(3)), "pools by a size that is reckoned from a tensor"),
        (lambda x: x[:, [2, 1, 0]], "node getitem takes a part of a tensor"),
    ],
)
def test_what_functions_are_told_is_not_dropped(pool, message):
    with pytest.raises(UserError, match=message):
        quantise(Pooling(pool), IMAGES)


def test_a_join_of_one_is_nothing():
    network = quantise(Pooling(lambda x: nn.functional.avg_pool2d(x, 2)).eval(), IMAGES)
    assert [step.op for step in network.steps] == ["conv", "avgpool", "conv"]


@pytest.mark.parametrize("wrong", [float("inf"), float("nan")])
def test_values_that_are_not_finite_are_named(small_net, wrong):
    small_net.bn2.bias.data[0] = wrong
    with pytest.raises(UserError, match=r"node conv2: [0-9,]+ of the .* values that it gives .* are not finite"):
        quantise(small_net, IMAGES)
