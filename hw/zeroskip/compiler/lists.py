"""Lists in a lane's memory: a header, then an entry for each weight that is not zero."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zeroskip.compiler.code import WeightList
from zeroskip.compiler.places import Placed, PlanError
from zeroskip.compiler.steps import Step, Taps
from zeroskip.spec.config import LIMITS, EngineConfig
from zeroskip.spec.words import Kind, entry, header

LARGEST_CODE, LARGEST_SIGNED = 255, 128


class ListMaker:
    """Makes lists; they are alike also for filters that differ in their place alone.

    A list's offsets count from the plane of its first tap. So the channels of a pooling, an addition or a copy, whose
    lists are alike, have one: their jobs begin at other vectors.

    Parameters
    ----------
    config
        The engine.
    maps, signed
        Where maps lie, and whether their codes are signed.
    """

    def __init__(self, config: EngineConfig, maps: Mapping[str, Placed], signed: Mapping[str, bool]) -> None:
        self.config, self.maps, self.signed = config, maps, signed
        self._known: dict[tuple[int, ...], WeightList] = {}

    def list_of(self, step: Step, number: int) -> tuple[WeightList, int]:
        """A filter's list, and the vector from which its offsets count.

        Raises
        ------
        PlanError
            The filter's sums are too large.
        """
        check_sums(self.config, step, number, self.signed)
        entries, vector = self._entries(step, step.taps[number])
        width, k = self.config.entry_bits, self.config.look
        words = (*self._header(step, number), *(
            sum(word << n * width for n, word in enumerate(entries[at:at + k]))
            for at in range(0, max(1, len(entries)), k)))
        return self._known.setdefault(words, WeightList(words)), vector

    def _header(self, step: Step, number: int) -> list[int]:
        word = header(self.config).pack(bias=int(step.bias[number]), multiplier=int(step.multiplier[number]),
                                        shift=int(step.shift[number]))
        bits = self.config.list_word_bits
        return [word >> k * bits & (1 << bits) - 1 for k in range(self.config.header_words)]

    def _entries(self, step: Step, taps: Taps) -> tuple[list[int], int]:
        """The entries, and the vector from which their offsets count."""
        config, fields = self.config, entry(self.config)
        offsets, signed = np.zeros(len(taps), np.int64), np.zeros(len(taps), np.int64)
        for number, name in enumerate(step.sources):
            own, place = taps.source == number, self.maps[name]
            offsets[own] = place.origin + place.layout.position(taps.channel[own], taps.row[own], taps.column[own])
            signed[own] = self.signed[name]
        vector = 0
        if len(taps):
            place = self.maps[step.sources[int(taps.source[0])]]
            vector = (place.origin + int(taps.channel[0]) * place.layout.channel) // config.vector
        offsets = (offsets - vector * config.vector) % config.positions
        return [fields.pack(offset=int(o), weight=int(w), kind=int(k), signed=int(s))
                for o, w, k, s in zip(offsets, taps.weight, taps.kind, signed, strict=True)], vector


def factors(taps: Taps) -> np.ndarray:
    """What each tap's activation counts in the sum; what is compared does not count."""
    return taps.weight * np.where(taps.kind == Kind.ADD_HIGH, 256, np.where(taps.kind == Kind.ADD, 1, 0))


def check_sums(config: EngineConfig, step: Step, number: int, signed: Mapping[str, bool]) -> None:
    """Refuse a filter whose sums may not fit, by its own weights and bias and the range of each source's codes.

    Raises
    ------
    PlanError
        With the bound, and the width that would do.
    """
    taps = step.taps[number]
    largest = np.array([LARGEST_SIGNED if signed[name] else LARGEST_CODE for name in step.sources], np.int64)
    bound = abs(int(step.bias[number])) + int((np.abs(factors(taps)) * largest[taps.source]).sum())
    if bound >= 1 << config.acc_width - 1:
        needed = bound.bit_length() + 1 + (bound.bit_length() + 1) % 2
        would = f"acc_width = {needed} would do" if needed <= LIMITS["acc_width"][1] else "no acc_width would do"
        raise PlanError(f"step {step.name!r}, filter {number}: its sums may reach {bound}, {config.acc_width} bits "
                        f"hold less than {1 << config.acc_width - 1} ({would})")
