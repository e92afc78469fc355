"""What the parts of a program change in the numbers of the model: words of lists, instructions, headers of jobs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from zeroskip.cycles import decode, state
from zeroskip.cycles.decode import ROW, Decoded, Lists, Part
from zeroskip.spec.config import WEIGHT_BITS
from zeroskip.spec.program import Target
from zeroskip.spec.words import Kind, Op

HEADER = slice(8, 13)
"""Where a job has the fields of its list's header."""


def entry_numbers(lists: Lists) -> npt.NDArray[np.int64]:
    """Each entry as a number, see ``state.OFFSET_BITS``."""
    factor = np.where(lists.kind == Kind.ADD_HIGH, lists.weight << WEIGHT_BITS, lists.weight)
    style = lists.kind + 4 * lists.signed
    return factor << state.FACTOR_START | style << state.OFFSET_BITS | lists.offset


def patches(decoded: Decoded, lanes: np.ndarray) -> list[npt.NDArray[np.int64]]:
    """For each part pairs (index, number), (pairs, 2): what `lanes` have in the numbers when it has been loaded.

    A part is applied to the memories as the parts before it, in order, have left them; all that it loads is in its
    pairs, so that they are right for every map.
    """
    lists, instructions = [list(own) for own in decoded.lists], [list(own) for own in decoded.instructions]
    now = replace(decoded, lists=lists, instructions=instructions)
    for part in decoded.parts:  # as they are when the parts come again
        _load(now, part)
    return [_patch(now, part, lanes) for part in decoded.parts]


def _load(now: Decoded, part: Part) -> None:
    for block in part.blocks:
        decode.load((now.lists if block.target == Target.LIST else now.instructions)[block.lane], block)


def _patch(now: Decoded, part: Part, lanes: np.ndarray) -> npt.NDArray[np.int64]:
    """Loads a part, and says what changes."""
    _load(now, part)
    found = [np.zeros((0, 2), np.int64)]
    for block in part.blocks:
        lane = lanes[block.lane]
        if block.target == Target.LIST:
            found += _words(now, block.words, block.address, lane)
    for number, lane in enumerate(lanes):
        found += _jobs(now, part, number, lane)
    return np.concatenate(found)


def _pairs(first: int, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Numbers one after the other, from the index `first` on."""
    flat = numbers.reshape(-1)
    return np.stack([first + np.arange(len(flat)), flat], axis=1)


def _words(now: Decoded, words: list[int], address: int, lane: np.void) -> list[npt.NDArray[np.int64]]:
    """Words of a list, entry by entry."""
    alone = replace(now, lists=[words, *[[]] * (now.config.lanes - 1)], parts=[])
    lists = decode.arrays(alone)
    return [_pairs(int(lane["entries"]) + address * now.config.look, entry_numbers(lists)[0]),
            _pairs(int(lane["wanted"]) + address, lists.wanted[0]),
            _pairs(int(lane["always"]) + address, lists.always[0])]


def _jobs(now: Decoded, part: Part, number: int, lane: np.void) -> list[npt.NDArray[np.int64]]:
    """Instructions that come, and jobs whose list's header does."""
    own = [block for block in part.blocks if block.lane == number]
    came = {block.address + k for block in own if block.target == Target.INSTRUCTION for k in range(len(block.words))}
    lists = [(block.address - now.config.header_words, block.address + len(block.words)) for block in own
             if block.target == Target.LIST]
    found = []
    for at, word in enumerate(now.instructions[number]):
        is_job = word & 3 == Op.JOB
        if at not in came and not (lists and is_job):
            continue
        row = decode.instruction(now.config, word)
        if at not in came and not any(begin < row[1] < end for begin, end in lists):
            continue
        whole = np.zeros(ROW, np.int64)
        whole[:len(row)] = row
        if is_job:
            whole[HEADER] = list(decode.headers(now, number, row[1]).values())
        found.append(_pairs(int(lane["program"]) + ROW * at, whole))
    return found
