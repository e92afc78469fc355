import copy

import numpy as np
import torch

from zerokeep import integer
from zerokeep.loops import logits, to_numbers
from zerokeep.quantise import quantise
from zerokeep.removal import weighted_layers
from zerokeep.rounded import RoundedNetwork, finetune_rounded, rounded_weight


def test_rounded_weights_are_the_codes(small_net, bars):
    network = quantise(small_net, bars.train_images)
    for step, (name, part) in zip(network.layers(), weighted_layers(small_net), strict=True):
        found = rounded_weight(part, shared=name == "linear").detach()
        scale = part.weight.detach().abs().reshape(len(part.weight), -1).amax(1) / 127
        scale = scale.max().expand_as(scale) if name == "linear" else scale
        codes = found / scale.reshape((-1,) + (1,) * (found.ndim - 1))
        # with the batch norm folded in a channel of negative gain has the opposite codes
        np.testing.assert_allclose(np.abs(codes.numpy()), np.abs(step.weights.weight.astype(float)), atol=1e-3)


def test_it_computes_what_the_integers_do(small_net, bars):
    """Logits far nearer to the integer network's than the float network's are."""
    images = bars.test_images[:50]
    network = quantise(small_net, bars.train_images)
    codes = integer.run(network, images) * network.steps[-1].scale
    with torch.no_grad():
        found = RoundedNetwork(small_net, bars)(to_numbers(images)).numpy()
    plain = logits(small_net, images).numpy()
    assert np.abs(found - codes).mean() < 0.2 * np.abs(plain - codes).mean()


def test_it_learns_with_zeros_and_batch_norms_held(small_net, bars):
    for _, part in weighted_layers(small_net):
        part.weight.data[part.weight.abs() < part.weight.abs().median()] = 0
    before = copy.deepcopy(small_net)
    seen = []
    finetune_rounded(small_net, bars, epochs=2, progress=lambda text, share: seen.append((text, share)))
    assert not small_net.training
    assert seen[-1] == ("fine-tuning rounded, epoch 2 of 2", 1.0)
    assert torch.equal(small_net.bn1.running_mean, before.bn1.running_mean)
    for (_, old), (_, new) in zip(weighted_layers(before), weighted_layers(small_net), strict=True):
        assert torch.equal(old.weight == 0, new.weight == 0)
        assert not torch.equal(old.weight, new.weight)
    images, labels = to_numbers(bars.train_images), torch.as_tensor(bars.train_labels)
    losses = [torch.nn.functional.cross_entropy(RoundedNetwork(net, bars)(images), labels).item()
              for net in (before, small_net)]
    assert losses[1] < losses[0]


def test_the_seed_decides(small_net, bars):
    found = []
    for seed in (1, 1, 2):
        net = copy.deepcopy(small_net)
        finetune_rounded(net, bars, epochs=1, seed=seed)
        found.append(net.linear.weight.detach())
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
