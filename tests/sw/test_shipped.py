"""The pruned network that ships is what its recipe says, and is taken where that recipe is asked for."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from zerokeep import data, integer, model_folder, pipeline, shipped
from zerokeep.errors import UserError
from zerokeep.models import load_base
from zerokeep.recipe import Recipe


@pytest.fixture(scope="module")
def folder():
    return next(path for path in shipped.shipped_folders() if path.name == "vgg-small")


def test_what_ships_is_the_default_recipe_on_the_base_that_ships(folder):
    base = load_base("vgg-small").module
    assert shipped.made_by(Recipe(), base) == folder
    assert shipped.made_by(Recipe(precision="bfloat16", epochs=12), base) == folder
    for other in (Recipe(seed=1), Recipe(zero_ratio=0.8), Recipe(criterion="l1"), Recipe(epochs=1), Recipe(shift=1),
                  Recipe.unpruned()):
        assert shipped.made_by(other, base) is None
    base.linear.weight.data += 1e-3
    assert shipped.made_by(Recipe(), base) is None


def test_it_is_as_good_as_it_has_to_be(folder):
    """At most a tenth of the weights, a tenth of the filters gone, at most a point lost; on 10,000 images."""
    info = model_folder.read(folder).info
    accuracy = info["accuracy"]
    assert accuracy["test_images"] == 10_000
    assert accuracy["base"] - accuracy["int8"] <= 0.01
    assert abs(accuracy["pruned"] - accuracy["int8"]) <= 0.003
    assert info["nzer_orig"] <= 0.10
    assert info["totals"]["filters_removed"] >= 0.10


def test_its_figures_are_those_of_its_integers(folder):
    """On the images that ship, accuracy and counts are what the files give."""
    model = model_folder.read(folder)
    subset = data.load_subset()
    found = integer.accuracy(model.network, subset.test_images, subset.test_labels)
    assert found > model.info["accuracy"]["int8"] - 0.03
    nonzero = sum(int(np.count_nonzero(step.weights.weight)) for step in model.network.layers())
    assert nonzero == model.info["totals"]["nonzero"]


def test_taken_and_tested_again(folder, tmp_path):
    subset = data.load_subset()
    info = pipeline.take_shipped(folder, subset, tmp_path / "m")
    here = info["accuracy_here"]
    assert (info["shipped"], here["data"], here["test_images"]) == ("vgg-small", "shipped subset", 1000)
    assert info["accuracy"] == model_folder.read(folder).info["accuracy"]
    assert info["files"] == model_folder.read(folder).info["files"]
    assert here["int8"] == integer.accuracy(model_folder.read(tmp_path / "m").network, subset.test_images,
                                            subset.test_labels)


def test_a_network_that_is_not_what_it_says_is_refused(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    document = json.loads((copy / "model.json").read_text())
    document["accuracy"] |= {"int8": 0.99, "data": "shipped subset"}
    (copy / "model.json").write_text(json.dumps(document))
    with pytest.raises(UserError, match=r"the shipped network copy has .* on shipped subset, it says 99.00%"):
        pipeline.take_shipped(copy, data.load_subset(), tmp_path / "m")


def test_the_main_job_takes_it(folder, tmp_path, monkeypatch):
    from zerokeep.run import Run, RunOptions

    monkeypatch.setattr(pipeline, "prune_model", lambda *_, **__: pytest.fail("it was pruned anew"))
    options = RunOptions(out=tmp_path / "out", cache=tmp_path / "c", data=None)
    monkeypatch.setattr(data, "load", lambda _: data.load_subset())
    job = Run(options)
    found = job._prune("model", lambda text, share: None, {})
    assert found["shipped"] == "vgg-small"
    assert found["fingerprint"] == model_folder.read(folder).info["files"]
    monkeypatch.setattr(pipeline, "prune_model", lambda *_, **__: {"files": {"pruned": "anew"}})
    assert Run(dataclasses.replace(options, fresh=True))._prune("model", lambda text, share: None, {})["files"] == {
        "pruned": "anew"}
