"""Compiled loops of ``lane_work``: channels of a window that are worth visiting, and what they cost each lane.

Four lanes share an int64: 16 bits each, lane l of a pack from bit ``16 * (l % 4)`` on. No sum here passes 256.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from zeroskip.bits import highest, lowest, ones
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
def count_pass(masks, stride, taps, words, split_of, y, x, turn, image_rows, skip, packed, wanted, row, lists):
    """Count the windows of a pass over some images.

    Parameters
    ----------
    masks
        Of the pass's channel words, uint16 (images, channel words, y, x).
    taps
        int (words, 3): dy, dx, channel word of each word.
    words
        int (table, groups, columns): the word that a place sees in each column of a window, -1 for none.
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
    packed
        As ``pack_lists`` gives them.
    wanted, row, lists
        See ``LaneWork``; all zero, to be filled.
    """
    images, blocks, groups = turn.shape
    packs, lanes = packed[0].shape[3], packed[2].shape[2]
    sums = np.zeros((3, packs), np.int64)
    for image in range(images):
        for block in range(blocks):
            at = image * blocks + block
            for t in range(words.shape[0]):
                bottom = -1
                for group in range(groups):
                    place = turn[image, block, group]
                    for column in range(words.shape[2]):
                        word = words[t, place, column]
                        if word < 0:
                            continue
                        last, mask = _look(masks, image, taps, word, stride, y, x, place, block, image_rows[image])
                        if last < 0:
                            continue
                        bottom = max(bottom, last)
                        wanted[at, t, group] = True
                        if not skip:
                            mask = MASK
                        split = split_of[place]
                        _add_up(mask, packed[0], packed[1], split, word, sums)
                        for lane in range(lanes):
                            visits = int(packed[2][split, word, lane]) & mask
                            if visits:
                                end = packed[0][split, word, highest(visits), lane // PACK]
                                _append(lists[at, t, group, lane], sums, end, lane)
                row[at, t] = bottom


@njit(cache=True)
def _append(own, sums, end, lane):
    """Put the lists of a word behind those that the lane has in the window; `end`: filters of the last of them."""
    pack, shift = lane // PACK, FIELD * (lane % PACK)
    end = end >> shift & MASK
    top = np.int64(1) << highest(end)
    own.alone = top & ~(sums[1, pack] >> shift) & ~int(own.touched)
    own.touched |= sums[0, pack] >> shift & MASK
    own.cycles += sums[2, pack] >> shift & MASK
    own.last = ones(end)


@njit(cache=True)
def _look(masks, image, taps, word, stride, y, x, place, block, rows):
    """What a place's pixels, in rows of the result below `rows` alone, see of the map in a word.

    Returns the last row that is read, -1 for none; and the channels in which any of them has something.
    """
    height, width = masks.shape[2:]
    last, mask = -1, 0
    for pixel in range(y.shape[2]):
        out_y = y[place, block, pixel]
        at_y, at_x = out_y * stride[0] + taps[word, 0], x[place, block, pixel] * stride[1] + taps[word, 1]
        if 0 <= out_y < rows and 0 <= at_y < height and 0 <= at_x < width:
            last = max(last, at_y)
            mask |= int(masks[image, taps[word, 2], at_y, at_x])
    return last if last < 0 else last // stride[0], mask


@njit(cache=True)
def _add_up(mask, filters, entries, split, word, sums):
    """Over the channels of a mask, by pack: filters of any list, of more than one, entries of all."""
    for pack in range(filters.shape[3]):
        once, twice, total, left = np.int64(0), np.int64(0), np.int64(0), mask
        while left:
            channel = lowest(left)
            left &= left - 1
            here = filters[split, word, channel, pack]
            twice |= once & here
            once |= here
            total += entries[split, word, channel, pack]
        sums[0, pack], sums[1, pack], sums[2, pack] = once, twice, total
