"""How much each lane has to do for each window: the data that the cycle model runs on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeroskip.plan import PassPlan, Plan
from zeroskip.wire import WORD_CHANNELS


@dataclass(frozen=True, eq=False)
class LaneWork:
    """Of a pass over all images: per block (image, block) and row of its window table; groups as in the hardware.

    Attributes
    ----------
    wanted
        bool (blocks, table, groups): the group takes the window.
    row
        int64 (blocks, table): last row of the map that the window reads, -1 where nobody takes it.
    cycles
        int64 (blocks, table, groups, lanes): list entries that the lane walks.
    untouched
        int64 (blocks, groups, lanes): filters of the lane that no entry of the block touches.
    """

    wanted: np.ndarray
    row: np.ndarray
    cycles: np.ndarray
    untouched: np.ndarray


class _Activations:
    """The layer's non-zero activations, looked up by pixel of the result and word."""

    def __init__(self, plan: Plan) -> None:
        layer, lay = plan.layer, plan.layout
        self.plan = plan
        images, channels, height, width = layer.input4.shape
        sy, sx = layer.stride
        shape = lay.rows * sy, lay.cols * sx, images, lay.channel_words * WORD_CHANNELS
        self.flags = np.zeros(shape, bool)
        self.flags[:height, :width, :, :channels] = (layer.input4 != 0).transpose(2, 3, 0, 1)

    def look_up(self, own: PassPlan, word: int, images: np.ndarray, y: np.ndarray, x: np.ndarray, valid: np.ndarray
                ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The window of the word of a pass for output pixels (y, x) of some images, each (blocks, P).

        Returns which blocks read it, bool (blocks,); the last row they read; the mask, bool (blocks, images, 16).
        """
        layer, lay = self.plan.layer, self.plan.layout
        tap, channel_word = divmod(word, self.plan.tiling.channel_words)
        ky, kx = divmod(tap, layer.kernel[1])
        (sy, sx), (py, px) = layer.stride, layer.padding
        row, col = y + (ky - py) // sy, x + (kx - px) // sx
        inside = valid & (row >= 0) & (row < lay.rows) & (col >= 0) & (col < lay.cols)
        at_y = np.where(inside, y * sy + ky - py, 0)
        at_x = np.where(inside, x * sx + kx - px, 0)
        first = (own.channel_word + channel_word) * WORD_CHANNELS
        found = self.flags[..., first : first + WORD_CHANNELS][at_y, at_x][:, :, images] & inside[..., None, None]
        mask = found.any(axis=1) if self.plan.skip_activations else np.ones_like(found[:, 0])
        return np.asarray(inside.any(axis=1)), np.where(inside, row, -1).max(axis=1), np.asarray(mask)


def lane_work(plan: Plan) -> list[LaneWork]:
    """Count the work of every lane for every window, pass by pass."""
    activations = _Activations(plan)
    return [_pass_work(plan, own, activations) for own in plan.passes]


def _pass_work(plan: Plan, own: PassPlan, activations: _Activations) -> LaneWork:
    config, table, grid = plan.config, own.table, plan.grid
    groups, lanes = config.groups, config.lanes
    images, per_image = plan.images, grid.count
    filters = plan.lane_filters
    counts = (own.weights != 0).reshape(plan.arrangement.splits, lanes, *own.weights.shape[1:])
    counts = counts.transpose(0, 3, 4, 1, 2).reshape(plan.arrangement.splits, -1, WORD_CHANNELS, lanes * filters)
    places = [grid.places(group) for group in range(groups)]
    rows_of = np.array(plan.image_rows)
    wanted = np.zeros((images, per_image, len(table), groups), bool)
    row = np.full((images, per_image, len(table)), -1, np.int64)
    cycles = np.zeros((images, per_image, len(table), groups, lanes), np.int32)
    touched = np.zeros((images, per_image, groups, lanes * filters), bool)
    for rows in np.unique(rows_of):
        chosen = np.flatnonzero(rows_of == rows)
        for t, window in enumerate(table):
            known: dict[tuple[int, int, int], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
            for group, word in (*window.words.items(), *window.second.items()):
                split, at_row, at_col = plan.arrangement.place(group)
                key = word, at_row, at_col
                if key not in known:
                    y, x, valid = places[group]
                    known[key] = activations.look_up(own, word, chosen, y, x, valid & (y < rows))
                reads, last, mask = known[key]
                wanted[chosen, :, t, group] |= reads
                row[chosen, :, t] = np.maximum(row[chosen, :, t], last)
                visits = (mask & reads[:, None, None]).astype(np.float32) @ counts[split, word].astype(np.float32)
                visits = visits.transpose(1, 0, 2).astype(np.int32)
                cycles[chosen, :, t, group] += visits.reshape(len(chosen), per_image, lanes, filters).sum(axis=3)
                touched[chosen, :, group] |= visits > 0
    untouched = filters - touched.reshape(images, per_image, groups, lanes, filters).sum(axis=4)
    blocks = images * per_image
    turn = plan.exchange.reshape(blocks, groups)
    wanted, cycles, untouched = (values.reshape(blocks, *values.shape[2:]) for values in (wanted, cycles, untouched))
    return LaneWork(np.take_along_axis(wanted, turn[:, None, :], axis=2), row.reshape(blocks, -1),
                    np.take_along_axis(cycles, turn[:, None, :, None], axis=2),
                    np.take_along_axis(untouched, turn[:, :, None], axis=1))
