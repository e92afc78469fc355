"""From a layer to an engine's streams and back from its answer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from zeroskip.arrangement import Arrangement, arrangements, assign_filters
from zeroskip.config import ArrayConfig
from zeroskip.cycle_model import predict
from zeroskip.layer import Layer
from zeroskip.lists import compress, sections, words_of
from zeroskip.map_packing import MapLayout, layout, map_beats
from zeroskip.program_image import PackError, Program, check_accumulators, config_sections, need
from zeroskip.requant_rows import requant_rows
from zeroskip.window_table import Window, window_table, word_offset
from zeroskip.wire import BEAT_BYTES, Config, Mode, Section, SectionData, encode

ENGINES = ("dense", "gate", "skip-weights", "skip-both")
KINDS = {"dense": "dense", "gate": "dense-gate", "skip-weights": "zero-skip", "skip-both": "zero-skip"}
"""Which hardware runs an engine."""


def pack(layer: Layer, config: ArrayConfig, engine: str) -> Program:
    """Pack `layer` for one of `ENGINES`.

    Raises
    ------
    PackError
        The layer does not fit the configuration's memories, or could overflow its accumulators.
    ValueError
        No such engine.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine: found {engine!r}, expected one of {', '.join(ENGINES)}")
    check_accumulators(layer, config.acc_width)
    if KINDS[engine] != "zero-skip":
        from zeroskip.dense_packing import pack_dense

        return pack_dense(layer, config, gate=engine == "gate")
    return pack_zero_skip(layer, config, skip_activations=engine == "skip-both")


