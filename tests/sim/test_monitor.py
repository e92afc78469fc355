"""The log of handshakes against one that looks at every cycle."""

import random

import pytest

from cosim.monitor import HandshakeLog

PERIOD = 10


def played(moving: list[bool], rng: random.Random) -> HandshakeLog:
    """A log of wires that have `moving[n]` before edge n + 1, with glitches that last no time."""
    log = HandshakeLog(period=PERIOD)
    level = False
    for edge, wanted in enumerate(moving):
        while rng.random() < 0.3:
            log.change(edge * PERIOD, rng.random() < 0.5)
            level = None
        if level is not wanted or rng.random() < 0.2:
            log.change(edge * PERIOD, wanted)
        level = wanted
    return log


@pytest.mark.parametrize("seed", range(20))
def test_equals_looking_at_every_cycle(seed: int) -> None:
    rng = random.Random(seed)
    moving = [rng.random() < rng.choice((0.1, 0.9)) for _ in range(rng.randint(1, 60))]
    cycles = [edge + 1 for edge, moved in enumerate(moving) if moved]
    log = played(moving, rng)
    assert log.count(len(moving) * PERIOD) == len(cycles)
    assert (log.first, log.last) == ((cycles[0], cycles[-1]) if cycles else (None, None))
    for cycle in range(len(moving) + 2):
        assert log.count_before(cycle) == sum(c < cycle for c in cycles)


def test_clear_forgets_what_was_and_keeps_the_level() -> None:
    log = HandshakeLog(period=PERIOD)
    log.change(0, True)
    log.clear(5 * PERIOD)
    assert log.count(5 * PERIOD) == 0
    assert (log.count(8 * PERIOD), log.first, log.last) == (3, 6, 8)


def test_a_span_is_counted_once_however_often_it_is_asked_for() -> None:
    log = HandshakeLog(period=PERIOD)
    log.change(0, True)
    assert [log.count(n * PERIOD) for n in (1, 1, 4)] == [1, 1, 4]
    assert log.spans == [(1, 4)]
