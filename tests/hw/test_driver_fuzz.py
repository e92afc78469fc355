"""A fuzzer of the host's driver: a board that answers well, lies, floods, falls silent, or is not there any more."""

import re
from collections import deque

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from tests.hw.lying_board import (
    BYTES_OF_A_REQUEST,
    ERRORS,
    GIVES_FOR_EVER,
    LIES,
    NOISE,
    PATIENCE,
    SECONDS,
    TRIES,
    Engine,
    LyingBoard,
)

from zeroskip.link.driver import QUICKEST_S, Device, LinkError
from zeroskip.link.frame import ANSWER_BYTES, BeatSize, Command
from zeroskip.spec.axi import IDENTITY

A_LIE = st.tuples(
    st.sampled_from([*Command, *[Command.RESULT] * 5]), st.sampled_from(sorted(LIES | NOISE)), st.integers(0, 60),
    st.sampled_from([1, 1, 2, 4, 1_000_000]), st.integers(0, 4),
)
"""About which request, what, how much, how often, and after how many answers that are right but for the room."""


def held(owner):
    """Bytes in what a device keeps, the line left out."""
    if isinstance(owner, bytes | bytearray):
        return len(owner)
    if isinstance(owner, list | tuple | set | deque):
        return sum(map(held, owner))
    if isinstance(owner, dict):
        return held([*owner, *owner.values()])
    mine = type(owner).__module__.startswith("zeroskip.link") and hasattr(owner, "__dict__")
    return held(list(vars(owner).values())) if mine else 0


class DriverOfALiar(RuleBasedStateMachine):
    """Every call ends, by what is right or by a LinkError; by what is right where the board is honest."""

    size = BeatSize(data=16)

    def __init__(self):
        super().__init__()
        self.board = LyingBoard(self.size)
        self.device = Device(self.board, seconds=SECONDS, tries=TRIES, patience=PATIENCE, clock=lambda: self.board.now)
        self.in_step = False

    @rule(lie=A_LIE)
    def lie(self, lie):
        about, kind, amount, times, after = lie
        self.board.lies[about] += [("other room", 1, after)] * (after > 0) + [(kind, amount, times)]

    @rule(how=st.sampled_from([*sorted(GIVES_FOR_EVER), "half", *ERRORS]),
          call=st.sampled_from(["read", "write"]))
    def break_the_line(self, how, call):
        self.board.gives, self.board.short = GIVES_FOR_EVER.get(how), how == "half"
        self.board.fails = {call: how} if how in ERRORS else {}

    @rule(piece=st.sampled_from([1, 7, 100, 100_000]), slow=st.sampled_from([1, 5, 1000]))
    def be_slow(self, piece, slow):
        self.board.piece, self.board.engine.slow = piece, slow

    @rule()
    def restart(self):
        self.board.engine = Engine(self.size)
        self.in_step = False

    @rule()
    def be_honest(self):
        self.board.be_honest()

    @rule()
    def connect(self):
        self.in_step, _ = self._call(self.device.connect, requests=3, must=self.board.honest)

    @rule()
    def register(self):
        right, value = self._call(lambda: self.device.register("id"), requests=1)
        assert value == IDENTITY or not right

    @rule(lies=st.lists(A_LIE, max_size=2), program=st.integers(1, 70), count=st.integers(1, 100),
          seed=st.integers(0, 255), stands=st.sampled_from([False, False, False, True]))
    def run_a_program(self, lies, program, count, seed, stands=False):
        if not self.in_step:  # what a user does after an error
            self.board.be_honest()
            self.connect()
        for lie in lies:
            self.lie(lie)
        self.board.stands |= stands
        sent = np.random.default_rng(seed).integers(0, 256, (count, self.size.data)).astype(np.uint8)
        moves = program + 2 * count + 5
        must = self.board.honest and not self.board.engine.told_wrongly
        right, result = self._call(lambda: self.device.run(sent[:1].repeat(program, 0), sent, count), must=must,
                                   requests=3 * moves * (2 + round(PATIENCE / QUICKEST_S)))
        if right:
            assert result.shape == (count, self.size.data)
            assert self.board.engine.told_wrongly or np.array_equal(result, 255 - sent)

    def _call(self, method, *, requests, must=None):
        """Whether it went well, and what it returned; it `must` where the board is honest and in step."""
        must = self.board.honest and self.in_step if must is None else must
        self.board.allow(requests)
        before, asked = self.device.bytes_came, self.device.requests
        try:
            result = method()
            assert not self.board.must_refuse
            return True, result
        except LinkError as error:
            assert not must, error
            named = (*(command.name.lower() for command in Command), "beats", "id")
            assert any(re.search(rf"\b{name}\b", str(error), re.IGNORECASE) for name in named), error
            self.in_step = False
            return False, None
        finally:
            requests = self.device.requests - asked + 1
            assert self.device.bytes_came - before <= requests * BYTES_OF_A_REQUEST
            assert held(self.device) <= ANSWER_BYTES + 1

    def teardown(self):
        """Whatever it was: a board that is honest again is of use again."""
        self.board.be_honest()
        self.connect()
        assert self.in_step
        self.run_a_program([], 40, 70, 1)
        assert self.in_step


class DriverOfALiarWithNumbers(DriverOfALiar):
    """The same where beats come in any order."""

    size = BeatSize(data=4, number=2)


DriverOfALiar.TestCase.settings = DriverOfALiarWithNumbers.TestCase.settings = settings(
    max_examples=100, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TestDriverOfALiar = DriverOfALiar.TestCase
TestDriverOfALiarWithNumbers = DriverOfALiarWithNumbers.TestCase
