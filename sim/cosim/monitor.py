"""Watch the handshakes of a stream on its wires, at no cost in the cycles in which nothing changes."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(kw_only=True)
class HandshakeLog:
    """The cycles in which a stream moved a beat, from the times at which its two handshake wires changed.

    Wires change at a clock edge (or at once after it), so a level set at time t holds at the edges t + `period`, ...,
    up to and including the time of the next change. Changes that last no time, as logic settles, leave no mark. A cycle
    is numbered by the edge that ends it: time / `period`.

    >>> log = HandshakeLog(period=10)
    >>> log.change(20, True); log.change(50, False)
    >>> log.first, log.last, log.count(60)
    (3, 5, 3)
    """

    period: int
    spans: list[tuple[int, int]] = field(default_factory=list)
    _moving: bool = False
    _since: int = 0

    def change(self, time: int, moving: bool) -> None:
        """At `time` the wires settled so that a beat moves at the next edge, or does not."""
        if self._moving and time > self._since:
            self._close(time)
        self._moving, self._since = moving, time

    def _close(self, time: int) -> None:
        start, end = self._since // self.period + 1, time // self.period
        if self.spans and self.spans[-1][1] + 1 == start:
            start = self.spans.pop()[0]
        if end >= start:
            self.spans.append((start, end))

    def settle(self, time: int) -> None:
        """Take in the edges up to `time`."""
        self.change(time, self._moving)

    def clear(self, time: int) -> None:
        """Forget everything up to `time`."""
        self.settle(time)
        self.spans.clear()

    def count(self, time: int) -> int:
        """Beats moved up to `time`."""
        self.settle(time)
        return sum(end - start + 1 for start, end in self.spans)

    def count_before(self, cycle: int) -> int:
        """Beats moved in cycles before `cycle`."""
        return sum(min(end, cycle - 1) - start + 1 for start, end in self.spans if start < cycle)

    def cycle_of(self, number: int) -> int:
        """The cycle in which the beat of that number, from 0, moved.

        >>> log = HandshakeLog(period=10, spans=[(3, 5), (9, 9)])
        >>> [log.cycle_of(number) for number in range(4)]
        [3, 4, 5, 9]
        """
        for start, end in self.spans:
            if number <= end - start:
                return start + number
            number -= end - start + 1
        raise IndexError("no such beat has moved")

    @property
    def first(self) -> int | None:
        """Cycle of the first beat."""
        return self.spans[0][0] if self.spans else None

    @property
    def last(self) -> int | None:
        """Cycle of the last beat."""
        return self.spans[-1][1] if self.spans else None