def as_convolution(layer: Layer) -> Layer:
    """A linear layer as a 1x1 convolution over one image, whose columns are the images; a convolution unchanged."""
    if not layer.is_linear:
        return layer
    return replace(layer, weight=layer.weight4, input=np.ascontiguousarray(layer.needed_input().T)[None, :, None, :])


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """How one convolution lies in the array: everything that the hardware and the cycle model must agree on.

    ``filters`` is int64 (splits * lanes, F): which filter is which lane's, -1 for none. ``weights`` is
    int8 (splits * lanes, F, words, 16).
    """

    layer: Layer
    config: ArrayConfig
    arrangement: Arrangement
    layout: MapLayout
    filters: np.ndarray
    weights: np.ndarray
    table: list[Window]
    skip_activations: bool

    @property
    def block(self) -> tuple[int, int]:
        """Output rows and columns of a block."""
        return self.arrangement.rows, self.arrangement.cols * self.config.pixels

    @property
    def blocks(self) -> tuple[int, int]:
        """Rows and columns of blocks in an image."""
        _, _, height, width = self.layer.output_shape
        return -(-height // self.block[0]), -(-width // self.block[1])

    @property
    def group_beats(self) -> int:
        """Beats that one group's results of one block fill."""
        rows = self.config.lanes * self.filters.shape[1]
        return -(-rows * self.config.pixels * (4 if self.layer.multiplier is None else 1) // BEAT_BYTES)

    @property
    def result_beats(self) -> int:
        """Beats of the whole answer."""
        return self.layer.output_shape[0] * self.blocks[0] * self.blocks[1] * self.config.groups * self.group_beats


def make_plan(layer: Layer, config: ArrayConfig, arrangement: Arrangement, *, skip_activations: bool) -> Plan:
    """Lay a convolution out for one arrangement.

    Raises
    ------
    PackError
        It does not fit.
    """
    lanes = arrangement.splits * config.lanes
    need("accumulators of a lane (filters)", -(-layer.filters // lanes), config.lane_filters)
    lay = layout(layer, config.map_positions, banks=config.pixels, aligned=False)
    words = words_of(layer)
    need("list memory (words of 16 channels times taps)", words.shape[1], config.words)
    filters = assign_filters(layer, lanes)
    weights = np.where((filters >= 0)[:, :, None, None], words[filters], 0).astype(np.int8)
    need("list memory (non-zero weights of one lane)", int((weights != 0).sum(axis=(1, 2, 3)).max()),
         config.list_entries)
    occupied = (weights != 0).any(axis=(1, 3)).reshape(arrangement.splits, config.lanes, -1).any(axis=1)
    table = window_table(layer, lay, arrangement, config.pixels, occupied)
    need("window table", len(table), config.windows)
    plan = Plan(layer=layer, config=config, arrangement=arrangement, layout=lay, filters=filters, weights=weights,
                table=table, skip_activations=skip_activations)
    config_sections(_registers(plan))  # refuses values that do not fit
    return plan


def best_plan(layer: Layer, config: ArrayConfig, *, skip_activations: bool) -> tuple[Plan, dict[str, int]]:
    """The arrangement that fits and needs the fewest cycles by the model, with the model's figures."""
    best, refusal = None, None
    for arrangement in arrangements(config.groups):
        try:
            plan = make_plan(layer, config, arrangement, skip_activations=skip_activations)
        except PackError as error:
            refusal = error
            continue
        figures = predict(plan)
        if best is None or figures["total"] < best[1]["total"]:
            best = plan, figures
    if best is None:
        assert refusal is not None
        raise refusal
    return best


def pack_zero_skip(layer: Layer, config: ArrayConfig, *, skip_activations: bool) -> Program:
    """Pack for the zero-skip array, in the best arrangement."""
    plan, figures = best_plan(as_convolution(layer), config, skip_activations=skip_activations)
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
    made = config_sections(_registers(plan))
    if plan.table:
        made.append(SectionData(Section.WINDOWS, 0, 0, np.stack([window.beat() for window in plan.table])))
    for split in range(plan.arrangement.splits):
        mask = sum(1 << g for g in range(config.groups) if place(g)[0] == split)
        own = plan.weights[split * config.lanes : (split + 1) * config.lanes]
        made += sections([compress(lane) for lane in own], mask)
    return made + _requant_sections(plan)


def _registers(plan: Plan) -> dict[int, int]:
    layer, config = plan.layer, plan.config
    _, _, height, width = layer.output_shape
    assert layer.clamp is not None
    mode = Mode.SKIP_ACTIVATIONS if plan.skip_activations else Mode(0)
    mode |= Mode.SIGNED_MAP if layer.needed_input().dtype == np.int8 else Mode(0)
    mode |= Mode.REQUANTISE if layer.multiplier is not None else Mode(0)
    values = plan.layout.config() | {
        Config.MODE: int(mode), Config.OUT_ROWS: height, Config.OUT_COLS: width,
        Config.BLOCK_ROWS: plan.block[0], Config.BLOCK_COLS: plan.block[1], Config.WINDOWS: len(plan.table),
        Config.FILTERS: plan.filters.shape[1], Config.CLAMP_LOW: layer.clamp[0], Config.CLAMP_HIGH: layer.clamp[1],
        Config.RESULT_BEATS: plan.result_beats, Config.BLOCK_PITCH: plan.block[0] * plan.layout.pitch,
    }
    for group in range(config.groups):
        _, row, col = plan.arrangement.place(group)
        values[Config.ROW_OFFSET + group] = row
        values[Config.COL_OFFSET + group] = col * config.pixels
        values[Config.WORD_OFFSET + group] = word_offset(layer, plan.layout.channel_words, config.pixels, row, col)
    return values


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
    down, across = plan.blocks
    kind = np.dtype("<i4") if layer.multiplier is None else np.dtype(layer.output_dtype)
    by_unit = beats.reshape(images, down, across, per_unit * plan.group_beats, units, BEAT_BYTES)
    by_group = by_unit.transpose(0, 1, 2, 4, 3, 5).reshape(images, down, across, config.groups, -1)
    per_lane = plan.filters.shape[1]
    used = config.lanes * per_lane * config.pixels * kind.itemsize
    rows = np.ascontiguousarray(by_group[..., :used]).view(kind)
    rows = rows.reshape(images, down, across, config.groups, config.lanes, per_lane, config.pixels)
    full_rows, full_cols = down * plan.block[0], across * plan.block[1]
    out = np.zeros((images, channels, full_rows, full_cols), kind)
    for group in range(config.groups):
        split, row, col = plan.arrangement.place(group)
        for lane in range(config.lanes):
            numbers = plan.filters[split * config.lanes + lane]
            own = rows[:, :, :, group, lane][:, :, :, numbers >= 0]  # images, down, across, filters, pixels
            for p in range(config.pixels):
                out[:, numbers[numbers >= 0], row :: plan.block[0], col * config.pixels + p :: plan.block[1]] = (
                    own[..., p].transpose(0, 3, 1, 2))
    result = np.ascontiguousarray(out[:, :, :height, :width])
    return np.ascontiguousarray(result[0, :, 0, :].T) if linear else result
