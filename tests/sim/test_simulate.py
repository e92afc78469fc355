"""Layers on engines: the entry of the contract, and what happens where the hardware is wrong."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.sim.echo import CACHE

from cosim import simulate as module
from cosim.simulate import Options, Simulation, check_engines, select, simulate
from zeroskip import reference
from zeroskip.compiler.packed import PackError
from zeroskip.counts import count
from zeroskip.layer import Layer
from zeroskip.spec.config import PRESETS
from zeroskip.spec.engines import CHOICES, ENGINES

TINY = PRESETS["tiny"]
ENTRY = {"bit_exact", "mismatches", "cycles", "lanes", "multiplications", "gated", "beyond", "utilisation", "speedup",
         "speedup_measured"}
CYCLES = {"total", "load", "wait", "compute", "drain", "stalled", "end_to_end"}
BESIDE = {"engines", "macs", "macs_inside", "pairs", "ideal_cycles", "weight_density", "activation_density",
          "multipliers", "images", "seed", "tool_versions", "name"}


def convolution(seed: int = 0, **more: Any) -> Layer:
    rng = np.random.default_rng(seed)
    weight = (rng.integers(-128, 128, (5, 3, 3, 3)) * (rng.random((5, 3, 3, 3)) < 0.4)).astype(np.int8)
    data = (rng.integers(0, 256, (2, 3, 6, 5)) * (rng.random((2, 3, 6, 5)) < 0.5)).astype(np.uint8)
    return Layer(weight=weight, input=data, padding=(1, 1), multiplier=np.full(5, 40000), shift=np.full(5, 22), **more)


def linear() -> Layer:
    rng = np.random.default_rng(1)
    return Layer(weight=rng.integers(-9, 9, (4, 20)).astype(np.int8),
                 input=rng.integers(-128, 128, (3, 20)).astype(np.int8), bias=np.arange(4, dtype=np.int32))


def options(tmp_path: Path, **more: Any) -> Options:
    return Options(cache=CACHE, keep=tmp_path / "failures", **more)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    layers = {"conv": convolution(), "linear": linear()}
    return simulate(layers, TINY, options=options(tmp_path_factory.mktemp("done"), seed=3))


def drop_a_weight(layer: Layer) -> Layer:
    """The layer without the first weight that meets an activation: a deliberate fault of the hardware's lists."""
    weight = layer.weight.copy()
    weight[tuple(np.argwhere(weight)[len(np.argwhere(weight)) // 2])] = 0
    return dataclasses.replace(layer, weight=weight)


def test_every_engine_equals_the_reference(done: Simulation) -> None:
    assert done.failed == [] and [entry["name"] for entry in done.layers] == ["conv", "linear"]
    for name, layer in (("conv", convolution()), ("linear", linear())):
        for engine in ENGINES:
            expected = reference.run(layer)
            assert done.outputs[name, engine].dtype == expected.dtype
            np.testing.assert_array_equal(done.outputs[name, engine], expected)


def test_the_entry_is_that_of_the_contract(done: Simulation) -> None:
    for entry, layer in zip(done.layers, (convolution(), linear()), strict=True):
        assert entry.keys() >= BESIDE and tuple(entry["engines"]) == ENGINES
        json.dumps(entry, allow_nan=False)
        counts = count(layer)
        assert (entry["images"], entry["seed"], entry["multipliers"]) == (len(layer.needed_input()), 3, 4)
        assert entry["ideal_cycles"] == counts["pairs"] / 4 and entry["macs"] == counts["macs"]
        assert {"zerokeep", "amaranth", "verilator", "cocotb"} <= set(entry["tool_versions"])
        for name, engine in entry["engines"].items():
            cycles = engine["cycles"]
            assert engine.keys() >= ENTRY and cycles.keys() == CYCLES
            assert engine["bit_exact"] is True and engine["mismatches"] == 0 and engine["errors"] == []
            assert cycles["total"] == cycles["wait"] + cycles["compute"] + cycles["drain"] and cycles["stalled"] == 0
            assert sum(engine["lanes"].values()) == 4 * cycles["total"]
            assert engine["lanes"]["gated"] == engine["gated"] and engine["lanes"]["stalled"] == 0
            assert cycles["end_to_end"] == cycles["load"] + cycles["total"]
            dense = entry["engines"]["dense"]["cycles"]["total"]
            assert engine["speedup_measured"] == pytest.approx(dense / cycles["total"])
            assert engine["speedup"] == pytest.approx(counts["macs_inside"] / (4 * cycles["total"]))
            assert engine["lanes"]["multiplying"] == engine["multiplications"] - engine["gated"]
            if name != "dense":
                assert engine["lanes"]["multiplying"] == counts["pairs"] + engine["beyond"]
            if name in ("dense", "gate"):
                assert engine["beyond"] == 0
            else:
                assert engine["predicted"] == cycles["total"]


def test_without_dense_there_is_no_measured_speedup_and_no_second_build(
        tmp_path: Path, done: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    real = module.build
    monkeypatch.setattr(module, "build", lambda *given, **more: built.append(real(*given, **more)) or built[-1])
    result = simulate(convolution(), TINY, ["gate", "gate"], options=options(tmp_path, stall=0.6, seed=5))
    (entry,) = result.layers
    assert result.failed == [] and list(entry["engines"]) == ["gate"] and entry["name"] == "layer"
    assert entry["engines"]["gate"]["speedup_measured"] is None
    assert entry["engines"]["gate"]["cycles"]["stalled"] > 0 and entry["stall"] == 0.6
    lanes = entry["engines"]["gate"]["lanes"]
    assert lanes["stalled"] > 0 and sum(lanes.values()) == 4 * entry["engines"]["gate"]["cycles"]["total"]
    assert [build.fresh for build in built] == [False]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_dropped_weight_is_caught_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    real, layer = module.pack, convolution()
    monkeypatch.setattr(module, "pack", lambda given, *rest: real(drop_a_weight(given), *rest))
    result = simulate({"conv": layer}, TINY, [engine], options=options(tmp_path))
    entry = result.layers[0]["engines"][engine]
    assert entry["bit_exact"] is False and entry["mismatches"] > 0
    folder = tmp_path / "failures" / f"01-{engine}"
    (sentence,) = result.failed
    assert sentence.startswith(f"conv on {engine}: {entry['mismatches']} of 300 values differ: [")
    assert sentence.endswith(f"(kept in {folder})")
    kept = Layer.load(folder / "layer.npz")
    np.testing.assert_array_equal(kept.weight, layer.weight)
    outputs = np.load(folder / "outputs.npz")
    assert int((outputs["expected"] != outputs["found"]).sum()) == entry["mismatches"]
    about = json.loads((folder / "about.json").read_text())
    assert about["engine"] == engine and about["parameters"] == dataclasses.asdict(TINY)
    command = f"zerokeep simulate {folder}/layer.npz --engine {engine} --preset tiny"
    assert command in (folder / "README.txt").read_text()


def test_no_answer_is_an_entry_without_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = module.pack

    def one_beat_more(layer: Layer, *rest: Any):
        packed = real(layer, *rest)
        program = packed.programs[0]
        return dataclasses.replace(packed, programs=[
            dataclasses.replace(program, result_beats=program.result_beats + 1)])

    monkeypatch.setattr(module, "pack", one_beat_more)
    name = "../a b\x1b[2J\N{SNOWMAN}"
    result = simulate({name: convolution()}, TINY, ["dense"], options=options(tmp_path))
    entry = result.layers[0]["engines"]["dense"]
    assert entry["bit_exact"] is False and entry["mismatches"] == 300
    assert set(entry["cycles"].values()) == {None} and entry["utilisation"] is None
    assert "tlast stood on result beat" in result.failed[0]
    (kept,) = tmp_path.glob("**/about.json")
    assert kept == tmp_path / "failures" / "01-dense" / "about.json" and json.loads(kept.read_text())["name"] == name


def test_broken_rules_are_failures_although_every_bit_is_right(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "count", lambda layer: count(layer) | {"pairs": 1})
    result = simulate(convolution(), TINY, ["gate"], options=options(tmp_path))
    assert result.layers[0]["engines"]["gate"]["bit_exact"] is True
    assert "expected the 1 products with both operands non-zero" in result.failed[0]


def test_a_layer_that_does_not_fit_is_refused_by_name(tmp_path: Path) -> None:
    big = Layer(weight=np.ones((1, 1, 1, 1), np.int8), input=np.ones((1, 1, 2, 600), np.uint8))
    with pytest.raises(PackError, match=r"big does not fit the engine skip-both: .*a row has at most 511"):
        simulate({"big": big}, TINY, ["skip-both"], options=options(tmp_path))


def test_auto_runs_what_the_packer_chose(tmp_path: Path) -> None:
    """Everything of the entry is the chosen engine's; the rules are those of that engine."""
    full = Layer(weight=np.ones((8, 8, 1, 1), np.int8), input=np.ones((1, 8, 8, 8), np.uint8))
    result = simulate({"sparse": convolution(), "full": full}, TINY, ["dense", "skip-both", "auto"],
                      options=options(tmp_path))
    assert result.failed == []
    for entry, chosen in zip(result.layers, ("skip-both", "dense"), strict=True):
        auto, named = entry["engines"]["auto"], entry["engines"][chosen]
        assert auto["chosen"] == chosen and auto.keys() == {*named, "chosen"}
        for key in named.keys() - {"cycles"}:
            assert auto[key] == named[key]
        assert auto["cycles"]["total"] == min(entry["engines"][name]["cycles"]["total"] for name in CHOICES["auto"])
        np.testing.assert_array_equal(result.outputs[entry["name"], "auto"], result.outputs[entry["name"], chosen])


def test_select() -> None:
    assert select() is PRESETS["base"] and select("fine") is PRESETS["fine"] and select(None, 16) is PRESETS["small"]
    with pytest.raises(ValueError, match="preset must be one of tiny, small, base, large, fine, not 'huge'"):
        select("huge")
    with pytest.raises(ValueError, match="multipliers must be one of 4, 16, 64, 128, not 65"):
        select(None, 65)
    with pytest.raises(ValueError, match="give a preset or a number of multipliers, not both"):
        select("tiny", 4)


def test_check_engines() -> None:
    assert check_engines(["gate", "dense", "gate"]) == ("gate", "dense")
    text = "engine must be one of dense, gate, skip-weights, skip-both, auto, not 'fast'"
    with pytest.raises(ValueError, match=text):
        check_engines(["fast"])
    with pytest.raises(ValueError, match="give at least one engine"):
        check_engines([])


def test_options_are_checked_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stall must be from 0 to less than 1, not 1"):
        simulate(convolution(), TINY, options=options(tmp_path, stall=1.0))
    with pytest.raises(ValueError, match="simulator must be one of verilator, icarus, not 'x'"):
        simulate(convolution(), TINY, options=options(tmp_path, simulator="x"))


def test_the_default_cache_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one under the current folder, which may be anybody's."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert Options().cache == Path("/somewhere/zerokeep")
