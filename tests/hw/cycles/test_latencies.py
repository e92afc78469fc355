# amaranth: UnusedElaboratable=no
"""The model's latencies are the hardware's own."""

import pytest

from zeroskip.gateware.array import barrier, bus, map_copy
from zeroskip.gateware.lane import instructions, issue, output, reader, requantiser, vector_unit
from zeroskip.spec import timing
from zeroskip.spec.config import PRESETS

CONFIG = PRESETS["base"]


def test_queues_are_as_long_as_the_readers():
    assert timing.QUEUE_WORDS == reader.QUEUE_WORDS
    assert timing.QUEUE_JOBS == reader.QUEUE_JOBS


def test_latencies_are_those_of_the_components():
    units = requantiser.Requantiser(acc_width=CONFIG.acc_width)
    assert timing.READ == reader.WeightListReader(config=CONFIG).latency
    assert timing.DROP == timing.READ - 1
    assert timing.ISSUE == issue.IssueStage(config=CONFIG).latency
    assert timing.MAP == map_copy.MapCopy(config=CONFIG).latency
    assert timing.SUMS == vector_unit.VectorUnit(config=CONFIG).latency
    assert timing.OUTPUT == output.Output(config=CONFIG).latency
    assert timing.CODE == 1 + units.latency + 1
    assert timing.SETTLED == barrier.SETTLING + 1


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_the_bus_is_as_deep_as_the_hardwares(name):
    assert timing.bus(PRESETS[name].lanes) == bus.WriteBus(config=PRESETS[name]).latency


def test_instructions_take_four_cycles():
    states = [instructions.State.READ, instructions.State.DECODE, instructions.State.EXECUTE]
    assert timing.EXECUTE == len(states)
