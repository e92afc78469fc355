"""Filters that belong together go together: residual additions, concatenation, depthwise and grouped convolutions."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from zerokeep.architectures import resnet20
from zerokeep.errors import UserError
from zerokeep.prune import weights_of
from zerokeep.removal import channel_groups, remove, without

SHAPE = (1, 16, 16)


class Joined(nn.Module):
    """A concatenation, a depthwise convolution behind it, a batch norm, a linear layer behind a flatten."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(1, 4, 3, padding=1)
        self.b = nn.Conv2d(1, 6, 3, padding=1)
        self.own = nn.Conv2d(10, 10, 3, padding=1, groups=10)
        self.norm = nn.BatchNorm2d(10)
        self.c = nn.Conv2d(10, 8, 1)
        self.linear = nn.Linear(8 * 16, 3)

    def forward(self, images):
        both = torch.cat([self.a(images), self.b(images)], 1)
        return self.linear(nn.functional.max_pool2d(torch.relu(self.c(self.norm(self.own(both)))), 4).flatten(1))


class Grouped(nn.Module):
    """A grouped convolution with a plain one before and another grouped one behind it."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(1, 8, 3, padding=1)
        self.g = nn.Conv2d(8, 12, 3, padding=1, groups=2)
        self.h = nn.Conv2d(12, 4, 1, groups=2)
        self.linear = nn.Linear(4, 3)

    def forward(self, images):
        found = torch.relu(self.h(torch.relu(self.g(torch.relu(self.a(images))))))
        return self.linear(found.mean([2, 3]))


@pytest.fixture(params=["resnet", "joined", "grouped"])
def net(request) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        made = {"resnet": lambda: resnet20((4, 6, 8), blocks=2), "joined": Joined, "grouped": Grouped}[request.param]()
        for part in made.modules():
            if isinstance(part, nn.BatchNorm2d):
                assert part.running_mean is not None and part.running_var is not None
                part.running_mean.uniform_(-0.3, 0.3)
                part.running_var.uniform_(0.5, 2)
            if isinstance(part, nn.Conv2d):
                part.weight.data.uniform_(-0.2, 0.8)
    return made.eval()


def some(groups):
    """The first choice of every group that has more than one."""
    return {group.root: group.chosen([0]) for group in groups if group.choices > 1}


def silenced(net, groups, doomed):
    """The network with the filters at zero, and with the batch norms that follow them: their channels are all zero."""
    quiet = copy.deepcopy(net)
    parts = dict(quiet.named_modules())
    for group in groups:
        for name, (channels, own) in group.rows.items():
            rows = own[np.isin(channels, doomed.get(group.root, []))]
            parts[name].weight.data[rows] = 0
            if parts[name].bias is not None:
                parts[name].bias.data[rows] = 0
            norm = parts.get(name.replace("conv", "bn") if "conv" in name else "norm" if name == "own" else "")
            if isinstance(norm, nn.BatchNorm2d):
                norm.weight.data[rows] = 0
                norm.bias.data[rows] = 0
    return quiet


def test_outputs_are_the_same_without_filters_that_were_zero(net):
    groups = channel_groups(net, SHAPE)
    doomed = some(groups)
    assert sum(map(len, doomed.values())) >= 3
    quiet = silenced(net, groups, doomed)
    smaller = copy.deepcopy(quiet)
    remove(smaller, doomed, SHAPE)
    images = torch.rand(3, *SHAPE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(smaller(images), quiet(images))
        assert not torch.allclose(smaller(images), net(images))
    for (name, before), after in zip(weights_of(net).items(), weights_of(smaller).values(), strict=True):
        if name in doomed:
            assert len(after) == len(before) - len(doomed[name])


def test_what_would_be_left_is_what_is_left(net):
    """The masks after a removal that is only reckoned, counted, are the weights after a real one."""
    groups = channel_groups(net, SHAPE)
    doomed = some(groups)
    masks = {name: np.ones(weight.shape, bool) for name, weight in weights_of(net).items()}
    reckoned = {name: int(mask.sum()) for name, mask in without(masks, groups, doomed, net).items()}
    remove(net, doomed, SHAPE)
    assert reckoned == {name: weight.size for name, weight in weights_of(net).items()}


def test_residual_additions_tie_filters_together():
    groups = channel_groups(resnet20((4, 6, 8), blocks=2), SHAPE)
    assert [list(group.rows) for group in groups][:3] == [
        ["conv", "stage1_block2.conv2", "stage1_block1.conv2"], ["stage1_block1.conv1"], ["stage1_block2.conv1"]]
    rows = np.arange(8, dtype=float)
    weights = {"conv": rows[:4].reshape(4, 1), "stage1_block2.conv2": rows[4:].reshape(4, 1),
               "stage1_block1.conv2": np.zeros((4, 2))}
    assert groups[0].filters(weights).tolist() == [[0, 4, 0, 0], [1, 5, 0, 0], [2, 6, 0, 0], [3, 7, 0, 0]]


def test_grouped_convolutions_lose_filters_of_all_groups_alike():
    groups = {group.root: group for group in channel_groups(Grouped().eval(), SHAPE)}
    assert {name: group.blocks for name, group in groups.items()} == {"a": 2, "g": 2, "h": 2}
    assert groups["a"].chosen([1, 3]) == [1, 3, 5, 7]
    weights = {"a": np.arange(8.0).reshape(8, 1, 1, 1)}
    assert groups["a"].filters(weights).tolist() == [[0, 4], [1, 5], [2, 6], [3, 7]]


def test_many_channels_to_one_are_left_alone():
    """As many groups as outputs but more inputs: torch-pruning would take that for a depthwise convolution."""
    net = nn.Sequential(nn.Conv2d(1, 12, 3), nn.Conv2d(12, 4, 1, groups=4), nn.Conv2d(4, 6, 1), nn.Flatten(),
                        nn.Linear(54, 2))
    assert [group.root for group in channel_groups(net, (1, 5, 5))] == ["2"]


def test_outputs_of_the_network_stay():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 3), nn.Flatten())
    assert [group.root for group in channel_groups(net, (1, 5, 5))] == ["0"]


def test_a_network_that_cannot_be_followed():
    with pytest.raises(UserError, match=r"the network cannot be followed for images of \(2, 16, 16\)"):
        channel_groups(Joined().eval(), (2, 16, 16))


class HeadFirst(nn.Module):
    """The layer that gives the answer is the first that is registered; another is never used."""

    def __init__(self):
        super().__init__()
        self.head, self.body, self.unused = nn.Conv2d(6, 5, 1), nn.Conv2d(1, 6, 3), nn.Conv2d(1, 9, 3)

    def forward(self, images):
        return self.head(torch.relu(self.body(images))).mean((2, 3))


def test_the_outputs_are_those_that_nobody_reads():
    assert [group.root for group in channel_groups(HeadFirst().eval(), SHAPE)] == ["body"]


class Rigid(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.linear = nn.Conv2d(1, 4, 16), nn.Linear(4, 2)

    def forward(self, images):
        return self.linear(self.conv(images).view(-1, 4))


def test_a_size_that_is_written_down():
    with pytest.raises(UserError, match=r"does not work without its filters \(a size written into a view or reshape"):
        remove(Rigid().eval(), {"conv": [0]}, SHAPE)
