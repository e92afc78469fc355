import numpy as np
import pytest
import torch

from zerokeep.dataset import DataSet
from zerokeep.loops import accuracy, augment, batches, one_cycle, reproducible, steps_in_epoch, to_numbers


def test_pixel_zero_is_zero():
    assert to_numbers(np.array([0, 255], np.uint8)).tolist() == [0.0, 1.0]


def test_augment_moves_and_mirrors():
    image = torch.zeros(1, 1, 28, 28)
    image[0, 0, 10, 5] = 1
    moved = augment(image.expand(500, -1, -1, -1).clone(), torch.Generator().manual_seed(0), 1)
    assert moved.shape == (500, 1, 28, 28)
    places = {tuple(place[2:]) for place in moved.nonzero().tolist()}
    assert places == {(y, x) for y in (9, 10, 11) for x in (4, 5, 6, 21, 22, 23)}
    assert torch.equal(moved.sum((1, 2, 3)), torch.ones(500))


def test_augment_fills_with_zeros():
    moved = augment(torch.ones(100, 1, 8, 8), torch.Generator().manual_seed(0), 1)
    assert set(moved.sum((1, 2, 3)).tolist()) == {64.0, 56.0, 49.0}


def numbered(count: int) -> DataSet:
    """Images that are bright as their label."""
    images = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 28, 28), np.uint8)
    return DataSet(name="numbered", train_images=images, train_labels=np.arange(count), test_images=images,
                   test_labels=np.arange(count), classes=count)


def test_batches_use_each_image_once():
    data = numbered(50)
    seen = [int(label) for _, labels in batches(data, 8, torch.Generator(), 1) for label in labels]
    assert len(seen) == 48 == 8 * steps_in_epoch(data, 8)
    assert len(set(seen)) == 48
    for numbers, labels in batches(data, 8, torch.Generator(), 1):
        assert torch.allclose(numbers[:, 0, 14, 14] * 255, labels.float())


def test_one_short_batch():
    data = numbered(3)
    assert [len(labels) for _, labels in batches(data, 8, torch.Generator(), 1)] == [3]
    assert steps_in_epoch(data, 8) == 1


def test_floats_are_taken_as_they_are_and_not_moved_where_not_wanted():
    images = np.random.default_rng(0).normal(size=(8, 2, 5, 5)).astype(np.float32)
    data = DataSet(name="f", train_images=images, train_labels=np.arange(8), test_images=images,
                   test_labels=np.arange(8), augment=False)
    numbers, labels = next(batches(data, 8, torch.Generator(), 1))
    np.testing.assert_array_equal(numbers.numpy(), images[labels.numpy()])


def test_reproducible_puts_all_back():
    torch.set_num_threads(2)
    state = torch.get_rng_state()
    with reproducible(1) as generator:
        assert torch.get_num_threads() == 1
        first = torch.rand(3), torch.rand(3, generator=generator)
    assert torch.get_num_threads() == 2
    assert torch.equal(torch.get_rng_state(), state)
    with reproducible(1) as generator:
        assert torch.equal(first[0], torch.rand(3))
        assert torch.equal(first[1], torch.rand(3, generator=generator))


def test_accuracy_keeps_the_mode(small_net):
    small_net.train()
    statistics = small_net.bn1.running_mean.clone()
    images = np.random.default_rng(0).integers(0, 256, (20, 1, 28, 28)).astype(np.uint8)
    with torch.no_grad():
        labels = small_net.eval()(to_numbers(images)).argmax(1).numpy()
    labels[:5] = (labels[:5] + 1) % 10
    small_net.train()
    assert accuracy(small_net, images, labels) == 0.75
    assert small_net.training
    assert torch.equal(small_net.bn1.running_mean, statistics)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 9, 10, 30])
@pytest.mark.parametrize("warm_up", [0.1, 0.2, 0.5])
def test_one_cycle(steps, warm_up):
    """It rises, falls to next to nothing, and works for a run of any length."""
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = one_cycle(optimiser, 1.0, steps, warm_up)
    rates = []
    for _ in range(steps):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    assert all(0 < rate <= 1 for rate in rates)
    assert optimiser.param_groups[0]["lr"] < 1e-4
    if steps >= 10:
        assert max(rates) > 0.9 > rates[0]
