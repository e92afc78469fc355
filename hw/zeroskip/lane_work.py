"""How much each lane has to do for each window: the data that the cycle model runs on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeroskip.plan import PassPlan, Plan

WORK = np.dtype([("cycles", np.int64), ("last", np.int64), ("touched", np.int64), ("alone", np.int64),
                 ("before", np.int64)])
"""What four lanes do for a window; 16 bits each, from bit ``16 * (lane % 4)`` on. ``cycles``: list entries that are
walked. ``last``: entries of the last list. ``touched``: mask of the lane's filters that some entry touches.
``alone``: the filter of the very last entry, as a mask, where no other list of the window touches it. ``before``: the
same of the entry before that one."""


@dataclass(frozen=True, eq=False)
class LaneWork:
    """Of a pass over all images: per block (image, block) and row of its window table; groups as in the hardware.

    Attributes
    ----------
    wanted
        bool (blocks, table, groups): the group takes the window.
    row
        int32 (blocks, table): last row of the map that the window reads, -1 where nobody takes it.
    packs
        ``WORK`` (blocks, table, groups, ceil(lanes / 4)).
    """

    wanted: np.ndarray
    row: np.ndarray
    packs: np.ndarray

    @property
    def cycles(self) -> np.ndarray:
        """List entries that each lane walks, int64 (blocks, table, groups, lanes filled up to a multiple of 4)."""
        lanes = self.packs["cycles"][..., None] >> np.arange(0, 64, 16) & 0xFFFF
        return np.asarray(lanes.reshape(*self.packs.shape[:3], 4 * self.packs.shape[3]))


def lane_work(plan: Plan) -> list[LaneWork]:
    """Count the work of every lane for every window, pass by pass."""
    from zeroskip.window_counts import nonzero_channels  # numba takes a while to import

    masks = nonzero_channels(plan.layer.input4, plan.layer.stride)
    return [_pass_work(plan, own, words, masks) for own, words in zip(plan.passes, plan.words, strict=True)]


def _pass_work(plan: Plan, own: PassPlan, words: np.ndarray, masks: np.ndarray) -> LaneWork:
    from zeroskip.window_counts import count_pass, pack_lists

    config, blocks = plan.config, plan.images * plan.grid.count
    shape = blocks, len(own.table), config.groups
    work = LaneWork(np.zeros(shape, bool), np.zeros(shape[:2], np.int32),
                    np.zeros((*shape, -(-config.lanes // 4)), WORK))
    place_of, y, x = plan.places
    bits = np.packbits((own.weights != 0).reshape(-1), bitorder="little")  # all at once: far faster than 16 by 16
    channels = bits.view(np.uint16).reshape(own.weights.shape[:3])
    count_pass(masks[:, own.channel_word :], plan.layer.stride, _taps(plan), words, place_of, y, x, plan.exchange,
               np.array(plan.image_rows), plan.skip_activations, pack_lists(channels, config.lanes), work.wanted,
               work.row, work.packs.view(np.int64).reshape(*work.packs.shape, WORK.itemsize // 8))
    return work


def _taps(plan: Plan) -> np.ndarray:
    """Int64 (words, 3): rows and columns from ``stride * pixel`` to what a word reads, and its channel word."""
    (kh, kw), (py, px), words = plan.layer.kernel, plan.layer.padding, plan.tiling.channel_words
    tap, channel_word = np.divmod(np.arange(kh * kw * words), words)
    return np.stack([tap // kw - py, tap % kw - px, channel_word], axis=1)
