import os

import numpy as np
import pytest

from zerokeep import integer, model_folder, onnx_export, pipeline
from zerokeep.errors import UserError
from zerokeep.models import Base, load_base
from zerokeep.recipe import Recipe
from zerokeep.train import train


@pytest.fixture(scope="module")
def base(bars) -> Base:
    return train("vgg-small", bars, epochs=6)


def test_the_chain(base, bars, tmp_path):
    seen = []
    recipe = Recipe(zero_ratio=0.8, filter_ratio=0.25, epochs=4)
    info = pipeline.prune_model(base, bars, recipe, tmp_path / "m", lambda text, share: seen.append(share))
    assert [row["filters"] for row in info["counts"]] == [12, 24, 48, 48, 10]
    assert info["totals"]["filters_removed"] == 0.25
    assert 0.08 < info["nzer_orig"] < 0.14
    assert info["nzer"] < 0.22
    assert [len(gone) for gone in info["removed"].values()] == [4, 8, 16, 16]
    accuracy = info["accuracy"]
    assert set(accuracy) == {"base", "pruned", "int8", "data", "test_images", "onnx_agreement"}
    assert accuracy["base"] == base.metadata["accuracy"]
    assert abs(accuracy["int8"] - accuracy["pruned"]) <= 0.05
    assert accuracy["int8"] > 0.5
    assert (accuracy["data"], accuracy["test_images"]) == ("bars", 100)
    assert info["recipe"] == recipe.as_dict(320)
    assert info["command"].endswith(recipe.options(320))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    model = model_folder.read(tmp_path / "m")
    assert model.info == info
    assert integer.accuracy(model.network, bars.test_images, bars.test_labels) == accuracy["int8"]
    exported = onnx_export.run((tmp_path / "m" / "model.onnx").read_bytes(), bars.test_images)
    assert (exported.argmax(1) == integer.run(model.network, bars.test_images).argmax(1)).mean() >= 0.99


def test_same_recipe_same_bytes(base, bars, tmp_path):
    files = []
    for name in ("a", "b"):
        info = pipeline.prune_model(base, bars, Recipe(epochs=1, seed=5, criterion="random"), tmp_path / name)
        files.append(info["files"])
    assert files[0] == files[1]
    other = pipeline.prune_model(base, bars, Recipe(epochs=1, seed=6, criterion="random"), tmp_path / "c")
    assert other["files"] != files[0]


def test_unpruned(base, bars, tmp_path):
    info = pipeline.prune_model(base, bars, Recipe.unpruned(), tmp_path / "m", command="zerokeep run")
    assert info["totals"]["filters"] == info["totals"]["filters_before"] == 176
    assert info["nzer_orig"] > 0.95
    assert info["accuracy"]["pruned"] == info["accuracy"]["base"]
    assert info["command"] == "zerokeep run"


def test_a_bad_output_fails_before_the_work(base, bars, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "prune", lambda *_: pytest.fail("work was done first"))
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="is a file, not a folder"):
        pipeline.prune_model(base, bars, Recipe(epochs=1), tmp_path / "file")


def test_a_wrong_export_is_caught(base, bars, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_export, "run", lambda _, images: np.zeros((len(images), 10)))
    with pytest.raises(UserError, match="ONNX Runtime agrees with the integer reference on only"):
        pipeline.prune_model(base, bars, Recipe.unpruned(), tmp_path / "m")
    assert os.listdir(tmp_path) == []


def test_tool_versions():
    assert {"python", "torch", "torch-pruning", "numpy"} <= set(pipeline.tool_versions())


def test_shipped_base_knows_its_source():
    assert load_base("vgg-small").source == "vgg-small"
