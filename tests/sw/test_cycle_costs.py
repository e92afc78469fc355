import numpy as np
import pytest
import torch
from torch import nn

from zerokeep.cycle_costs import LEAST_SHARE, blocks_with_work, weight_costs
from zeroskip.config import PRESETS


def test_blocks_by_hand():
    values = np.zeros((1, 2, 2, 4))
    values[0, 0, 0, 1] = values[0, 0, 1, 3] = 1
    assert blocks_with_work(values, (1, 1), 1).tolist() == [2 / 8, 0]
    assert blocks_with_work(values, (1, 1), 2).tolist() == [2 / 4, 0]
    assert blocks_with_work(values, (1, 1), 4).tolist() == [1, 0]
    assert blocks_with_work(values, (2, 2), 1).tolist() == [0, 0]
    assert blocks_with_work(values, (1, 1), 100).tolist() == [1, 0]


def test_costs_of_a_network():
    """Channel 1 of the second layer is never seen non-zero; 6 x 6 pixels in fours; the stream bounds the last one."""
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 3, 1), nn.Flatten(), nn.Linear(108, 2))
    with torch.no_grad():
        net[0].weight[:] = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1)
        net[0].bias[:] = 0
    found = weight_costs(net, torch.ones(2, 1, 8, 8), PRESETS["base"])
    assert {name: cost.shape for name, cost in found.items()} == {"0": (2, 1, 1, 1), "2": (3, 2, 1, 1), "4": (1, 108)}
    assert found["0"].ravel() == pytest.approx(36 / 64)
    assert found["2"][:, 0].ravel() == pytest.approx(36 / 64)
    assert found["2"][:, 1].ravel() == pytest.approx(36 / 64 * LEAST_SHARE)
    assert found["4"].ravel() == pytest.approx(1 / 8)


def test_the_network_is_left_as_it_was():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).train()
    weight_costs(net, torch.ones(2, 1, 8, 8), PRESETS["tiny"])
    assert net.training
    assert not net[1].running_mean.any()
    assert not net[0]._forward_hooks
