"""From a plan to the program stream of the zero-skip array."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zeroskip.drain import PARAMETER_SETS, params_rows
from zeroskip.lists import compress, list_sections
from zeroskip.plan import PassPlan, Plan, registers
from zeroskip.program_image import config_sections
from zeroskip.requant_rows import requant_rows
from zeroskip.wire import BEAT_BYTES, Section, SectionData


def program_sections(plan: Plan) -> list[SectionData]:
    """The sections of a plan's program, END left out."""
    return [*config_sections(registers(plan)), *(section for step in pass_sections(plan) for section in step)]


def pass_beats(plan: Plan) -> list[int]:
    """Beats of the program for each pass that runs, headers and tables that it has to wait for included."""
    return [sum(1 + len(section.rows) for section in step) for step in pass_sections(plan)]


def pass_sections(plan: Plan) -> list[list[SectionData]]:
    """What goes over the stream for each pass that runs, its ``PASS`` last.

    Tables of passes lie in the two halves of the memories in turn, one alone where it likes. What lies in its place
    already is not sent again.
    """
    held: dict[int, int] = {}
    sets: dict[int, int] = {}
    made, tile = [], 0
    tables = [_tables(plan, own, half) for half in range(min(2, len(plan.passes))) for own in plan.passes]
    for step, (image, number) in enumerate(plan.steps):
        own, half = plan.passes[number], step % 2 if len(plan.passes) > 1 else 0
        sections = []
        if held.get(half) != number:
            sections += tables[half * len(plan.passes) + number]
            held[half] = number
        if own.final:
            where = tile % PARAMETER_SETS if plan.tiling.filters > 1 else 0
            if sets.get(where) != own.tile:
                sections += _requant_sections(plan, own, where * params_rows(plan.config))
                sets[where] = own.tile
            tile += 1
        made.append([*sections, _pass_section(plan, number, half, image)])
    return made


def _tables(plan: Plan, own: PassPlan, half: int) -> list[SectionData]:
    """Windows and lists of a pass, for one half of the memories."""
    config, place = plan.config, plan.arrangement.place
    word, entry, first = (half * size // 2 for size in (config.words, config.list_entries, config.windows))
    made = []
    if own.table:
        rows = np.stack([replace(window, word=window.word + word).beat() for window in own.table])
        made.append(SectionData(Section.WINDOWS, 0, first, rows))
    splits = range(plan.arrangement.splits)
    lists = [[compress(lane) for lane in own.weights[split * config.lanes : (split + 1) * config.lanes]]
             for split in splits]
    masks = [sum(1 << g for g in range(config.groups) if place(g)[0] == split) for split in splits]
    return made + list_sections(lists, masks, config, word=word, entry=entry)


def _pass_section(plan: Plan, number: int, half: int, image: int | None) -> SectionData:
    own, joins = plan.passes[number], plan.joined and not plan.passes[number].final
    flags = own.fresh | own.final << 1 | (number == len(plan.passes) - 1) << 2 | joins << 3
    flags |= plan.image_rows[image or 0] << 4
    row = np.zeros((1, BEAT_BYTES), np.uint8)
    values = [half * plan.config.windows // 2, len(own.table), plan.images if image is None else 1, flags]
    row[0, :8] = np.array(values, "<u2").view(np.uint8)
    return SectionData(Section.PASS, 0, 0, row)


def _requant_sections(plan: Plan, own: PassPlan, first: int) -> list[SectionData]:
    """Parameters from row `first` on, at (group of the unit * lanes + lane) * 16 + filter, for masks of units."""
    config = plan.config
    per_unit = config.groups // config.output_units
    made = []
    for unit in range(config.output_units):
        for inner in range(per_unit):
            split = plan.arrangement.place(unit * per_unit + inner)[0]
            for lane in range(config.lanes):
                rows = requant_rows(plan.layer, own.filters[split * config.lanes + lane])
                made.append(SectionData(Section.REQUANT, 1 << unit, first + (inner * config.lanes + lane) * 16, rows))
    merged: dict[tuple[int, bytes], SectionData] = {}
    for section in made:  # units that hold the same rows share one section
        key = (section.address, section.rows.tobytes())
        known = merged.get(key)
        merged[key] = replace(section, mask=section.mask | (known.mask if known else 0))
    return list(merged.values())
