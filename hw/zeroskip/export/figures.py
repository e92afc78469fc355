"""The figures of a compiled network: what lies where, who does what, and how long it takes; as JSON has them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from zeroskip.compiler.leaving import mode_of
from zeroskip.compiler.places import Placed, beside
from zeroskip.cycles.account import CLASSES
from zeroskip.export.compiled import Compiled
from zeroskip.export.disassembly import Share, shares
from zeroskip.spec.config_file import ConfigFile, document
from zeroskip.spec.words import Mode

FORMAT = "zerokeep-program"
SCHEMA = 1


def figures(compiled: Compiled, content: bytes, configuration: str | None) -> dict[str, Any]:
    """All of them.

    Parameters
    ----------
    compiled
        The network.
    content
        The program's file.
    configuration
        The configuration's name, if it has one.
    """
    config, program = compiled.config, compiled.program
    return {
        "format": FORMAT, "schema": SCHEMA, "name": compiled.name, "engine": compiled.engine,
        "configuration": document(ConfigFile(engine=config, name=configuration)), "multipliers": config.multipliers,
        "program": {"bytes": len(content), "beats": len(content) // config.banks, "beat_bytes": config.banks,
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "packets": [len(program.beats()), *map(len, program.part_beats())]},
        "cycles": _cycles(compiled), "memory": _memory(compiled), "input": _input(compiled),
        "result": _result(compiled), "host": list(compiled.host), "maps": maps(compiled), "steps": steps(compiled),
        "setup": dict(program.setup),
    }


def _cycles(compiled: Compiled) -> dict[str, Any]:
    timing = compiled.timing
    if timing is None:
        return {"load": compiled.decoded.head_to_start, "latency": None, "interval": None, "classes": None,
                "why": compiled.why}
    classes = compiled.step_cycles().sum(axis=(0, 1))
    return {"load": timing.run.load, "latency": timing.run.total, "interval": timing.interval,
            "classes": dict(zip(CLASSES, map(int, classes), strict=True)), "why": None}


def _memory(compiled: Compiled) -> dict[str, Any]:
    """What is used of each memory, and what there is."""
    config, program, places = compiled.config, compiled.program, _resident(compiled)
    touched = {word for place in places.values() for word in range(place.base, place.end)}
    tables = sum(len(words) for words in program.tables.values())
    return {
        "lists": {"words": [len(words) for words in program.lists], "of": config.list_words},
        "instructions": {"words": [len(words) + tables for words in program.instructions], "tables": tables,
                         "of": config.instructions},
        "map": {"most_at_a_time": max(_at(compiled, number) for number in range(len(compiled.builder.steps))),
                "touched": len(touched), "of": config.map_words},
    }


def _resident(compiled: Compiled) -> dict[str, Placed]:
    """The maps that lie in the memory: all but the one that leaves."""
    plan = compiled.builder.plan
    return {name: place for name, place in plan.maps.items() if name != compiled.builder.leaving}


def lifetimes(compiled: Compiled) -> dict[str, tuple[int, int]]:
    """For each map in the memory the step that makes it, -1 if it comes in, and the last one that reads it."""
    steps, found = compiled.builder.steps, {}
    for name in _resident(compiled):
        makers = [number for number, step in enumerate(steps) if step.out == name]
        readers = [number for number, step in enumerate(steps) if name in step.sources]
        found[name] = (min(makers, default=-1), max([*readers, *makers], default=-1))
    return found


def _at(compiled: Compiled, step: int) -> int:
    """Words of the map memory that are needed while a step runs."""
    lives, places = lifetimes(compiled), _resident(compiled)
    return len({word for name, (first, last) in lives.items() if first <= step <= last
                for word in range(places[name].base, places[name].end)})


def _input(compiled: Compiled) -> dict[str, Any]:
    """How an image lies in the beats that bring it."""
    incoming = compiled.program.incoming
    layout = incoming.layout
    return {"dtype": "int8" if incoming.signed else "uint8",
            "shape": [layout.channels, layout.rows, layout.columns], "beats": layout.words,
            "first_word": compiled.program.setup["map_base"], "lead": layout.lead, "channel": layout.channel,
            "plane": layout.plane, "pitch": layout.pitch, "phases": list(layout.phases),
            "free_after_step": compiled.builder.plan.released}


def _result(compiled: Compiled) -> dict[str, Any]:
    """How an answer lies in the words of its beats."""
    own = compiled.program.leaving
    return {"dtype": "int32" if own.raw else "int8" if own.signed else "uint8",
            "shape": [own.channels, own.rows, own.columns], "words": compiled.program.setup["result_words"],
            "words_of_a_channel": own.plane, "pitch": own.pitch}


def maps(compiled: Compiled) -> list[dict[str, Any]]:
    """Every map of the memory, in the order in which they are made."""
    steps, places, lives = compiled.builder.steps, _resident(compiled), lifetimes(compiled)
    signed = {step.out: step.result.signed for step in steps}
    found = []
    for name in sorted(places, key=lambda own: lives[own]):
        place, (made, last) = places[name], lives[name]
        layout = place.layout
        found.append({
            "name": name, "dtype": "int8" if signed.get(name, compiled.program.incoming.signed) else "uint8",
            "shape": [layout.channels, layout.rows, layout.columns], "first_word": place.base, "words": layout.words,
            "halves": list(place.in_halves(compiled.config.map_words // 2)), "lead": layout.lead,
            "channel": layout.channel, "plane": layout.plane, "pitch": layout.pitch, "phases": list(layout.phases),
            "margin": asdict(layout.margin), "made_by_step": None if made < 0 else made, "last_used_by_step": last,
            "shares_words_with": sorted(beside(name, places))})
    return found


def steps(compiled: Compiled) -> list[dict[str, Any]]:
    """Every step: what it is, what it reads and writes, what each lane does, and its cycles where they are known."""
    builder, begin, found = compiled.builder, 0, []
    by_lane = _planned(compiled) if compiled.program.parts else shares(compiled.decoded, len(builder.steps))
    for number, (step, built) in enumerate(zip(builder.steps, builder.built, strict=True)):
        layout = builder.plan.maps[step.out].layout
        entry: dict[str, Any] = {
            "number": number, "name": step.name, "mode": mode_of(step, layout).name.lower(),
            "does": _does(step, mode_of(step, layout)), "reads": list(step.sources), "writes": step.out,
            "filters": step.filters, "raster": [step.result.rows, step.result.columns], "pitch": built.pitch,
            "vectors_of_a_plane": built.out.vectors, "taps": sum(len(taps) for taps in step.taps),
            "lanes": [asdict(own) for own in by_lane[number]]}
        if compiled.timing is not None:
            classes = compiled.step_cycles()[number]
            cycles = int(classes.sum(axis=1).max())
            entry |= {"begin": begin, "cycles": cycles, "classes": _named(classes.sum(axis=0))}
            for lane, own in enumerate(entry["lanes"]):
                own["classes"] = _named(classes[lane])
            begin += cycles
        found.append(entry)
    return found


def _planned(compiled: Compiled) -> list[list[Share]]:
    """What each lane does in each step, ``[step][lane]``, as planned: a program in parts has it nowhere whole."""
    config, found = compiled.config, []
    for built in compiled.builder.built:
        entries = [len(taps) for taps in built.step.taps]
        own = []
        for jobs in built.jobs:
            filters = sorted({job.filter for job in jobs})
            words = sum(config.header_words + max(1, -(-entries[number] // config.look)) for number in filters)
            own.append(Share(
                jobs=len(jobs), vectors=sum(job.count for job in jobs), lists=len(filters), list_words=words,
                entries=sum(entries[number] for number in filters), filled=0,
                issued=sum(entries[job.filter] * job.count for job in jobs)))
        found.append(own)
    return found


def _named(classes: Sequence[int]) -> dict[str, int]:
    return {name: int(cycles) for name, cycles in zip(CLASSES, classes, strict=True)}


def _does(step: Any, mode: Mode) -> str:
    """What happens to the sums, in a few words."""
    parts = []
    if step.raw:
        parts.append("sums of 32 bits")
    if step.pooling is not None:
        parts.append(f"{'largest' if step.pooling.largest else 'first'} of {step.pooling.window} x "
                     f"{step.pooling.window}")
    if step.factor != (1, 1):
        parts.append(f"each result {step.factor[0]} x {step.factor[1]} times")
    elif step.across > 1:
        parts.append(f"{step.across} channels side by side")
    elif mode == Mode.SCATTER:
        parts.append("into phase planes")
    if step.table is not None:
        parts.append("through a table")
    if step.part_of is not None:
        parts.append(f"channels {step.part_of[0]}..{step.part_of[0] + step.filters - 1} of {step.part_of[1]}")
    return ", ".join(parts) or "codes in order"


def total(entries: Sequence[Mapping[str, int]], name: str) -> int:
    """The sum of a figure over lanes."""
    return sum(int(entry[name]) for entry in entries)
