"""A real pruned layer as bytes on a serial line: the host's driver, a modelled UART, the top that boards get."""

from pathlib import Path

import numpy as np
import pytest

from cosim.link import Line, over_the_line
from zerokeep import model_folder
from zerokeep.data import load
from zerokeep.shipped import shipped_folders
from zeroskip import reference
from zeroskip.config import PRESETS
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
    with pytest.raises(ToolError, match="no answer to RESET, sent 2 times"):
        over_the_line(layers, PRESETS["tiny"], "skip-both", cache=CACHE, line=Line(damage=0.05, seed=0, tries=2))
