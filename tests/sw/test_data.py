import gzip

import numpy as np
import pytest

from zerokeep import data
from zerokeep.errors import UserError


def idx(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def write_folder(folder, *, packed=True, train=30, test=20):
    folder.mkdir(exist_ok=True)
    generator = np.random.default_rng(0)
    for key, stem in data.STEMS.items():
        count = train if key.startswith("train") else test
        if key.endswith("images"):
            array = generator.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        else:
            array = (np.arange(count) % 10).astype(np.uint8)
        raw = idx(array)
        (folder / (stem + ".gz" if packed else stem)).write_bytes(gzip.compress(raw) if packed else raw)
    return folder


@pytest.mark.parametrize("packed", [True, False])
def test_folder(tmp_path, packed):
    found = data.load(write_folder(tmp_path / "data", packed=packed))
    assert found.name == "partial (folder)"
    assert found.counts == (30, 20)
    first = np.random.default_rng(0).integers(0, 256, (30, 28, 28))
    np.testing.assert_array_equal(found.train_images[:, 0], first)
    np.testing.assert_array_equal(found.test_labels, np.arange(20) % 10)
    assert found.train_labels.dtype == np.int64


def test_full_counts_are_named_full(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "FULL_COUNTS", (30, 20))
    assert data.load(write_folder(tmp_path / "data")).name == "full (folder)"


def test_order_of_sources(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "FULL_COUNTS", (30, 20))
    debian = write_folder(tmp_path / "debian")
    assert data.load(debian=debian).name == "full (Debian package)"
    assert data.load(write_folder(tmp_path / "own", train=40), debian=debian).counts == (40, 20)
    assert data.load(debian=tmp_path / "none").name == "shipped subset"
    next(debian.glob("t10k-labels*")).unlink()
    assert data.load(debian=debian).name == "shipped subset"


def test_subset_is_balanced():
    found = data.load_subset()
    assert found.counts == (6000, 1000)
    np.testing.assert_array_equal(np.bincount(found.train_labels), [600] * 10)
    np.testing.assert_array_equal(np.bincount(found.test_labels), [100] * 10)
    assert len(np.unique(found.train_images.reshape(6000, -1), axis=0)) > 5990


def test_make_subset(tmp_path):
    whole = data.load(write_folder(tmp_path / "data"))
    data.make_subset(whole, tmp_path / "subset.npz", train_per_class=2, test_per_class=1)
    part = data.load_subset(tmp_path / "subset.npz")
    np.testing.assert_array_equal(part.train_images, whole.train_images[:20])
    np.testing.assert_array_equal(part.test_labels, np.arange(10))


def test_missing_folder(tmp_path):
    with pytest.raises(UserError, match=r"the data folder .*nowhere does not exist, or is no folder"):
        data.load(tmp_path / "nowhere")


def test_missing_file(tmp_path):
    folder = write_folder(tmp_path / "data")
    (folder / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(UserError, match=r"lacks t10k-images-idx3-ubyte\.gz \(or t10k-images-idx3-ubyte\)"):
        data.load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw[:-40], "cannot be read"),
        (lambda raw: gzip.compress(gzip.decompress(raw)[:-1]), "is damaged: it has 23519 bytes of data, its header"),
        (lambda raw: gzip.compress(gzip.decompress(raw) + b"x"), "is damaged: it has more than 23520 bytes of data"),
        (lambda raw: b"not an idx file", "is not an idx file of 3 dimensions"),
        (lambda raw: b"", "is not an idx file of 3 dimensions"),
        (lambda raw: raw[:20] + bytes(200) + raw[220:], "cannot be read|has a shape of"),
        (lambda raw: gzip.compress(idx(np.zeros((2, 27, 28), np.uint8))), r"has a shape of \(2, 27, 28\), expected"),
        (lambda raw: gzip.compress(bytes((0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 0, 28, 0, 0, 0, 28))),
         r"has a shape of \(4294967295, 28, 28\), expected \('N', 28, 28\) with N at most 1,000,000"),
    ],
)
def test_damaged_file(tmp_path, change, message):
    folder = write_folder(tmp_path / "data")
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(UserError, match=message):
        data.load(folder)


def test_counts_must_agree(tmp_path):
    folder = write_folder(tmp_path / "data")
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.zeros(29, np.uint8))))
    with pytest.raises(UserError, match=r"has 30 train images but labels of shape"):
        data.load(folder)


def test_labels_must_be_classes(tmp_path):
    folder = write_folder(tmp_path / "data")
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.full(30, 10, np.uint8))))
    with pytest.raises(UserError, match=r"train labels of .* must be 0\.\.9"):
        data.load(folder)


def test_damaged_subset(tmp_path):
    path = tmp_path / "subset.npz"
    path.write_bytes(data.SUBSET.read_bytes()[:100_000])
    with pytest.raises(UserError, match=r"the shipped data cannot be read: .*subset\.npz: no \.npz archive"):
        data.load_subset(path)
