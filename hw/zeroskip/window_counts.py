"""Compiled loops of ``lane_work``: channels of a window that are worth visiting, and what they cost each lane.

Four lanes share an int64: 16 bits each, lane l of a pack from bit ``16 * (l % 4)`` on. No sum here passes 256.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from zeroskip.wire import WORD_CHANNELS

PACK = 4
"""Lanes in an int64."""
FIELD = 16
"""Bits of a lane in it."""
MASK = (1 << FIELD) - 1


@njit(cache=True)
def nonzero_channels(data: np.ndarray, stride: tuple[int, int]) -> np.ndarray:
    """Masks of the channels that are not zero, uint16 (images, channel words, y, x), of a map (images, I, H, W).

    Filled up to whole strides.
    """
    images, channels, height, width = data.shape
    words, (sy, sx) = (channels + WORD_CHANNELS - 1) // WORD_CHANNELS, stride
    masks = np.zeros((images, words, -(-height // sy) * sy, -(-width // sx) * sx), np.uint16)
    for image in range(images):
        for channel in range(channels):
            word, bit = channel // WORD_CHANNELS, np.uint16(1 << channel % WORD_CHANNELS)
            for y in range(height):
                for x in range(width):
                    if data[image, channel, y, x] != 0:
                        masks[image, word, y, x] |= bit
    return masks


@njit(cache=True)
def pack_lists(weights: np.ndarray, lanes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The lists of weights int8 (splits * lanes, F, words, 16), without the values.

    Returns filters and number of entries of each list, int64 (splits, words, 16, packs) as packed lanes; and the
    channels with a list, uint16 (splits, words, lanes).
    """
    rows, count, words, channels = weights.shape
    splits, packs = rows // lanes, (lanes + PACK - 1) // PACK
    filters = np.zeros((splits, words, channels, packs), np.int64)
    entries = np.zeros((splits, words, channels, packs), np.int64)
    occupied = np.zeros((splits, words, lanes), np.uint16)
    for row in range(rows):
        split, lane = row // lanes, row % lanes
        pack, at = lane // PACK, FIELD * (lane % PACK)
        for number in range(count):
            for word in range(words):
                for channel in range(channels):
                    if weights[row, number, word, channel] != 0:
                        filters[split, word, channel, pack] |= 1 << (at + number)
                        entries[split, word, channel, pack] += 1 << at
                        occupied[split, word, lane] |= np.uint16(1 << channel)
    return filters, entries, occupied


@njit(cache=True)
def _highest(mask: int) -> int:
    """Number of the highest of 16 bits that is set."""
    at = 0
    for step in (8, 4, 2, 1):
        if mask >> (at + step):
            at += step
    return at


@njit(cache=True)
def _ones(mask: int) -> int:
    """How many bits are set."""
    count = 0
    while mask:
        mask &= mask - 1
        count += 1
    return count


@njit(cache=True)
def _look(masks: np.ndarray, stride: tuple[int, int], tap: tuple[int, int], y: np.ndarray, x: np.ndarray,
          rows: int) -> tuple[int, int]:
    """What the pixels of the result (y, x), rows below `rows` alone, see of the map `masks` (y, x) at `tap`.

    Returns the last row that is read, -1 for none; and the channels in which any of them has something.
    """
    (sy, sx), (dy, dx) = stride, tap
    height, width = masks.shape
    last, mask = -1, 0
    for pixel in range(len(y)):
        at_y, at_x = y[pixel] * sy + dy, x[pixel] * sx + dx
        if 0 <= y[pixel] < rows and 0 <= at_y < height and 0 <= at_x < width:
            last = max(last, at_y // sy)
            mask |= int(masks[at_y, at_x])
    return last, mask


@njit(cache=True)
def count_pass(masks, stride, taps, words, split_of, y, x, turn, image_rows, skip, lists, out):
    """Count the windows of a pass over some images.

    Parameters
    ----------
    masks
        Of the pass's channel words, uint16 (images, channel words, y, x).
    taps
        int (words, 3): dy, dx, channel word of each word.
    words
        int (table, groups): the word that a place sees in a window, -1 for none.
    split_of
        int (groups,): split of each place.
    y, x
        int (groups, blocks, P): pixels of the result of each place; y is -1 where there is none.
    turn
        int (images, blocks, groups): the place in which each group stands.
    image_rows
        int (images,): rows of the result.
    skip
        Zero activations are skipped.
    lists
        As ``pack_lists`` gives them.
    out
        wanted, row, cycles, last, touched, alone: see ``LaneWork``, all zero.
    """
    filters, entries, occupied = lists
    wanted, row, cycles, last, touched, alone = out
    images, blocks, groups = turn.shape
    table, packs, lanes = words.shape[0], filters.shape[3], occupied.shape[2]
    once, twice, total = np.zeros(packs, np.int64), np.zeros(packs, np.int64), np.zeros(packs, np.int64)
    for image in range(images):
        for block in range(blocks):
            at = image * blocks + block
            for t in range(table):
                bottom = -1
                for group in range(groups):
                    place = turn[image, block, group]
                    word = words[t, place]
                    if word < 0:
                        continue
                    seen, mask = _look(masks[image, taps[word, 2]], stride, (taps[word, 0], taps[word, 1]),
                                       y[place, block], x[place, block], image_rows[image])
                    if seen < 0:
                        continue
                    bottom = max(bottom, seen)
                    wanted[at, t, group] = True
                    split = split_of[place]
                    if not skip:
                        mask = MASK
                    once[:], twice[:], total[:] = 0, 0, 0
                    left = mask
                    while left:
                        channel = _highest(left & -left)
                        left &= left - 1
                        for pack in range(packs):
                            here = filters[split, word, channel, pack]
                            twice[pack] |= once[pack] & here
                            once[pack] |= here
                            total[pack] += entries[split, word, channel, pack]
                    for lane in range(lanes):
                        visits = np.int64(occupied[split, word, lane]) & mask
                        if visits == 0:
                            continue
                        pack, shift = lane // PACK, FIELD * (lane % PACK)
                        end = filters[split, word, _highest(visits), pack] >> shift & MASK
                        top = _highest(end)
                        cycles[at, t, group, lane] = total[pack] >> shift & MASK
                        last[at, t, group, lane] = _ones(end)
                        touched[at, t, group, lane] = once[pack] >> shift & MASK
                        if not twice[pack] >> (shift + top) & 1:
                            alone[at, t, group, lane] = np.uint16(1 << top)
                row[at, t] = bottom
