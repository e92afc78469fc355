"""How much each lane has to do for each window: the data that the cycle model runs on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeroskip.plan import Plan
from zeroskip.wire import WORD_CHANNELS


@dataclass(frozen=True, eq=False)
class LaneWork:
    """Per block (image, row of blocks, block) and row of the window table.

    Attributes
    ----------
    wanted
        bool (blocks, table, groups): the group takes the window.
    row
        int64 (blocks, table): row of the map that the window reads, -1 where nobody takes it.
    cycles
        int64 (blocks, table, groups, lanes): list entries that the lane walks.
    untouched
        int64 (blocks, groups, lanes): filters of the lane that no entry of the block touches.
    """

    wanted: np.ndarray
    row: np.ndarray
    cycles: np.ndarray
    untouched: np.ndarray


def _channel_masks(plan: Plan, dy: int, dx: int, keep: np.ndarray, word: int) -> np.ndarray:
    """Channels worth visiting in the window at input (dy, dx) from each block: bool (blocks, 16).

    `keep` is bool (blocks, P): pixels that are output pixels.
    """
    data = plan.layer.input4
    images, _, height, width = data.shape
    (down, across), (block_rows, block_cols), pixels = plan.blocks, plan.block, plan.config.pixels
    sy, sx = plan.layer.stride
    y = np.arange(down) * block_rows * sy + dy
    x = (np.arange(across)[:, None] * block_cols + np.arange(pixels)) * sx + dx
    cut = np.zeros((images, WORD_CHANNELS, down, across, pixels), bool)
    own = data[:, word * WORD_CHANNELS : (word + 1) * WORD_CHANNELS]
    rows, cols = (y >= 0) & (y < height), (x >= 0) & (x < width)
    picked = own[:, :, np.clip(y, 0, height - 1)][:, :, :, np.clip(x, 0, width - 1)]
    if plan.skip_activations:
        cut[:, : own.shape[1]] = (picked != 0) & rows[:, None, None] & cols
    else:
        cut[:] = True
    flat = cut.transpose(0, 2, 3, 4, 1).reshape(-1, pixels, WORD_CHANNELS)
    return np.asarray((flat & keep[:, :, None] if plan.skip_activations else flat).any(axis=1))


def lane_work(plan: Plan) -> LaneWork:
    """Count the work of every lane for every window."""
    config, table = plan.config, plan.table
    groups, lanes, pixels = config.groups, config.lanes, config.pixels
    images, _, out_rows, out_cols = plan.layer.output_shape
    (down, across), (block_rows, block_cols) = plan.blocks, plan.block
    blocks = images * down * across
    row0 = np.tile(np.repeat(np.arange(down) * block_rows, across), images)
    col0 = np.tile(np.arange(across) * block_cols, images * down)
    places = [plan.arrangement.place(g) for g in range(groups)]
    pixel = [(col0 + place[2] * pixels)[:, None] + np.arange(pixels) < out_cols for place in places]
    active = np.stack([(row0 + place[1] < out_rows) & pixel[g][:, 0] for g, place in enumerate(places)], axis=1)
    counts = (plan.weights != 0).reshape(plan.arrangement.splits, lanes, *plan.weights.shape[1:])
    wanted = np.zeros((blocks, len(table), groups), bool)
    row = np.full((blocks, len(table)), -1, np.int64)
    cycles = np.zeros((blocks, len(table), groups, lanes), np.int64)
    touched = np.zeros((blocks, groups, lanes, plan.weights.shape[1]), np.int64)
    for t, window in enumerate(table):
        at_row, at_col = row0 + window.dy, col0 + window.dx
        inside = (at_row >= 0) & (at_row < plan.layout.rows) & (at_col + pixels > 0) & (at_col < plan.layout.cols)
        members = list(window.words)
        wanted[:, t, members] = inside[:, None] & active[:, members]
        row[:, t] = np.where(wanted[:, t].any(axis=1), at_row, -1)
        dy, dx, word = plan.layout.tap(window.offset, window.dy, window.dx)
        keep = pixel[members[0]]
        mask = _channel_masks(plan, dy, dx, keep, word).astype(np.float32)
        for g in members:
            own = counts[places[g][0], :, :, window.words[g]].reshape(-1, WORD_CHANNELS).astype(np.float32)
            visits = (mask * wanted[:, t, g, None] @ own.T).astype(np.int64).reshape(blocks, lanes, -1)
            cycles[:, t, g] = visits.sum(axis=2)
            touched[:, g] += visits
    return LaneWork(wanted, row, cycles, plan.filters.shape[1] - (touched > 0).sum(axis=3))
