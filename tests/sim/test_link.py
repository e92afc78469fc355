"""Real pruned layers as bytes on a serial line: the host's driver, a modelled UART, the top that boards get."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cosim.link import Line, network_over_the_line, over_the_line
from zerokeep import integer, model_folder
from zerokeep.data import load
from zerokeep.shipped import shipped_folders
from zeroskip import reference
from zeroskip.compiler.layers import pack_network
from zeroskip.spec.config import PRESETS
from zeroskip.verilog import ToolError

CACHE = Path(__file__).parents[2] / "build" / "cache" / "simulators"


@pytest.fixture(scope="module")
def layers():
    """The linear layer of the pruned network that ships, with the map of a test image: few bytes, 2,000 weights."""
    images = load(None).test_images[:1]
    return {step.name: layer for step, layer in model_folder.layer_inputs(shipped_folders()[0], images)
            if step.name == "linear"}


@pytest.mark.parametrize(("damage", "seed"), [(0.0, 0), (0.001, 1), (0.001, 2)])
def test_a_pruned_layer_comes_out_bit_exact(layers, damage, seed):
    line = Line(damage=damage, seed=seed, tries=40)
    results, seen, outcomes = over_the_line(layers, PRESETS["tiny"], "skip-both", cache=CACHE, line=line)
    np.testing.assert_array_equal(results["linear"], reference.run(layers["linear"]))
    assert outcomes[0].counters["multiplications"] > 1000
    assert seen["to_board"] > 2000 and seen["to_host"] > 500
    assert (sum(seen[kind] for kind in ("dropped", "flipped", "doubled")) > 0) == (damage > 0)
    assert (seen["sent_again"] > 0) == (damage > 0)


def test_a_line_that_is_too_bad_is_said_so(layers):
    with pytest.raises(ToolError, match=r"no answer to \w+, sent 2 times"):
        over_the_line(layers, PRESETS["tiny"], "skip-both", cache=CACHE, line=Line(damage=0.05, seed=0, tries=2))


@pytest.mark.parametrize("engine", ["skip-weights", "gate", "dense"])
def test_other_engines(layers, engine):
    """The dense array's beats have 16 bytes and come in order; images of a linear layer are columns of one map."""
    layer = layers["linear"]
    values = np.concatenate([layer.needed_input()] * 3) // np.array([[1], [2], [3]], np.uint8)
    layer = replace(layer, input=values)
    results, seen, outcomes = over_the_line({"linear": layer}, PRESETS["tiny"], engine, cache=CACHE)
    np.testing.assert_array_equal(results["linear"], reference.run(layer))
    assert seen["sent_again"] == seen["bad_frames"] == 0
    assert outcomes[0].counters["load"] > 100


def test_a_network_whose_program_is_loaded_once():
    """Images come in two batches; the second one brings no program, and takes a fraction of the bytes."""
    network = model_folder.read(shipped_folders()[0]).network
    codes = integer.encode(network, load(None).test_images[:4])
    wanted = [result for _, _, result in integer.walk(network, codes)][-1]
    packed = pack_network(network, PRESETS["tiny"], codes, look=True)
    found, outcomes = network_over_the_line(packed, 2, PRESETS["tiny"], cache=CACHE)
    np.testing.assert_array_equal(found, wanted)
    first, second = (outcome.counters for outcome in outcomes)
    assert first["load"] == len(packed.program) and second["load"] == 0
    assert first["map_beats"] == second["map_beats"] == len(packed.map) // 2
    assert first["result_beats"] == second["result_beats"] == packed.result_beats // 2
    carried = [outcome.observed["own_to_board"] for outcome in outcomes]
    assert len(packed.map) // 2 * 4 < carried[1] < carried[0] / 5
