"""Steps to a program: lists, jobs, instructions."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zeroskip.compiler.code import Code, Instruction, ListJob, Stretch
from zeroskip.compiler.jobs import Job, cut, load
from zeroskip.compiler.leaving import RAW_BYTES, WayOut, mode_of, way_out, zeros_around
from zeroskip.compiler.lists import ListMaker
from zeroskip.compiler.memories import Memories, at_once
from zeroskip.compiler.parts import in_parts
from zeroskip.compiler.places import Placed, PlanError
from zeroskip.compiler.plan import Plan, plan
from zeroskip.compiler.program import Incoming, Leaving, Program
from zeroskip.compiler.steps import Map, Step
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import VECTOR_COUNT_BITS, Kind, Mode, Op, configure, fill, step_parts

MOST_VECTORS = 1 << VECTOR_COUNT_BITS
BEHIND = 2
"""Words behind a map that its readers' last vectors may reach: they begin in the map, anywhere in a word."""
TABLE_WORDS = 64
"""Words of a lane's instruction memory that a table takes: four codes each."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BuiltStep:
    """What became of a step: its way out, and the jobs of each lane."""

    step: Step
    pitch: int
    out: WayOut
    jobs: Sequence[Sequence[Job]]


class Builder:
    """Collects the instructions of all lanes, and their lists.

    Parameters
    ----------
    config, made, steps, leaving
        The engine, where maps lie, the steps, and the name of the map that goes out.
    signed
        Whether the codes of each map are signed.
    look
        Whether the array looks ahead.
    whole
        Filters stay whole where that costs little: lists are in fewer lanes.

    `cycles` are those of all steps, about: of the lists, or of the way out where it takes longer.
    """

    def __init__(self, config: EngineConfig, made: Plan, steps: Sequence[Step], leaving: str,
                 signed: Mapping[str, bool], *, look: bool, whole: bool = False) -> None:
        self.config, self.plan, self.steps, self.leaving, self.look = config, made, steps, leaving, look
        self.lists, self.whole = ListMaker(config, made.maps, signed), whole
        self.instructions: list[list[Instruction]] = [[] for _ in range(config.lanes)]
        self.stretches: list[Stretch] = []
        self.tables: dict[int, Sequence[int]] = {}
        self.built: list[BuiltStep] = []
        self.cycles = 0
        self._words = [0] * config.lanes  # of lists, about

    def all(self, word: int) -> None:
        """An instruction for every lane."""
        for own in self.instructions:
            own.append(word)

    def build(self, incoming: Sequence[str]) -> Code:
        """The zeros that stay, then the instructions of all steps, for every map again."""
        released = self.plan.released
        self._zeros(incoming)
        once = [[own for own in lane if isinstance(own, int)] for lane in self._taken()]
        flags: Mapping[str, int] = {"input": 1}
        for number, step in enumerate(self.steps):
            if number:
                self.barrier(flags)
                flags = {"release": int(number == released + 1), "step": number}
            flags = self._step(number, step, flags)
        self.barrier(flags)
        if released == len(self.steps) - 1:  # the next map can only come in when this one is not needed any more
            self.barrier({"release": 1, "step": len(self.steps)})
        tables = {base * TABLE_WORDS: words for base, words in self.tables.items()}
        return Code(once=once, stretches=self.stretches, tables=tables)

    def _taken(self) -> list[list[Instruction]]:
        """The instructions since the last barrier, which are new for the next one."""
        taken, self.instructions = self.instructions, [[] for _ in range(self.config.lanes)]
        return taken

    def barrier(self, flags: Mapping[str, int]) -> None:
        """What the lanes have been given begins with a barrier of these flags, and is complete."""
        self.stretches.append(Stretch(flags=flags, lanes=self._taken()))

    def _zeros(self, incoming: Sequence[str]) -> None:
        """Zeros into the whole of the maps that keep their place, each lane its share; the host sends the others'.

        And behind each map: a vector may end there, and what a program before has left would count, although in no
        result.
        """
        config = self.config
        words: set[int] = set()
        for name, place in self.plan.maps.items():
            if name not in incoming and name != self.leaving and self.plan.kept[name]:
                words |= set(range(place.base, place.end))
            if name != self.leaving:
                words |= {word % config.map_words for word in range(place.end, place.end + BEHIND)}
        shares = [part for part in np.array_split(np.array(sorted(words), int), config.lanes)]
        found = [list(_runs(part)) for part in shares]
        for lane, own in enumerate(self.instructions):
            for begin, count in found[lane]:
                own.append(fill(config).pack(op=Op.FILL, dest=begin, count=count - 1))
        self._level()

    def _level(self) -> None:
        """Lanes with fewer instructions configure a part that there is not; so all begin the loop alike."""
        longest = max(len(own) for own in self.instructions)
        for own in self.instructions:
            while len(own) < longest:
                own.append(configure().pack(op=Op.CONFIGURE, part=len(step_parts(self.config))))

    def _step(self, number: int, step: Step, flags: Mapping[str, int]) -> Mapping[str, int]:
        """The instructions of a step, behind a barrier of these flags; those of the last barrier before its jobs."""
        config, pitch, placed = self.config, self.plan.pitches[number], self.plan.maps[step.out]
        stream = step.out == self.leaving
        pads = not stream and not self.plan.kept[step.out]
        out = way_out(config, step, pitch, placed.layout, stream=stream, pads=pads)
        words = step.filters * out.plane_words
        if stream and words > config.map_words:
            raise PlanError(f"the result of step {step.name!r} takes {words} words, at most {config.map_words} can be "
                            "numbered (map_words)")
        compares = any((taps.kind >= Kind.COMPARE).any() for taps in step.taps)
        gains = self.config.vector == 1 or _may_gain(self.config, step, out)
        look = self.look and not compares and gains
        fields = {**out.fields, "look": int(look), "table_base": self._table(step)}
        for part, own in enumerate(step_parts(config)):
            value = own.pack(**{name: fields[name] & (1 << own.widths[name]) - 1 if name not in own.signed else
                                fields[name] for name in own.widths})
            self.all(configure().pack(op=Op.CONFIGURE, part=part, value=value))
        if pads:
            if self._pads(step, pitch, placed, out):
                self.barrier(flags)
                flags = {"step": number}
        costs = [out.cycles(len(taps)) for taps in step.taps]
        shares = self._dealt(step, cut(costs, out.cuts, config.lanes, whole=self.whole))
        self.cycles += max(load(jobs, costs) for jobs in shares) * step.factor[0] * step.factor[1]
        self.built.append(BuiltStep(step=step, pitch=pitch, out=out, jobs=shares))
        for lane, jobs in enumerate(shares):
            for own_job in jobs:
                self._jobs(lane, step, placed, out, pitch, own_job)
        return flags

    def _dealt(self, step: Step, shares: Sequence[Sequence[Job]]) -> list[Sequence[Job]]:
        """Which share each lane gets: the one with the longest lists the lane whose list memory is the emptiest."""
        config = self.config
        words = [sum(config.header_words + -(-len(step.taps[number]) // config.look)
                     for number in {job.filter for job in jobs}) for jobs in shares]
        dealt: list[Sequence[Job]] = [()] * config.lanes
        for lane, share in zip(np.argsort(self._words, kind="stable"), np.argsort(words, kind="stable")[::-1],
                               strict=True):
            dealt[lane] = shares[share]
            self._words[lane] += words[share]
        return dealt

    def _pads(self, step: Step, pitch: int, placed: Placed, out: WayOut) -> bool:
        """Zeros around the planes of a map whose place others use, too; whether values share words with them."""
        layout, banks = placed.layout, self.config.banks
        first = step.part_of[0] if step.part_of else 0
        words = set(range(placed.base, placed.base + layout.lead // banks)) if first == 0 else set()
        gaps, shared = zeros_around(self.config, step, pitch, layout, out)
        for channel in range(first, first + step.filters // step.across):
            words |= set((gaps + (placed.origin + channel * layout.channel) // banks).tolist())
        for lane, part in enumerate(np.array_split(np.array(sorted(words), int), self.config.lanes)):
            for begin, count in _runs(part):
                self.instructions[lane].append(fill(self.config).pack(op=Op.FILL, dest=begin, count=count - 1))
        return shared

    def _table(self, step: Step) -> int:
        """Where the table of a step lies: at the end of the instructions, in pieces of `TABLE_WORDS`."""
        if step.table is None:
            return 0
        codes = [int(code) for code in step.table]
        words = [sum(codes[at + k] << 8 * k for k in range(4)) for at in range(0, len(codes), 4)]
        for base, known in self.tables.items():
            if list(known) == words:
                return base
        base = self.config.instructions // TABLE_WORDS - 1 - len(self.tables)
        if base < 1:
            raise PlanError(f"step {step.name!r} needs a table, the instructions have no room for another one")
        self.tables[base] = words
        return base

    def _jobs(self, lane: int, step: Step, placed: Placed, out: WayOut, pitch: int, own: Job) -> None:
        config, layout = self.config, placed.layout
        channel = own.filter // step.across + (step.part_of[0] if step.part_of else 0)
        weights, vector = self.lists.list_of(step, own.filter)
        cost = out.cycles(len(step.taps[own.filter]))
        for first, count in self._runs_of(own, out, len(weights)):
            place = first * config.vector
            for dy, dx in step.spots(own.filter):
                if step.out == self.leaving:
                    dest = own.filter * out.plane_words * config.banks + _made(step, place, pitch)
                elif mode_of(step, layout) == Mode.SCATTER:
                    row, column = place // pitch * step.spread[0] + dy, place % pitch * step.spread[1] + dx
                    dest = placed.origin + int(layout.position(channel, row, column))
                else:
                    dest = placed.origin + channel * layout.channel + _made(step, place, pitch)
                fields = {"vectors": count - 1, "dest": dest, "column": place % pitch,
                          "first": (vector + first) % (config.positions // config.vector),
                          "final": int(first + count == out.vectors)}
                self.instructions[lane].append(ListJob(fields=fields, list=weights, cycles=cost * count))

    def _runs_of(self, own: Job, out: WayOut, words: int) -> list[tuple[int, int]]:
        """First vectors and counts of a job's instructions: of few vectors where its list fits no memory."""
        end = own.first + own.count
        cuts = {*range(own.first, end, MOST_VECTORS), end}
        if words > self.config.list_words:
            cuts |= {int(at) for at in out.cuts if own.first < at < end}
        places = sorted(cuts)
        return [(first, after - first) for first, after in itertools.pairwise(places)]


