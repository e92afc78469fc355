# amaranth: UnusedElaboratable=no
"""The model's latencies are the hardware's own."""

import pytest

from zeroskip.gateware.array import barrier, bus, map_copy
from zeroskip.gateware.lane import issue, output, reader, requantiser, vector_unit
from zeroskip.gateware.primitives import block_memory
from zeroskip.spec import timing
from zeroskip.spec.config import PRESETS

CONFIG = PRESETS["base"]


def test_queues_are_as_long_as_the_readers():
    assert timing.QUEUE_WORDS == reader.QUEUE_WORDS
    assert timing.QUEUE_JOBS == reader.QUEUE_JOBS


def test_latencies_are_those_of_the_components():
    units = requantiser.Requantiser(acc_width=CONFIG.acc_width)
    assert timing.READ == reader.WeightListReader(config=CONFIG).latency
    assert timing.DROP == timing.READ - 1 + timing.LEFT
    assert timing.ISSUE == issue.IssueStage(config=CONFIG).latency
    assert timing.MAP == map_copy.MapCopy(config=CONFIG).latency
    assert timing.SUMS == vector_unit.VectorUnit(config=CONFIG).latency
    assert timing.OUTPUT == output.Output(config=CONFIG).latency
    assert timing.CODE == 1 + units.latency + 1
    assert timing.SETTLED == barrier.SETTLING + 1


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_the_bus_is_as_deep_as_the_hardwares(name):
    assert timing.bus(PRESETS[name].lanes) == bus.WriteBus(config=PRESETS[name]).latency


def test_an_instruction_is_read_from_its_memory_and_then_in_work():
    assert timing.EXECUTE == block_memory.LATENCY + 1


@pytest.mark.parametrize("lanes", [1, 3, 4, 8, 16, 64])
def test_no_entry_reads_the_map_before_the_last_write(lanes):
    waits = 100
    issued = waits + timing.ALL_WAIT + timing.GO_ON + 1 + timing.rest(lanes)
    read = issued + timing.ISSUE + timing.ADDRESS + 1  # a register of the copy before its memory
    sent = waits - 1
    written = sent + timing.bus(lanes) + 1 + 4  # behind it a word of a map; two registers of the bus, two of the copy
    assert read == written + 1
