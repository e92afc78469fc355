"""Cycles of the dense engine, by a model of its loop."""

from __future__ import annotations

from collections import deque

from zeroskip.config import ArrayConfig
from zeroskip.dense_shape import drain_cycles, fifo_depth, pass_beats, pass_spacing
from zeroskip.layer import Layer
from zeroskip.map_packing import MapLayout

LOAD_LATENCY = 2
"""Cycles from a row's last beat to the cycle in which a block that reads it may be taken up."""
ROOM_LATENCY = 2
"""Cycles from a beat that leaves to the first step that may use its room."""
SUM_LATENCY = 9
"""Cycles from a pass's last step to its first row of sums: activations, multiplier, accumulator."""
CODE_LATENCY, RAW_LATENCY = 12, 5
"""Cycles from a row of sums to its beat of codes, or of sums."""


class _Results:
    """When a pass may end: a while after the last one, and when its beats find room."""

    def __init__(self, config: ArrayConfig, *, requantise: bool) -> None:
        self._beats = pass_beats(config, requantise=requantise)
        self._spacing = pass_spacing(config, requantise=requantise)
        self._drain = drain_cycles(config, requantise=requantise)
        self._latency = CODE_LATENCY if requantise else RAW_LATENCY
        self._room = fifo_depth(config)
        self._leaving: deque[int] = deque()
        self._last = -self._spacing

    def end_pass(self, now: int) -> int:
        """The cycle of the last step of a pass whose operands are there at `now`."""
        now = max(now, self._last + self._spacing)
        while self._room < self._beats:
            now = max(now, self._leaving.popleft() + ROOM_LATENCY)
            self._room += 1
        self._room -= self._beats
        self._last = now
        first = now + SUM_LATENCY + self._latency
        every = self._drain / self._beats
        self._leaving.extend(first + int((beat + 1) * every) - 1 for beat in range(self._beats))
        return now

    @property
    def end(self) -> int:
        """The cycle in which the last beat leaves the engine."""
        return self._leaving[-1] + 1


class _Rows:
    """When the rows of an image are in, if the map never pauses."""

    def __init__(self, lay: MapLayout) -> None:
        self._row_beats = lay.planes * lay.cols
        self._lay = lay
        self._start = 0
        self._retired: list[int] = []

    def next_image(self) -> None:
        """Begin with the image that the memory has room for."""
        image = len(self._retired)
        if image:
            self._start += self._lay.rows * self._row_beats
            if image >= self._lay.slots:
                self._start = max(self._start, self._retired[image - self._lay.slots] + 1)

    def retire(self, now: int) -> None:
        """The image has been read."""
        self._retired.append(now)

    def loaded(self, row: int) -> int:
        """The first cycle in which `row` can be read; those above the map at any time, those below with its last."""
        if row < 0:
            return 0
        return self._start + (min(row, self._lay.rows - 1) + 1) * self._row_beats - 1 + LOAD_LATENCY


def predict_dense(layer: Layer, config: ArrayConfig, lay: MapLayout, words: list[tuple[int, int]]) -> int:
    """Cycles from the first beat of the map to the last beat of the result, where no stream pauses.

    Parameters
    ----------
    layer
        As a convolution.
    config
        Parameters of the array.
    lay
        How the map lies in the memory.
    words
        Row offset `dy` and number of channels for each row of the window table.

    """
    images, filters, height, width = layer.output_shape
    pixels = config.dense_pixels
    steps = sum(channels for _, channels in words)
    reach = max(dy for dy, _ in words)
    passes = -(-filters // config.dense_filters)
    results, rows = _Results(config, requantise=layer.multiplier is not None), _Rows(lay)
    end, moved = 0, -1  # the last step of the block before; the cycle in which the present block was taken up
    starts = range(0, height * width, pixels)
    for _ in range(images):
        rows.next_image()
        for start in starts:
            bottom = min(start + pixels - 1, height * width) // width
            needed = lay.rows if start == starts[-1] else bottom + reach
            moved = max(end + (start == 0), moved + pixels + 1, rows.loaded(needed))
            end = moved
            for _ in range(passes):
                end = results.end_pass(end + steps)
        rows.retire(end)
    return results.end + 1
