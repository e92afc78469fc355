"""Random layers from a seed on every engine; and that a planted fault is reported, made smaller and kept."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.sim.echo import CACHE
from tests.sim.planted import copy, plant

from cosim.fuzz import WEIGHTS, fuzz, keep, load, main
from cosim.fuzz_cases import CONFIGS, Session, Verdict, make_session
from cosim.fuzz_shrink import shrink, size, smaller
from zeroskip import reference
from zeroskip.layer import Layer
from zeroskip.spec.engines import ENGINES

SEED = int(os.environ.get("ZEROKEEP_FUZZ_SEED", "20261125"))
CASES = 40
QUICK = ("tiny", "pairs", "ones", "odd")
ZERO_SKIP = ("tiny", "zero-skip")
FAULT = ("compiler/lower.py", "channel, ky, kx = np.nonzero(weight)",
         "channel, ky, kx = (own[: max(1, len(own) - 1)] for own in np.nonzero(weight))")
"""The last weight of a filter with several is left out: of the compiler, so that no simulator is built for it."""
REFUSALS = ("the configuration has", ", it has ", "there is room for ", "bits hold less than ", "at most ")
"""In what the packers say of a layer that does not fit."""
START = "import sys; from cosim.fuzz import main; sys.exit(main(sys.argv[1:]))"


def test_random_layers_are_right(tmp_path: Path) -> None:
    lines: list[str] = []
    done = fuzz(CASES, SEED, out=tmp_path, cache=CACHE, names=QUICK, session=5, say=lines.append)
    print("\n".join(lines))
    assert done.kept == [] and done.cases == CASES
    assert set(done.engines) == set(ENGINES) and done.cuts > 0
    assert lines[-1].endswith(f"seed {SEED}: 0 wrong")


def test_a_seed_gives_the_same_layers() -> None:
    one, same, other = (make_session(seed, 3, ZERO_SKIP, 4, []) for seed in (1, 1, 2))
    for mine, its in zip(one.steps, same.steps, strict=True):
        assert (mine.engine, mine.abort_after) == (its.engine, its.abort_after)
        np.testing.assert_array_equal(mine.layer.weight, its.layer.weight)
        np.testing.assert_array_equal(mine.layer.needed_input(), its.layer.needed_input())
    assert [step.layer.weight.shape for step in one.steps] != [step.layer.weight.shape for step in other.steps]


def test_the_layers_are_of_every_kind() -> None:
    """Over 1,000 layers, everything that the fuzz is to try comes up."""
    refused: list[str] = []
    steps = [step for number in range(50) for step in make_session(5, number, ZERO_SKIP, 20, refused).steps]
    layers = [step.layer for step in steps if step.abort_after is None]
    assert len(layers) == 1000 and len(refused) < 100
    assert [text for text in refused if not any(own in text for own in REFUSALS)] == []
    for name, values in {
        "kernel": {value for layer in layers for value in layer.kernel},
        "padding": {value for layer in layers for value in layer.padding},
        "stride": {value for layer in layers for value in layer.stride},
    }.items():
        assert values == {"kernel": {*range(1, 8)}, "padding": {*range(6)}, "stride": {1, 2, 3, 4}}[name]
    for name, holds in {
        "linear": lambda layer: layer.is_linear,
        "depthwise": lambda layer: 1 < layer.groups == layer.channels,
        "grouped": lambda layer: 1 < layer.groups < layer.channels,
        "one pixel": lambda layer: layer.input4.shape[2:] == (1, 1) and not layer.is_linear,
        "one channel": lambda layer: layer.channels == 1,
        "one filter": lambda layer: layer.filters == 1,
        "several images": lambda layer: len(layer.input4) > 1,
        "int8": lambda layer: layer.input.dtype == np.int8,
        "dilation": lambda layer: layer.dilation != (1, 1),
        "padding uneven": lambda layer: layer.padding_end != layer.padding,
        "half to even": lambda layer: layer.rounding == "even",
        "sums": lambda layer: layer.multiplier is None,
        "no weights": lambda layer: not layer.weight.any(),
        "all weights": lambda layer: layer.weight.all(),
        "no activations": lambda layer: not layer.input.any(),
        "all activations": lambda layer: layer.input.all(),
        "-128": lambda layer: (layer.weight == -128).any() and (layer.input4.astype(int) == -128).any(),
        "saturates on both sides": lambda layer: layer.multiplier is not None and layer.clamp in ((0, 255), (-128, 127))
            and set(layer.clamp) <= set(np.unique(reference.run(layer)).tolist()),
    }.items():
        assert sum(map(bool, map(holds, layers))) >= 5, name
    assert sum(step.abort_after is not None for step in steps) > 50


def test_shrinking_ends_with_what_matters() -> None:
    """A stand-in for faulty hardware: wrong where a weight of -128 stands in a layer with padding."""
    def fails(session: Session) -> bool:
        layer = session.steps[-1].layer
        return bool((layer.weight == -128).any()) and layer.padding != (0, 0)

    made = (make_session(9, number, ZERO_SKIP, 3, []) for number in range(100))
    session = replace(next(own for own in made if fails(own) and len(own.steps) > 1), stall=0.3)
    least = shrink(session, lambda some: next(filter(fails, some), None))
    (step,) = least.steps
    assert fails(least) and not least.stall and size(least) < size(session)
    assert step.layer.weight.tolist() == [[[[-128]]]] and step.layer.needed_input().size == 1
    assert sum(step.layer.padding) == 1 and step.layer.stride == step.layer.dilation == (1, 1)
    assert step.layer.multiplier is None and step.layer.rounding == "up"
    assert all(size(own) < size(least) for own in smaller(least))


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    number = next(n for n in range(100) if make_session(3, n, ZERO_SKIP, 2, []).steps[0].abort_after)
    session = make_session(3, number, ZERO_SKIP, 2, [])
    folder = keep(tmp_path, "case", session, Verdict(wrong="something", streams={}, outputs={}))
    about = json.loads((folder / "about.json").read_text())
    assert about["command"] == f"python -m cosim.fuzz --again {folder}" and about["message"] == "something"
    again = load(folder)
    assert (again.name, again.kind, again.stall, again.seed) == (*ZERO_SKIP, session.stall, session.seed)
    for mine, its in zip(again.steps, session.steps, strict=True):
        assert (mine.engine, mine.abort_after) == (its.engine, its.abort_after)
        np.testing.assert_array_equal(mine.layer.weight, its.layer.weight)
    assert main(["--again", str(folder), "--cache", str(CACHE)]) == 0


def test_every_preset_has_its_turn() -> None:
    assert set(WEIGHTS) == set(CONFIGS)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the hardware half with a fault."""
    folder = copy(tmp_path_factory.mktemp("faulty"))
    plant(folder, *FAULT)
    return folder


