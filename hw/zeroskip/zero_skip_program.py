"""From a plan to the program stream of the zero-skip array."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from zeroskip.drain import PARAMETER_SETS, params_rows
from zeroskip.lists import compress, list_sections, shared
from zeroskip.plan import PassPlan, Plan, registers
from zeroskip.program_image import config_sections
from zeroskip.requant_rows import requant_rows
from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.wire import Section, SectionData


def program_sections(plan: Plan) -> list[SectionData]:
    """The sections of a plan's program, END left out."""
    return [*config_sections(registers(plan)), *(section for step in pass_sections(plan) for section in step)]


def pass_beats(plan: Plan) -> list[int]:
    """Beats of the program for each pass that runs, headers and tables that it has to wait for included."""
    tables = [_table_beats(plan, own) for own in plan.passes]
    sets = {own.tile: sum(1 + len(section.rows) for section in _requant_sections(plan, own, 0))
            for own in plan.passes if own.final}
    return [(tables[number] if load else 0) + (sets[plan.passes[number].tile] if where is not None else 0) + 4
            for _, number, _, load, where in _schedule(plan)]


def pass_sections(plan: Plan) -> list[list[SectionData]]:
    """What goes over the stream for each pass that runs, its ``FEED`` first and its ``PASS`` last."""
    made = []
    tables = [_tables(plan, own, half) for half in range(min(2, len(plan.passes))) for own in plan.passes]
    for image, number, half, load, where in _schedule(plan):
        sections = [_feed_section(plan, number, image)]
        sections += tables[half * len(plan.passes) + number] if load else []
        if where is not None:
            sections += _requant_sections(plan, plan.passes[number], where * params_rows(plan.config))
        made.append([*sections, _pass_section(plan, number, half, image)])
    return made


def _schedule(plan: Plan) -> Iterator[tuple[int | None, int, int, bool, int | None]]:
    """The passes as they run: image, number, half of the memories, and what has to be loaded for it.

    Tables of passes lie in the two halves of the memories in turn, one alone where it likes. What lies in its place
    already is not sent again: whether the tables are, and in which set the filters' parameters go, if they do.
    """
    held: dict[int, int] = {}
    sets: dict[int, int] = {}
    tile = 0
    for step, (image, number) in enumerate(plan.steps):
        own, half = plan.passes[number], step % 2 if len(plan.passes) > 1 else 0
        load, held[half] = held.get(half) != number, number
        where = None
        if own.final:
            place = tile % PARAMETER_SETS if plan.tiling.filters > 1 else 0
            if sets.get(place) != own.tile:
                where, sets[place] = place, own.tile
            tile += 1
        yield image, number, half, load, where


def _table_beats(plan: Plan, own: PassPlan) -> int:
    """Beats of ``_tables``."""
    entries = [int(np.count_nonzero(lane)) + own.weights.shape[2] for lane in own.weights]
    lanes = plan.config.lanes
    longest = [max(entries[first : first + lanes]) for first in range(0, len(entries), lanes)]
    lists = [1 + max(longest[split] for split in own if split is not None)
             for own in shared(_split_masks(plan), plan.config)]
    return sum(lists) + (1 + len(own.table) if own.table else 0)


def _tables(plan: Plan, own: PassPlan, half: int) -> list[SectionData]:
    """Windows and lists of a pass, for one half of the memories."""
    config = plan.config
    word, entry, first = (half * size // 2 for size in (config.words, config.list_entries, config.windows))
    made = []
    if own.table:
        rows = np.stack([replace(window, word=window.word + word).beat() for window in own.table])
        made.append(SectionData(Section.WINDOWS, 0, first, rows))
    lists = [[compress(lane) for lane in own.weights[split * config.lanes : (split + 1) * config.lanes]]
             for split in range(plan.arrangement.splits)]
    return made + list_sections(lists, _split_masks(plan), config, word=word, entry=entry)


def _split_masks(plan: Plan) -> list[int]:
    """The groups of each split."""
    return [sum(1 << group for group in range(plan.config.groups) if plan.arrangement.place(group)[0] == split)
            for split in range(plan.arrangement.splits)]


def _feed_section(plan: Plan, number: int, image: int | None) -> SectionData:
    """What of the map the pass works on: first of all, so that it is copied while tables travel."""
    first_word, planes, first_position = plan.planes(number)
    return _row(Section.FEED, [plan.images if image is None else 1, planes, first_position, first_word,
                               number == len(plan.passes) - 1])


def _pass_section(plan: Plan, number: int, half: int, image: int | None) -> SectionData:
    own, joins = plan.passes[number], plan.joined and not plan.passes[number].final
    flags = own.fresh | own.final << 1 | joins << 2 | plan.image_rows[image or 0] << 3
    return _row(Section.PASS, [half * plan.config.windows // 2, len(own.table), plan.images if image is None else 1,
                               flags])


def _row(kind: Section, values: list[int]) -> SectionData:
    """A section of one row of 16-bit numbers."""
    row = np.zeros((1, BEAT_BYTES), np.uint8)
    row[0, : 2 * len(values)] = np.array(values, "<u2").view(np.uint8)
    return SectionData(kind, 0, 0, row)


def _requant_sections(plan: Plan, own: PassPlan, first: int) -> list[SectionData]:
    """Parameters from row `first` on, at (group of the unit * lanes + lane) * 16 + filter, for masks of units."""
    config = plan.config
    per_unit = config.groups // config.output_units
    masks: dict[tuple[int, bytes], int] = {}
    every = requant_rows(plan.layer, own.filters.ravel()).reshape(*own.filters.shape, BEAT_BYTES)
    for unit in range(config.output_units):
        for inner in range(per_unit):
            split = plan.arrangement.place(unit * per_unit + inner)[0]
            for lane in range(config.lanes):
                rows = every[split * config.lanes + lane]
                key = first + (inner * config.lanes + lane) * 16, rows.tobytes()
                masks[key] = masks.get(key, 0) | 1 << unit  # units that hold the same rows share one section
    return [SectionData(Section.REQUANT, mask, address, np.frombuffer(rows, np.uint8).reshape(-1, BEAT_BYTES))
            for (address, rows), mask in masks.items()]