def _may_gain(config: EngineConfig, step: Step, out: WayOut) -> bool:
    """Whether looking ahead could save anything of a step, if everything were zero.

    It takes a cycle for each word of a list, and each word that any lane writes takes a cycle of all. Where that, or
    the way out, takes as long as the lists, looking can only lose.
    """
    entries = np.array([len(taps) for taps in step.taps])
    looks = -(-entries // config.look) + config.lanes * out.written
    now, least = np.maximum(entries, out.least), np.maximum(looks, out.least)
    return bool(least.sum() < now.sum())


def _made(step: Step, place: int, pitch: int) -> int:
    """Bytes of results before a position of the raster."""
    if step.pooling is not None:
        return step.pooling.squares(place, pitch)
    return place * RAW_BYTES if step.raw else place


def _runs(words: np.ndarray) -> list[tuple[int, int]]:
    """Words one after the other: the first one of each run, and how many; at most as many as an instruction fills."""
    found: list[tuple[int, int]] = []
    for word in words:
        begin, count = found[-1] if found else (0, MOST_VECTORS)
        if count < MOST_VECTORS and word == begin + count:
            found[-1] = (begin, count + 1)
        else:
            found.append((int(word), 1))
    return found


def build(config: EngineConfig, incoming: Mapping[str, Map], steps: Sequence[Step], leaving: str, *, look: bool,
          parts: bool = False) -> tuple[Program, Builder]:
    """A program of the steps: `incoming` comes in, the map `leaving` goes out.

    With `parts` it may be one whose lists and instructions come in parts, where they do not fit at once.

    Raises
    ------
    PlanError
        It does not fit.
    """
    made = plan(config, incoming, steps, leaving)
    signed = {name: own.signed for name, own in incoming.items()} | {s.out: s.result.signed for s in steps}
    builder = Builder(config, made, steps, leaving, signed, look=look)
    memories = at_once(config, builder.build(list(incoming)))
    if not isinstance(memories, Memories):
        builder = Builder(config, made, steps, leaving, signed, look=look, whole=True)
        code = builder.build(list(incoming))
        fits = at_once(config, code)
        if not isinstance(fits, Memories) and not parts:
            raise memories
        memories = fits if isinstance(fits, Memories) else in_parts(config, code)
    (source,) = incoming
    last = next(own for own in builder.built if own.step.out == leaving)
    placed, left = made.maps[source], last.step.written
    plane = last.out.plane_words
    setup = {"map_base": placed.base, "map_words": placed.layout.words, "result_words": last.step.filters * plane}
    pitch = last.pitch // (last.step.pooling.window if last.step.pooling is not None else 1)
    program = Program(config=config, lists=memories.lists, instructions=memories.instructions,
                      tables=memories.tables, setup=setup, parts=memories.parts,
                      incoming=Incoming(layout=placed.layout, signed=signed[source]),
                      leaving=Leaving(channels=left.channels, rows=left.rows, columns=left.columns, pitch=pitch,
                                      plane=plane, signed=left.signed, raw=last.step.raw))
    return program, builder
