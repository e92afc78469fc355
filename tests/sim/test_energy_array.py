"""Energy of whole arrays: the smallest there are, on gates; and what a memory's access costs."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.sim.test_energy import needs_tools

from cosim.energy import array as arrays
from cosim.energy.array import ArrayOnGates, Run
from cosim.energy.joules import figures, fitting, measure_layers, saved
from cosim.energy.memory_cost import NODE_FACTOR, Accesses, access_pj, read_accesses, total_pj
from cosim.energy.power import Power
from zeroskip import reference
from zeroskip.compiler.packed import PackError
from zeroskip.packing import pack
from zeroskip.random_layer import convolution
from zeroskip.spec.config import EngineConfig
from zeroskip.verilog import ToolError

CACHE = Path(__file__).parents[2] / "build" / "cache"
LEAST = EngineConfig(lanes=1, vector=1, look=2, ways=1, banks=4, map_words=256, list_words=256, instructions=64,
                     pool_columns=1, out_words=16, even=False)


def test_a_memory_costs_what_the_table_says():
    assert [access_pj(rows, 64) for rows in (1024, 4096, 131072)] == pytest.approx([10, 20, 100])
    assert access_pj(256, 64) == pytest.approx(5)  # a quarter of the size: half of the energy
    assert 20 < access_pj(16384, 64) < 100
    assert access_pj(2048, 32) == pytest.approx(5)  # the same bytes, rows half as wide
    own = Accesses(name="a", rows=1024, bits=64, reads=3, writes=2)
    assert total_pj([own, own]) == pytest.approx(100)
    assert NODE_FACTOR == 16


def test_what_memories_wrote_is_read():
    (found,) = read_accesses("top.dut.engine.a.rows 16 8 5 7\n")
    assert found == Accesses(name="engine.a.rows", rows=16, bits=8, reads=5, writes=7)


def test_savings_are_of_the_second_engine():
    def entry(total):
        return {"logic_pj": total / 2, "total_pj": total, "counted_45nm_pj": total, "energy_delay": total**2}

    found = saved({"dense": entry(8.0), "gate": entry(4.0), "skip-both": entry(1.0)})
    assert found["gate against dense"] == {"logic": 0.5, "total": 0.5, "counted_45nm": 0.5, "energy_delay": 0.75}
    assert found["skip-both against gate"]["total"] == 0.75
    assert "skip-weights against gate" not in found


def test_layers_that_do_not_fit_are_left_to_the_host():
    fits, wide = (convolution(4, 8, 3, size, weights=0.5, activations=0.5) for size in (5, 200))
    runs, host = fitting({"one": fits, "two": wide}, LEAST, ("dense", "skip-both"))
    assert list(runs) == ["one"] and list(host) == ["two"] and "the map memory has 256" in host["two"]
    with pytest.raises(PackError, match="no layer fits: two: "):
        fitting({"two": wide}, LEAST, ("skip-both",))


def known(sequential, combinational, clock):
    return Power(sequential=sequential, combinational=combinational, clock=clock, annotated=1.0, area=1.0, delay_ns=1.0,
                 by_part={"rows": (8, 0.75), "flags": (1, 0.25)})


def test_figures_of_a_run_that_is_known():
    """By hand: 15 cycles of 4 pJ, of which 5 were outside and cost the 2 pJ of an idle one; a read of 10 pJ."""
    array = ArrayOnGates.__new__(ArrayOnGates)
    array._idle = Run(cycles=100, outside=0, power=known(1.0, 0.5, 0.5), memories=[])
    run = Run(cycles=10, outside=5, power=known(1.0, 2.0, 1.0), multiplications=8, gated=3,
              memories=[Accesses(name="map", rows=1024, bits=64, reads=1, writes=0)])
    found = figures(array, run)
    assert found["logic_pj"] == 15 * 4 - 5 * 2 and found["memory_45nm_pj"] == 10 and found["memory_pj"] == 160
    assert found["total_pj"] == 50 + 160
    assert found["energy_delay"] == pytest.approx(210 * 10 * 10e-9)  # ten cycles of 10 ns
    assert found["counted_45nm_pj"] == pytest.approx((8 - 3) * (0.2 + 0.1) + 10)
    assert found["logic_pj_by_cycle"] == {"sequential": 1, "combinational": 2, "clock": 1}
    assert found["clocking"] == {"rows": {"registers": 8, "pj_by_cycle": 0.75}}  # the other is too small to be named


@pytest.fixture(scope="module")
def dense():
    return ArrayOnGates(LEAST, "dense", CACHE)


@needs_tools
def test_a_layer_on_gates(dense):
    """Every pin is annotated, the answer is right, and the figures lie between idle and no zeros at all."""
    runs = {density: dense.run("layer", convolution(4, 8, 3, 5, weights=density, activations=density), "dense")
            for density in (0.1, 0.5, 1.0)}
    spent = [dense.logic_pj(run) / run.cycles for run in runs.values()]
    assert dense.idle.power.total < spent[0] < spent[1] < spent[2]
    assert all(run.power.annotated >= 0.95 for run in runs.values())
    assert dense.idle.power.annotated >= 0.95
    found = figures(dense, runs[0.5])
    packed = pack(convolution(4, 8, 3, 5, weights=0.5, activations=0.5), LEAST, "dense")
    assert 0 <= runs[0.5].cycles - packed.predicted["total"] - len(packed.programs[0].program) <= 4
    assert found["total_pj"] == pytest.approx(found["logic_pj"] + 16 * found["memory_45nm_pj"], abs=1)
    layer = convolution(4, 8, 3, 5, weights=0.5, activations=0.5)
    maps = [memory for memory in runs[0.5].memories if memory.name.startswith("engine.map_memory")]
    assert sum(memory.writes for memory in maps) == layer.input[0, 0].size  # each word once
    assert all(memory.reads >= 0 and memory.writes >= 0 for memory in runs[0.5].memories)
    assert not any(memory.reads or memory.writes for memory in dense.idle.memories)
    assert sum(own["pj_by_cycle"] for own in found["clocking"].values()) < spent[1]
    json.dumps(found, allow_nan=False)


@pytest.fixture(scope="module")
def vector():
    return ArrayOnGates(LEAST, "zero-skip", CACHE)


@needs_tools
def test_images_on_the_vector_engine_on_gates(vector):
    """Two images with one program: cycles and products as the model says, and zeros save energy."""
    spent = {}
    for density in (0.2, 1.0):
        layer = convolution(4, 4, 3, 4, weights=density, activations=density, images=2)
        for engine in ("skip-weights", "skip-both"):
            run, packed = vector.run("layer", layer, engine), pack(layer, LEAST, engine)
            (program,) = packed.programs
            assert program.results == 2
            # Before the map: beats that the loader waited with, the bench's pause, and the first instructions.
            assert 0 <= run.cycles - packed.predicted["total"] - len(program.program) <= 48
            assert (run.multiplications, run.gated) == (packed.predicted["multiplications"], packed.predicted["gated"])
            assert run.power.annotated >= 0.95
            found = figures(vector, run)
            assert found["logic_pj"] > 0 and found["memory_45nm_pj"] > 0
            spent[density, engine] = found["total_pj"]
    assert spent[0.2, "skip-both"] < spent[0.2, "skip-weights"] < spent[1.0, "skip-weights"]
    assert vector.idle.power.annotated >= 0.95


@needs_tools
def test_an_answer_that_is_wrong_has_no_energy(dense, monkeypatch):
    layer = convolution(4, 8, 3, 5, weights=0.5, activations=0.5)
    monkeypatch.setattr(arrays.reference, "run", lambda own: np.zeros(own.output_shape, np.uint8))
    with pytest.raises(ToolError, match="layer on dense, on gates: the answer is not the reference's"):
        dense.run("layer", layer, "dense")
    assert reference.run is arrays.reference.run  # the same module: what was patched is what is called
    with pytest.raises(ValueError, match="gate runs on dense-gate, not on dense"):
        dense.run("layer", layer, "gate")


@needs_tools
def test_too_few_pins_with_activity_give_no_energy(dense, monkeypatch):
    monkeypatch.setattr(arrays, "LEAST_ANNOTATED", 1.01)
    with pytest.raises(ToolError, match=r"100.0% of the pins have a simulated activity, expected at least 101%"):
        dense.run("layer", convolution(4, 8, 3, 5, weights=0.5, activations=0.5), "dense")


@needs_tools
def test_layers_add_up(dense):
    layers = {name: convolution(4, 8, 3, 5, weights=0.3, activations=0.5, seed=seed)
              for seed, name in enumerate(("one", "two"))}
    found = measure_layers(layers, LEAST, cache=CACHE, engines=("dense",))
    one, two = (entry["engines"]["dense"] for entry in found["layers"])
    assert found["whole"]["dense"]["total_pj"] == pytest.approx(one["total_pj"] + two["total_pj"], abs=0.2)
    assert found["whole"]["dense"]["cycles"] == one["cycles"] + two["cycles"]
    assert found["saved"] == {} and set(found["hardware"]) == {"dense"}
