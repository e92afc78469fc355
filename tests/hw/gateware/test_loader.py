"""The loader: programs and their parts into memories, in their turn, and only when there is room."""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.sim import Simulator

from zeroskip.compiler.program import Block, Part, Program
from zeroskip.gateware.array.loader import Loader, LoadError
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.program import Target

CONFIG = EngineConfig(lanes=3, vector=4, look=2, banks=16, map_words=64, list_words=64, instructions=64, out_words=32)
SETUP = {"map_base": 3, "map_words": 5, "result_words": 7}
PATIENCE = 60


def program_of(parts, lists=((1, 2, 3), (), (4,))):
    return Program(config=CONFIG, lists=lists, instructions=[[5], [6], [7]], tables={}, setup=SETUP, parts=parts,
                   incoming=None, leaving=None)


PARTS = (
    Part(blocks=[Block(target=Target.LIST, lane=0, address=10, words=[21, 22, 23], second=[31, 32, 33]),
                 Block(target=Target.LIST, lane=2, address=11, words=[41, 42])]),
    Part(blocks=[Block(target=Target.INSTRUCTION, lane=1, address=20, words=[51, 52])]),
)


class Loaded:
    """What became of packets: words by memory, lane and address; pulses; the last error; beats that were taken."""

    def __init__(self, packets, rooms=lambda ready: True):
        self.memories, self.starts, self.parts, self.taken, self.clears, self.clearing = {}, 0, 0, 0, 0, 0
        self.errors = []
        loader = Loader(config=CONFIG)
        simulator = Simulator(loader)
        simulator.add_clock(1e-6)
        beats = [(int.from_bytes(beat.tobytes(), "little"), number == len(packet) - 1)
                 for packet in packets for number, beat in enumerate(packet)]

        async def bench(ctx):
            quiet = 0
            while quiet < PATIENCE:
                offers = self.taken < len(beats)
                ctx.set(loader.i.valid, offers)
                if offers:
                    data, last = beats[self.taken]
                    ctx.set(loader.i.payload, {"data": data, "last": last})
                ctx.set(loader.part_room, rooms(self.parts))
                ready = ctx.get(loader.i.ready)
                self._watch(ctx, loader)
                await ctx.tick()
                quiet = 0 if offers and ready else quiet + 1
                self.taken += bool(offers and ready)

        simulator.add_testbench(bench)
        simulator.run()
        self.left = len(beats) - self.taken

    def _watch(self, ctx, loader):
        self.starts += ctx.get(loader.start)
        self.parts += ctx.get(loader.part_ready)
        clear = ctx.get(loader.clear)
        assert not (clear and ctx.get(loader.start)), "what is reset starts"
        self.clears += clear and not self.clearing
        self.clearing = clear
        for name in ("list", "instruction"):
            for lane in range(CONFIG.lanes if ctx.get(getattr(loader, name)) else 0):
                if ctx.get(loader.lane) >> lane & 1:
                    word = ctx.get(loader.odd_word if lane % 2 else loader.word)
                    self.memories[name, lane, ctx.get(loader.address)] = word
        error = LoadError(ctx.get(loader.error))
        if not self.errors or self.errors[-1] != error:
            self.errors.append(error)


def test_a_program_and_its_parts_come_into_their_memories():
    program = program_of(PARTS)
    found = Loaded([program.beats(), *program.part_beats(), *program.part_beats()])
    assert (found.starts, found.parts, found.clears, found.left) == (1, 4, 1, 0)
    assert found.errors == [LoadError.NONE]
    lists = {(0, 0): 1, (0, 1): 2, (0, 2): 3, (2, 0): 4, (0, 10): 21, (0, 11): 22, (0, 12): 23, (1, 10): 31,
             (1, 11): 32, (1, 12): 33, (2, 11): 41, (2, 12): 42}
    instructions = {(0, 0): 5, (1, 0): 6, (2, 0): 7, (1, 20): 51, (1, 21): 52}
    assert found.memories == {("list", *at): word for at, word in lists.items()} | {
        ("instruction", *at): word for at, word in instructions.items()}


@pytest.mark.parametrize("room", [0, 1, 2])
def test_parts_wait_behind_their_heads_until_there_is_room(room):
    program = program_of(PARTS)
    found = Loaded([program.beats(), *program.part_beats(), *program.part_beats()], rooms=lambda ready: ready < room)
    assert found.parts == room and found.starts == 1 and found.left > 0
    assert (("list", 0, 10) in found.memories) == (room > 0)
    assert (("instruction", 1, 20) in found.memories) == (room > 1)


def damaged(beats):
    """The same beats, with a bit of the words turned over."""
    found = beats.copy()
    found[2, 0] ^= 1
    return found


def other_program():
    return program_of(PARTS, lists=((9,), (9,), (9,)))


@pytest.mark.parametrize(("bad", "error"), [
    (lambda program: [damaged(program.part_beats()[0])], LoadError.CHECKSUM),
    (lambda program: [program.part_beats()[0][:-1]], LoadError.LENGTH),
    (lambda program: [program.part_beats()[0][:3]], LoadError.LENGTH),
    (lambda program: [np.concatenate([program.part_beats()[0]] * 2)], LoadError.LENGTH),
    (lambda program: [program.part_beats()[1]], LoadError.TURN),
    (lambda program: [replace(program, parts=(*PARTS, PARTS[0])).part_beats()[0]], LoadError.TURN),  # its tag differs
])
def test_a_bad_part_is_refused_and_can_be_sent_again(bad, error):
    program = program_of(PARTS)
    alone = Loaded([program.beats(), *bad(program)])
    assert alone.errors[-1] == error and alone.parts == 0 and alone.left == 0
    again = Loaded([program.beats(), *bad(program), *program.part_beats()])
    assert again.parts == 2 and again.errors[-1] == LoadError.NONE and again.left == 0


def test_a_part_that_says_where_maps_lie_is_refused():
    block = Block(target=Target.SETUP, lane=0, words=[1])
    program = program_of([Part(blocks=[block])])
    assert Loaded([program.beats(), *program.part_beats()]).errors[-1] == LoadError.BLOCK


def test_parts_before_a_program_or_behind_a_refused_one_are_refused():
    program = program_of(PARTS)
    assert Loaded(program.part_beats()[:1]).errors[-1] == LoadError.TURN
    found = Loaded([program.beats(), damaged(program.beats()), program.part_beats()[0]])
    assert found.errors[-1] == LoadError.TURN and found.starts == 1 and found.parts == 0


def test_the_next_program_begins_its_parts_anew():
    program = program_of(PARTS)
    found = Loaded([program.beats(), program.part_beats()[0], program.beats(), *program.part_beats()])
    assert (found.starts, found.parts, found.clears) == (2, 3, 2) and found.errors == [LoadError.NONE]
