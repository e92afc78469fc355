"""The beats of results, as they come from a board: counted, and put in order by their numbers."""

from __future__ import annotations

import numpy as np

from zeroskip.link.answer import Answer, LinkError
from zeroskip.link.frame import BeatSize


class ResultBeats:
    """The beats of one result, or of several that come one after the other, a packet each.

    Parameters
    ----------
    size
        Of a beat; where it has a number, beats of a packet come in any order.
    beats
        How many each packet has, 1 or more.
    packets
        How many there will be, 1 or more.
    """

    def __init__(self, size: BeatSize, beats: int, packets: int) -> None:
        self._size, self._beats, self._packets = size, beats, packets
        self._result = np.zeros((packets, beats, size.data), np.uint8)
        self._seen = np.zeros(beats, bool)
        self._came = self._whole = 0

    def __str__(self) -> str:
        unmarked = ", none marked as the last" if self._came == self._beats and not self.ended else ""
        if self._packets == 1:
            return f"{self._beats if self.ended else self._came} of {self._beats} beats of the result came{unmarked}"
        return (f"{self._whole} of {self._packets} results came, and {self._came} of {self._beats} beats of the next "
                f"one{unmarked}")

    @property
    def ended(self) -> bool:
        """The last beat of the last packet has come."""
        return self._whole == self._packets

    def take(self, answer: Answer) -> bool:
        """Keep the beats of an answer; whether there were any.

        Raises
        ------
        LinkError
            More beats came than expected, or the last one of a packet before all had come, or a beat twice.
        """
        if not answer.values:
            return False
        found = np.frombuffer(answer.values, np.uint8).reshape(-1, self._size.answered)
        self._check_count(len(found), last=answer.last)
        places = self._places(found)
        self._seen[places] = True
        self._result[self._whole, places] = found[:, : self._size.data]
        self._came += len(found)
        if answer.last:
            self._whole, self._came = self._whole + 1, 0
            self._seen[:] = False
        return True

    def _check_count(self, count: int, *, last: bool) -> None:
        came = count + (self._beats if self.ended else self._came)
        if came > self._beats or (last and came < self._beats):
            mark = "after the last one was marked" if self.ended else "the last one marked" if last else "and no last"
            which = "the result" if self._packets == 1 else f"result {min(self._whole + 1, self._packets)}"
            raise LinkError(f"{came} beats of {which} came, expected {self._beats}: RESULT was answered with {count} "
                            f"more, {mark}")

    def _places(self, found: np.ndarray) -> np.ndarray:
        """Where in its packet each beat belongs."""
        if not self._size.number:
            return np.arange(self._came, self._came + len(found))
        digits = found[:, self._size.data :].astype(np.int64)
        numbers = digits @ (1 << 8 * np.arange(self._size.number, dtype=np.int64))
        if (beyond := numbers[numbers >= self._beats]).size:
            raise LinkError(f"RESULT was answered with a beat numbered {beyond[0]}, expected 0 to {self._beats - 1}")
        known, counts = np.unique(numbers, return_counts=True)
        if (twice := known[(counts > 1) | self._seen[known]]).size:
            raise LinkError(f"RESULT was answered with beat {twice[0]} twice, expected each number from 0 to "
                            f"{self._beats - 1} once")
        return numbers

    def beats(self) -> np.ndarray:
        """All that came, in the order of their numbers, uint8 (packets * beats, bytes of a beat)."""
        return self._result.reshape(-1, self._size.data)
