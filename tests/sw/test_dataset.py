import numpy as np
import pytest

from zerokeep.dataset import DataSet
from zerokeep.errors import UserError


def made(count=4, shape=(1, 6, 6), dtype=np.uint8, **changed):
    images = np.ones((count, *shape), dtype)
    given = {"name": "d", "train_images": images, "train_labels": np.arange(count), "test_images": images,
             "test_labels": np.arange(count)} | changed
    return DataSet(**given)


def test_padding_for_a_larger_network():
    found = made(shape=(1, 6, 4)).fitted((1, 8, 8))
    assert found.shape == (1, 8, 8)
    assert found.test_images[0, 0].sum() == 24
    assert found.test_images[0, 0, 1:7, 2:6].all()
    same = made()
    assert same.fitted((1, 6, 6)) is same


@pytest.mark.parametrize("shape", [(3, 6, 6), (1, 4, 6), (1, 7, 6)])
def test_what_cannot_be_fitted(shape):
    with pytest.raises(UserError, match=r"the network takes images of \(.*\), those of d are \(1, 6, 6\)"):
        made().fitted(shape)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train_images": np.zeros((4, 6, 6), np.uint8)}, r"train images of d are uint8 \(4, 6, 6\), expected uint8"),
        ({"test_images": np.zeros((4, 1, 6, 6))}, "the test images of d are float64"),
        ({"test_images": np.zeros((4, 1, 6, 6), np.float32)}, "d trains on images .* but tests on"),
        ({"train_images": np.full((4, 1, 6, 6), np.nan, np.float32)}, "the train images of d are not all finite"),
        ({"train_labels": np.arange(3)}, "d has 4 train images but labels of shape"),
        ({"test_labels": np.arange(4) + 7}, r"the test labels of d must be 0\.\.9"),
    ],
)
def test_what_does_not_fit(changed, message):
    with pytest.raises(UserError, match=message):
        made(**changed)
