"""From a layer to the zero-skip array's streams and back from its answer."""

from __future__ import annotations

import contextlib

import numpy as np

from zeroskip.arrangement import arrangements
from zeroskip.compiler.packed import PackError, Program
from zeroskip.compiler.dense.row_tiles import untile
from zeroskip.config import ArrayConfig
from zeroskip.cycle_model import lower_bound, predict
from zeroskip.lane_work import lane_work
from zeroskip.layer import Layer
from zeroskip.map_packing import map_beats
from zeroskip.plan import Plan, make_plan
from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.tilings import tilings
from zeroskip.wire import encode
from zeroskip.zero_skip_program import program_sections

TILINGS = 3
"""Ways to cut a layer that are tried on the cycle model."""


def plans(layer: Layer, config: ArrayConfig, *, skip_activations: bool) -> list[Plan]:
    """The plans worth trying: every arrangement, rows and columns exchanged or not; cut only where nothing else fits.

    Raises
    ------
    PackError
        None fits; the message is that of the first.
    """
    ways = [(turned, layer.transposed() if turned else layer, way) for turned in (False, True)
            for way in arrangements(config.groups, config.pixels)]
    found, refusal = [], None
    for turned, own, way in ways:
        try:
            found.append(make_plan(own, config, way, skip_activations=skip_activations, transposed=turned))
        except PackError as error:
            refusal = refusal or error
    cut = [] if found else sorted(((cost, at, tiling) for at, (_, own, way) in enumerate(ways)
                                   for cost, tiling in tilings(own, config, way)), key=lambda item: item[:2])
    for _, at, tiling in cut:
        turned, own, way = ways[at]
        with contextlib.suppress(PackError):
            found.append(make_plan(own, config, way, skip_activations=skip_activations, transposed=turned,
                                   tiling=tiling))
        if len(found) == TILINGS:
            break
    if not found:
        assert refusal is not None
        raise refusal
    return found


def best_plan(layer: Layer, config: ArrayConfig, *, skip_activations: bool) -> tuple[Plan, dict[str, int]]:
    """The plan that needs the fewest cycles by the model, with the model's figures.

    Raises
    ------
    PackError
        The layer does not fit.
    """
    found = plans(layer, config, skip_activations=skip_activations)
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
    """Pack for the zero-skip array, by the best plan."""
    plan, figures = best_plan(layer.as_convolution(), config, skip_activations=skip_activations)
    return Program(
        weights=encode(program_sections(plan)),
        map=map_beats(plan.layer, plan.layout),
        result_beats=plan.result_beats,
        decode=lambda beats: decode_result(plan, beats, linear=layer.is_linear),
        predicted=figures,
    )


def decode_result(plan: Plan, beats: np.ndarray, *, linear: bool) -> np.ndarray:
    """The layer's result from the answer's beats, uint8 (result_beats, 16); undoes the order of the wire format."""
    config, layer, grid = plan.config, plan.layer, plan.grid
    units, per_unit, tiles = config.output_units, config.groups // config.output_units, plan.tiling.filters
    by_unit = np.ascontiguousarray(beats.reshape(plan.unit_beats, units, BEAT_BYTES).transpose(1, 0, 2))
    kind = np.dtype("<i4") if layer.multiplier is None else np.dtype(layer.output_dtype)
    shape = plan.images, tiles, grid.count, per_unit, config.lanes, plan.lane_filters, config.pixels
    rows = by_unit.reshape(units, -1).view(kind)[:, : int(np.prod(shape))].reshape(units, *shape)
    rows = rows.transpose(1, 2, 3, 0, 4, 5, 6, 7).reshape(*shape[:3], config.groups, *shape[4:])
    rows = np.take_along_axis(rows, plan.exchange[:, None, :, :, None, None, None], axis=3)
    out = np.zeros(layer.output_shape, kind)
    filters = {own.tile: own.filters for own in plan.passes}
    for group in range(config.groups):
        split = plan.arrangement.place(group)[0]
        y, x, valid = grid.places(group)
        for tile, own in filters.items():
            for lane, numbers in enumerate(own[split * config.lanes : (split + 1) * config.lanes]):
                for index in np.flatnonzero(numbers >= 0):
                    out[:, numbers[index], y[valid], x[valid]] = rows[:, tile, :, group, lane, index][:, valid]
    whole = untile(out, plan.shape)
    if plan.transposed:
        whole = np.ascontiguousarray(whole.transpose(0, 1, 3, 2))
    return np.ascontiguousarray(whole[0, :, 0, :].T) if linear else whole