def run(command: list[str], source: Path) -> subprocess.CompletedProcess[str]:
    """A command with the hardware from `source`, in that folder."""
    return subprocess.run([sys.executable, "-c", *command], cwd=source, capture_output=True, text=True, timeout=600,
                          check=False, env=os.environ | {"PYTHONPATH": str(source)})


def test_a_planted_fault_is_reported_made_smaller_and_kept(faulty: Path) -> None:
    done = run([START, "--cases", "1", "--session", "1", "--seed", "5", "--preset", "tiny", "--cache", str(CACHE)],
               faulty)
    assert done.returncode == 1, done.stderr
    assert "WRONG: tiny-zero-skip-000: " in done.stdout
    folder = faulty / "build" / "fuzz" / "tiny-zero-skip-000"
    layer, about = Layer.load(folder / "layer.npz"), json.loads((folder / "about.json").read_text())
    assert layer.weight.size + layer.needed_input().size < 20, "not made small"
    assert f"see it again: {about['command']}" in done.stdout
    words = shlex.split(about["command"])
    assert words[:2] == ["zerokeep", "simulate"]
    start = "import sys; from zerokeep.cli import main; sys.exit(main())"
    again = run([start, *words[1:], "--cache", str(CACHE)], faulty)
    assert again.returncode == 1 and "expected" in about["message"], "the command does not show the fault"
