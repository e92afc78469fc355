import pytest
import torch

from zerokeep.models import MODELS, build
from zerokeep.removal import weighted_layers


@pytest.mark.parametrize(
    ("name", "layers", "weights"), [("vgg-small", 5, 65_808), ("resnet20", 22, 270_608), ("vgg16", 14, 14_714_432)]
)
def test_the_networks_that_ship(name, layers, weights):
    """Sizes as published: 0.27 million for ResNet-20, 14.7 for VGG-16 on CIFAR (one channel and option B here)."""
    net = build(name)
    found = weighted_layers(net)
    assert len(found) == layers
    assert sum(part.weight.numel() for _, part in found) == weights
    assert net(torch.zeros(2, *MODELS[name].input_shape)).shape == (2, 10)
