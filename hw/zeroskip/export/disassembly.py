"""A lane's instructions as text, and what it does in each step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from zeroskip.cycles.decode import Decoded, arrays, headers
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import Mode, Op, configure, fill, job, step_parts, sync

FLAGS = {"input": "for a map", "release": "the map that came in is not needed any more",
         "last": "the answer is complete", "program": "for the next part of the program"}
"""What a barrier's flags mean."""


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """One instruction: its address, the step that it belongs to, what it is, and its fields.

    `step` is -1 before the first map has come.
    """

    address: int
    step: int
    op: Op
    fields: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Share:
    """What a lane does in a step.

    Parameters
    ----------
    jobs
        Instructions that run a list.
    vectors
        Vectors of all of them.
    lists
        Lists that are run, each counted once.
    list_words
        Words of these lists, headers included.
    entries
        Weights in them that are not zero.
    issued
        Entries that its jobs run through, vector by vector; looking ahead drops some.
    filled
        Words that are filled with zeros.
    """

    jobs: int
    vectors: int
    lists: int
    list_words: int
    entries: int
    issued: int
    filled: int


def instructions(config: EngineConfig, words: list[int]) -> Iterator[Instruction]:
    """The instructions of a lane up to the one that begins again; tables of codes may lie behind it."""
    step, started = -1, False
    forms = {Op.JOB: job(config), Op.SYNC: sync(config), Op.FILL: fill(config)}
    for address, word in enumerate(words):
        op = Op(word & 3)
        form = configure() if op == Op.CONFIGURE else forms[op]
        own = form.unpack(word & (1 << form.bits) - 1)
        if op == Op.CONFIGURE and own["part"] < len(step_parts(config)):
            own = {"part": own["part"], **step_parts(config)[own["part"]].unpack(own["value"])}
        yield Instruction(address=address, step=step, op=op, fields=own)
        if op == Op.SYNC:
            started |= bool(own["input"])
            step = own["step"] if started else -1
            if own["jump"]:
                return


def shares(decoded: Decoded, steps: int) -> list[list[Share]]:
    """What each lane does in each step, ``[step][lane]``."""
    found: list[list[Share]] = [[] for _ in range(steps)]
    wanted = arrays(decoded).wanted
    entries = np.array([[int(word).bit_count() for word in lane] for lane in wanted])
    for lane, words in enumerate(decoded.instructions):
        own = list(instructions(decoded.config, words))
        for step in range(steps):
            found[step].append(_share(decoded.config, [i for i in own if i.step == step], entries[lane]))
    return found


def _share(config: EngineConfig, own: list[Instruction], entries: np.ndarray) -> Share:
    jobs = [line.fields for line in own if line.op == Op.JOB]
    sizes: dict[int, int] = {fields["list"]: fields["words"] + 1 for fields in jobs}
    counted = {at: int(entries[at + config.header_words:at + config.header_words + words].sum())
               for at, words in sizes.items()}
    return Share(
        jobs=len(jobs), vectors=sum(fields["vectors"] + 1 for fields in jobs), lists=len(sizes),
        list_words=sum(sizes.values()) + len(sizes) * config.header_words, entries=sum(counted.values()),
        issued=sum(counted[fields["list"]] * (fields["vectors"] + 1) for fields in jobs),
        filled=sum(line.fields["count"] + 1 for line in own if line.op == Op.FILL))


def text(decoded: Decoded, lane: int, line: Instruction) -> str:
    """An instruction in words."""
    fields = line.fields
    if line.op == Op.JOB:
        return _job(decoded, lane, fields)
    if line.op == Op.FILL:
        return f"fill   zeros into {_span(fields['dest'], fields['count'] + 1, 'word')}"
    if line.op == Op.SYNC:
        waits = [meaning for name, meaning in FLAGS.items() if fields[name]]
        ends = f"go on at {fields['target']}" if fields["jump"] else f"then step {fields['step']}"
        return f"sync   wait for all lanes{''.join(f'; {own}' for own in waits)}; {ends}"
    named = [f"{name} {value}" for name, value in fields.items() if value and name not in ("part", "value", "mode")]
    if "mode" in fields:
        named.insert(0, f"mode {Mode(fields['mode']).name}")
    return f"config part {fields['part']}: {', '.join(named) or 'all fields 0'}"


def _job(decoded: Decoded, lane: int, fields: Mapping[str, int]) -> str:
    head = headers(decoded, lane, fields["list"])
    ends = "".join(f", {name}s" for name in ("resume", "hold") if head[name])
    vectors = _span(fields["first"], fields["vectors"] + 1, "vector")
    return (f"job    list at {fields['list']}, {fields['words'] + 1} words (bias {head['bias']}, times "
            f"{head['multiplier']} >> {head['shift']}{ends}); {vectors} "
            f"to position {fields['dest']}, column {fields['column']}{', ends the plane' if fields['final'] else ''}")


def _span(first: int, count: int, what: str) -> str:
    return f"{what} {first}" if count == 1 else f"{what}s {first}..{first + count - 1}"
