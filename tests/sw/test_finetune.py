import copy
import itertools

import pytest
import torch
from torch import nn

from zerokeep.finetune import TEACHER_SHARE, HeldZeros, distilled_loss, finetune
from zerokeep.growth import Growth
from zerokeep.loops import accuracy
from zerokeep.removal import weighted_layers


def zeroed(net):
    for _, part in weighted_layers(net):
        weight = part.weight.data
        weight[weight.abs() < weight.abs().median()] = 0
    return net


@pytest.mark.parametrize("with_teacher", [True, False])
def test_zeros_are_held_and_the_rest_moves(small_net, bars, with_teacher):
    teacher = copy.deepcopy(small_net) if with_teacher else None
    net = zeroed(small_net)
    before = {name: part.weight.detach().clone() for name, part in weighted_layers(net)}
    finetune(net, bars, epochs=1, seed=1, teacher=teacher)
    assert not net.training
    for name, part in weighted_layers(net):
        zero = before[name] == 0
        assert zero.any()
        assert torch.equal(part.weight[zero], torch.zeros(int(zero.sum())))
        assert (part.weight[~zero] != before[name][~zero]).float().mean() > 0.99


def test_seed_decides(small_net, bars):
    results = []
    for seed in (3, 3, 4):
        net = zeroed(copy.deepcopy(small_net))
        finetune(net, bars, epochs=1, seed=seed)
        results.append(net.linear.weight.detach())
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_the_teacher_is_listened_to(small_net, bars):
    """A teacher that knows the inverse of everything makes the same run end elsewhere."""
    teacher = copy.deepcopy(small_net)
    teacher.linear.weight.data.neg_()
    alone, taught = copy.deepcopy(small_net), copy.deepcopy(small_net)
    finetune(alone, bars, epochs=1)
    finetune(taught, bars, epochs=1, teacher=teacher)
    assert not torch.equal(alone.linear.weight, taught.linear.weight)


def test_no_epochs_change_nothing(small_net, bars):
    before = copy.deepcopy(small_net.state_dict())
    finetune(small_net.train(), bars, epochs=0)
    assert not small_net.training
    assert all(torch.equal(value, before[key]) for key, value in small_net.state_dict().items())


def test_it_learns(small_net, bars):
    net = zeroed(small_net)
    finetune(net, bars, epochs=4)
    assert accuracy(net, bars.test_images, bars.test_labels) > 0.5


def test_zeros_grow_to_their_number_and_stay(small_net, bars):
    """As many weights stay in each layer as asked, the growth is over half-way, and what went never comes back."""
    counts = {"conv1": 9, "conv2": 40, "linear": 300}
    zeros = HeldZeros(small_net, Growth(counts=counts, costs={}), steps=100)
    seen = []
    for done in range(101):
        for _, part in weighted_layers(small_net):
            part.weight.data += 1e-3
        zeros.hold(done)
        seen.append({name: int((part.weight != 0).sum()) for name, part in weighted_layers(small_net)})
    assert seen[0] == {"conv1": 36, "conv2": 216, "linear": 2940}
    assert all(later[name] <= before[name] for before, later in itertools.pairwise(seen) for name in counts)
    assert seen[25] != counts
    assert seen[50] == seen[100] == counts


def test_gradual_fine_tuning_ends_with_the_zeros_asked_for(small_net, bars):
    counts = {"conv1": 9, "conv2": 40, "linear": 300}
    finetune(small_net, bars, epochs=2, growth=Growth(counts=counts, costs={}))
    assert {name: int((part.weight != 0).sum()) for name, part in weighted_layers(small_net)} == counts


def test_bfloat16_is_near_float32(small_net, bars):
    found = {}
    for precision in ("float32", "bfloat16"):
        net = copy.deepcopy(small_net)
        finetune(net, bars, epochs=1, precision=precision)
        found[precision] = net.linear.weight.detach()
        assert found[precision].dtype == torch.float32
    assert not torch.equal(found["float32"], found["bfloat16"])
    torch.testing.assert_close(found["float32"], found["bfloat16"], rtol=0, atol=0.05)


def test_distilled_loss():
    answer = torch.tensor([[1.0, 2.0, 0.5]])
    labels = torch.tensor([1])
    plain = nn.functional.cross_entropy(answer, labels)
    assert torch.isclose(distilled_loss(answer, labels, None), plain)
    assert torch.isclose(distilled_loss(answer, labels, answer), (1 - TEACHER_SHARE) * plain)
    assert distilled_loss(answer, labels, -answer) > distilled_loss(answer, labels, answer)


def test_progress_reaches_one(small_net, bars):
    seen = []
    finetune(small_net, bars, epochs=2, progress=lambda text, share: seen.append((text, share)))
    assert seen[0][0] == "fine-tuning, epoch 1 of 2"
    assert seen[-1] == ("fine-tuning, epoch 2 of 2", 1.0)
