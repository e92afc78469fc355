"""From a layer to the zero-skip array's streams and back from its answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zeroskip.arrangement import arrangements
from zeroskip.config import ArrayConfig
from zeroskip.cycle_model import lower_bound, predict
from zeroskip.lane_work import lane_work
from zeroskip.layer import Layer
from zeroskip.lists import compress, sections
from zeroskip.map_packing import map_beats
from zeroskip.plan import Plan, make_plan, registers
from zeroskip.program_image import PackError, Program, config_sections
from zeroskip.requant_rows import requant_rows
from zeroskip.wire import BEAT_BYTES, Section, SectionData, encode


def best_plan(layer: Layer, config: ArrayConfig, *, skip_activations: bool) -> tuple[Plan, dict[str, int]]:
    """The arrangement that fits and needs the fewest cycles by the model, with the model's figures."""
    found, refusal = [], None
    for transposed in (False, True):
        turned = layer.transposed() if transposed else layer
        for arrangement in arrangements(config.groups, config.pixels):
            try:
                found.append(make_plan(turned, config, arrangement, skip_activations=skip_activations,
                                       transposed=transposed))
            except PackError as error:
                refusal = refusal or error
    if not found:
        assert refusal is not None
        raise refusal
    work = [lane_work(plan) for plan in found]
    bounds = [lower_bound(plan, own) for plan, own in zip(found, work, strict=True)]
    best: tuple[Plan, dict[str, int]] | None = None
    for at in np.argsort(bounds, kind="stable"):
        if best is not None and bounds[at] >= best[1]["total"]:
            break
        figures = predict(found[at], work[at])
        if best is None or figures["total"] < best[1]["total"]:
            best = found[at], figures
    assert best is not None
    return best


def pack_zero_skip(layer: Layer, config: ArrayConfig, *, skip_activations: bool) -> Program:
    """Pack for the zero-skip array, in the best arrangement."""
    plan, figures = best_plan(layer.as_convolution(), config, skip_activations=skip_activations)
    return Program(
        weights=encode(program_sections(plan)),
        map=map_beats(plan.layer, plan.layout),
        result_beats=plan.result_beats,
        decode=lambda beats: decode_result(plan, beats, linear=layer.is_linear),
        predicted=figures,
    )


def program_sections(plan: Plan) -> list[SectionData]:
    """The sections of a plan's program, END left out."""
    config, place = plan.config, plan.arrangement.place
    made = config_sections(registers(plan))
    if plan.table:
        made.append(SectionData(Section.WINDOWS, 0, 0, np.stack([window.beat() for window in plan.table])))
    for split in range(plan.arrangement.splits):
        mask = sum(1 << g for g in range(config.groups) if place(g)[0] == split)
        own = plan.weights[split * config.lanes : (split + 1) * config.lanes]
        made += sections([compress(lane) for lane in own], mask)
    return made + _requant_sections(plan)


def _requant_sections(plan: Plan) -> list[SectionData]:
    """Parameters at (group of the unit * lanes + lane) * 16 + filter, for the units of the mask."""
    config = plan.config
    per_unit = config.groups // config.output_units
    made = []
    for unit in range(config.output_units):
        for inner in range(per_unit):
            split = plan.arrangement.place(unit * per_unit + inner)[0]
            for lane in range(config.lanes):
                rows = requant_rows(plan.layer, plan.filters[split * config.lanes + lane])
                made.append(SectionData(Section.REQUANT, 1 << unit, (inner * config.lanes + lane) * 16, rows))
    merged: dict[tuple[int, bytes], SectionData] = {}
    for section in made:  # units that hold the same rows share one section
        key = (section.address, section.rows.tobytes())
        known = merged.get(key)
        merged[key] = replace(section, mask=section.mask | (known.mask if known else 0))
    return list(merged.values())


def decode_result(plan: Plan, beats: np.ndarray, *, linear: bool) -> np.ndarray:
    """The layer's result from the answer's beats, uint8 (result_beats, 16); undoes the order of the wire format."""
    config, layer = plan.config, plan.layer
    images, channels, height, width = layer.output_shape
    units, per_unit = config.output_units, config.groups // config.output_units
    kind = np.dtype("<i4") if layer.multiplier is None else np.dtype(layer.output_dtype)
    by_unit = np.ascontiguousarray(beats.reshape(plan.unit_beats, units, BEAT_BYTES).transpose(1, 0, 2))
    per_lane = plan.filters.shape[1]
    shape = plan.blocks, per_unit, config.lanes, per_lane, config.pixels
    rows = by_unit.reshape(units, -1).view(kind)[:, : int(np.prod(shape))].reshape(units, *shape)
    rows = rows.transpose(1, 0, 2, 3, 4, 5).reshape(plan.blocks, config.groups, *shape[2:])
    rows = np.take_along_axis(rows, plan.grid.exchange(images)[:, :, None, None, None], axis=1)
    rows = rows.reshape(images, plan.grid.count, *rows.shape[1:])
    out = np.zeros((images, channels, height, width), kind)
    for group in range(config.groups):
        split, _, _ = plan.arrangement.place(group)
        y, x, valid = plan.grid.places(group)
        for lane in range(config.lanes):
            numbers = plan.filters[split * config.lanes + lane]
            own = rows[:, :, group, lane].transpose(0, 2, 1, 3)  # images, filters, blocks, pixels
            for index in np.flatnonzero(numbers >= 0):
                out[:, numbers[index], y[valid], x[valid]] = own[:, index][:, valid]
    if plan.transposed:
        out = np.ascontiguousarray(out.transpose(0, 1, 3, 2))
    return np.ascontiguousarray(out[0, :, 0, :].T) if linear else out
