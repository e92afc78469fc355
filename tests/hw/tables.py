"""The tables of a lane as they are written, cycle by cycle, for tests that have no list builder."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zeroskip.iterator import START_BITS
from zeroskip.wire import WORD_CHANNELS


def table_writes(weights: np.ndarray) -> Iterator[dict[str, int]]:
    """What loads weights int8 (filters, words, 16): fields of ``tables_shape``; a list's pointer grows with it."""
    at = 0
    for word in range(weights.shape[1]):
        mask = 0
        for channel in range(WORD_CHANNELS):
            for more, number in enumerate(np.flatnonzero(weights[:, word, channel]).tolist()):
                mask |= 1 << channel
                yield {
                    "write_list": 1, "list_address": at,
                    "list_data": int(weights[number, word, channel]) & 0xFF | number << 8,
                    "write_pointer": 1, "pointer_address": word * WORD_CHANNELS + channel,
                    "pointer_data": at | more << START_BITS,
                    "write_occupancy": 1, "occupancy_address": word, "occupancy_data": mask,
                }
                at += 1
        yield {"write_occupancy": 1, "occupancy_address": word, "occupancy_data": mask}
