import numpy as np
import pytest
import torch
from torch import nn

from zerokeep.cycle_costs import LEAST_SHARE, blocks_with_work, weight_costs
from zeroskip.layer import Layer
from zeroskip.packing import pack
from zeroskip.spec.config import PRESETS


def test_blocks_by_hand():
    values = np.zeros((1, 2, 2, 4))
    values[0, 0, 0, 1] = values[0, 0, 1, 3] = 1
    assert blocks_with_work(values, (1, 1), 1).tolist() == [2 / 8, 0]
    assert blocks_with_work(values, (1, 1), 2).tolist() == [2 / 4, 0]
    assert blocks_with_work(values, (1, 1), 4).tolist() == [1, 0]
    assert blocks_with_work(values, (2, 2), 1).tolist() == [0, 0]
    assert blocks_with_work(values, (1, 1), 100).tolist() == [1, 0]


def test_costs_of_a_network():
    """Four lanes; 6 x 6 pixels are three vectors of 16; channel 1 of the second layer is never seen non-zero."""
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 3, 1), nn.Flatten(), nn.Linear(108, 2))
    with torch.no_grad():
        net[0].weight[:] = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1)
        net[0].bias[:] = 0
    found = weight_costs(net, torch.ones(2, 1, 8, 8), PRESETS["base"])
    assert {name: cost.shape for name, cost in found.items()} == {"0": (2, 1, 1, 1), "2": (3, 2, 1, 1), "4": (1, 108)}
    assert found["0"].ravel() == pytest.approx(3 / 4)
    assert found["2"][:, 0].ravel() == pytest.approx(3 / 4)
    assert found["2"][:, 1].ravel() == pytest.approx(3 / 4 * LEAST_SHARE)
    sums = net[2](torch.relu(net[0](torch.ones(1, 1, 8, 8))))
    busy = (sums.detach().numpy().ravel() != 0) * 1.0
    assert found["4"].ravel() == pytest.approx(np.maximum(busy, LEAST_SHARE) / 4)


def test_costs_are_the_engines_cycles():
    """Of random weights without zeros in the maps: what the sum of costs says is what the exact model says, nearly."""
    config, rng = PRESETS["large"], np.random.default_rng(0)
    net = nn.Conv2d(8, 32, 3, padding=1)
    images = torch.ones(1, 8, 16, 16)
    kept = rng.random((32, 8, 3, 3)) < 0.3
    predicted = float((weight_costs(net, images, config)[""] * kept).sum())
    layer = Layer(weight=kept.astype(np.int8), input=np.ones((1, 8, 16, 16), np.uint8), padding=(1, 1),
                  multiplier=np.ones(32, np.int64), shift=np.full(32, 8))
    total = pack(layer, config, "skip-weights").predicted["total"]
    assert predicted == pytest.approx(total, rel=0.25) and predicted < total


def test_the_network_is_left_as_it_was():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).train()
    weight_costs(net, torch.ones(2, 1, 8, 8), PRESETS["tiny"])
    assert net.training
    assert not net[1].running_mean.any()
    assert not net[0]._forward_hooks
