"""Compiled loops of ``lane_work``: channels of a window that are worth visiting, and what they cost each lane.

Four lanes share an int64: 16 bits each, lane l of a pack from bit ``16 * (l % 4)`` on. No number here passes 256.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from zeroskip.bits import lowest
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
def _add_up(mask, lists, split, word, pack, own):
    """Visit the channels of a mask with the lists of four lanes; `own` is what they do then (``WORK``), int64 (5,)."""
    cycles = touched = again = last = final = before = np.int64(0)
    while mask:
        channel = lowest(mask)
        mask &= mask - 1
        here, size = lists[split, word, pack, channel, 0], lists[split, word, pack, channel, 1]
        nothing, end = ~lists[split, word, pack, channel, 2], lists[split, word, pack, channel, 3]
        second, several = lists[split, word, pack, channel, 4], lists[split, word, pack, channel, 5]
        again |= touched & here
        touched |= here
        cycles += size
        last = last & nothing | size
        before = before & nothing | final & ~nothing & ~several | second
        final = final & nothing | end
    own[0], own[1], own[2], own[3], own[4] = cycles, last, touched, final & ~again, before & ~again


@njit(cache=True)
def pack_lists(channels, lanes):
    """The lists of lanes without the values, of masks of the channels with a weight, uint16 (splits * lanes, F, words).

    Returns int64 (splits, words, packs, 16, 6) as packed lanes: the filters of each list, as a mask; how many they are;
    all ones where there are any; the lowest of them, as a mask; the lowest but one; all ones where there are several.
    The channels in which any lane has a list, int64 (splits, words, packs). And what the lanes do where they visit them
    all, ``WORK`` as int64 (splits, words, packs, 5).
    """
    rows, count, words = channels.shape
    packs = (lanes + PACK - 1) // PACK
    lists = np.zeros((rows // lanes, words, packs, WORD_CHANNELS, 6), np.int64)
    occupied = np.zeros((rows // lanes, words, packs), np.int64)
    for row in range(rows):
        split, pack, at = row // lanes, row % lanes // PACK, FIELD * (row % lanes % PACK)
        for number in range(count):
            for word in range(words):
                mask = np.int64(channels[row, number, word])
                occupied[split, word, pack] |= mask
                while mask:
                    channel = lowest(mask)
                    mask &= mask - 1
                    here = 1 << (at + number)
                    lists[split, word, pack, channel, 0] |= here
                    lists[split, word, pack, channel, 1] += 1 << at
                    lists[split, word, pack, channel, 2] |= MASK << at
                    if not lists[split, word, pack, channel, 3] & MASK << at:
                        lists[split, word, pack, channel, 3] |= here
                    elif not lists[split, word, pack, channel, 4] & MASK << at:
                        lists[split, word, pack, channel, 4] |= here
                        lists[split, word, pack, channel, 5] |= MASK << at
    whole = np.zeros((rows // lanes, words, packs, 5), np.int64)
    for split in range(rows // lanes):
        for word in range(words):
            for pack in range(packs):
                _add_up(occupied[split, word, pack], lists, split, word, pack, whole[split, word, pack])
    return lists, occupied, whole


@njit(cache=True)
def count_pass(masks, stride, taps, words, place_of, y, x, turn, image_rows, skip, packed, wanted, row, work):
    """Count the windows of a pass over some images.

    Parameters
    ----------
    masks
        Of the pass's channel words, uint16 (images, channel words, y, x).
    taps
        int (words, 3): dy, dx, channel word of each word.
    words
        int (table, groups, columns): the word that a place sees in each column of a window, -1 for none.
    place_of
        int (groups, 2): split of each place, and its number among those of the split.
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
    wanted, row, work
        See ``LaneWork``; `wanted` all False, the rest to be filled; `work` is ``packs`` as int64 (..., 5).
    """
    lists, occupied, whole = packed
    images, blocks, groups = turn.shape
    packs = lists.shape[2]
    positions = groups // len(lists)  # places of one split; those of the others see the same
    columns = words.shape[2]
    seen, own = np.zeros((positions, columns, 3), np.int64), np.zeros(5, np.int64)
    for image in range(images):
        for block in range(blocks):
            at = image * blocks + block
            for t in range(words.shape[0]):
                bottom, number = -1, at * words.shape[0] + t + 1
                for group in range(groups):
                    place = turn[image, block, group]
                    for column in range(columns):
                        word = words[t, place, column]
                        if word < 0:
                            continue
                        split, position = place_of[place, 0], place_of[place, 1]
                        known = seen[position, column]
                        if known[0] != number:
                            known[0] = number
                            known[1], known[2] = _look(masks, image, taps, word, stride, y, x, position, block,
                                                       image_rows[image])
                        if known[1] < 0:
                            continue
                        bottom = max(bottom, known[1])
                        wanted[at, t, group] = True
                        mask = known[2] if skip else MASK
                        for pack in range(packs):
                            visits = mask & occupied[split, word, pack]
                            if visits == occupied[split, word, pack]:
                                own[:] = whole[split, word, pack]
                            else:
                                _add_up(visits, lists, split, word, pack, own)
                            _append(work[at, t, group, pack], own)
                row[at, t] = bottom


@njit(cache=True)
def _append(work, own):
    """Put the lists `own` of a word, int64 (5,), behind those that the lanes have in the window already."""
    if not work[0]:
        work[:] = own
        return
    for lane in range(PACK):
        field = np.int64(MASK) << FIELD * lane
        if own[0] & field:
            work[1] = work[1] & ~field | own[1] & field
            single = own[0] & field == np.int64(1) << FIELD * lane
            before = work[3] & ~own[2] if single else own[4] & ~work[2]
            work[4] = work[4] & ~field | before & field
            work[3] = work[3] & ~field | own[3] & ~work[2] & field
    work[0] += own[0]
    work[2] |= own[2]


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
def lane_sums(work):
    """Entries that each lane walks in all, int64 (groups, 4 * packs), of ``WORK`` (blocks, table, groups, packs)."""
    blocks, table, groups, packs = work.shape
    sums = np.zeros((groups, PACK * packs), np.int64)
    for block in range(blocks):
        for t in range(table):
            for group in range(groups):
                for lane in range(PACK * packs):
                    sums[group, lane] += work[block, t, group, lane // PACK].cycles >> FIELD * (lane % PACK) & MASK
    return sums
