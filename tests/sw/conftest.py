import zerokeep  # noqa: F401  isort: skip - before numpy, since it asks for one thread

import numpy as np
import pytest
import torch
from torch import nn

from zerokeep.dataset import DataSet


def make_images(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images that can be learnt: class k has a bright bar at row 2 k + 4, on noise."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    images = generator.integers(0, 60, (count, 1, 28, 28)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[0, 2 * label + 4 : 2 * label + 6] = 250
    return images, labels


@pytest.fixture(scope="session")
def bars() -> DataSet:
    train, test = make_images(320, 1), make_images(100, 2)
    return DataSet(
        name="bars", train_images=train[0], train_labels=train[1], test_images=test[0], test_labels=test[1]
    )


@pytest.fixture
def small_net() -> nn.Sequential:
    """Two convolutions and a linear layer, batch norms with statistics that are not the initial ones."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        net = nn.Sequential()
        for number, (inputs, outputs) in enumerate(((1, 4), (4, 6)), start=1):
            net.add_module(f"conv{number}", nn.Conv2d(inputs, outputs, 3, padding=1, stride=number, bias=False))
            norm = nn.BatchNorm2d(outputs)
            for values, low, high in (
                (norm.weight, 0.5, 2), (norm.bias, -0.5, 0.5),
                (norm.running_mean, -0.3, 0.3), (norm.running_var, 0.1, 2),
            ):  # fmt: skip
                assert values is not None
                values.data.uniform_(low, high)
            net.add_module(f"bn{number}", norm)
            net.add_module(f"relu{number}", nn.ReLU())
        net.add_module("pool", nn.MaxPool2d(2))
        net.add_module("flatten", nn.Flatten())
        net.add_module("linear", nn.Linear(6 * 7 * 7, 10))
    return net.eval()


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
