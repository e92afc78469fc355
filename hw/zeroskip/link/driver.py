"""An engine on a board, for a program on the host: over any line that takes and gives bytes."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from zeroskip.layer import Layer
from zeroskip.link.answer import LinkError, read_size
from zeroskip.link.frame import ADDRESS_BYTES, FLAG, LAST, Command
from zeroskip.link.host import Host, Transport, positive_count
from zeroskip.link.loadable import Loadable
from zeroskip.link.result_beats import ResultBeats
from zeroskip.packing import pack
from zeroskip.spec.axi import COUNTERS, ERROR_AT, IDENTITY, REGISTER_BYTES, REGISTERS
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.program import ERRORS

QUICKEST_S = 1e-5
"""No board says sooner that it has no beat: it waits 1,024 cycles for one."""
MOST_COUNTED = 0xFFFF
"""Results that the counters can run over."""


class Device(Host):
    """An engine on a board.

    Whatever the board does, every method ends: a request as :class:`zeroskip.link.host.Host` says; a program or a
    result is given up after `patience` in which nothing moved. What is kept of what came is one frame that has not
    ended, and the result so far. After an error `connect` begins anew.

    Parameters
    ----------
    transport
        The line.
    seconds
        To wait for an answer before a request is sent again, more than 0.
    tries
        How often a request is sent at most, 1 or more.
    patience
        Seconds in which neither a beat is taken nor one comes back, after which a program is given up; 0 or more.
    clock
        What seconds are counted by; it never goes back.

    Raises
    ------
    LinkError
        By every method: no answer came however often it was asked, the answer was a refusal or none that there can be,
        or the line is gone.
    ValueError
        `seconds`, `tries` or `patience` is not as above.
    """

    def __init__(self, transport: Transport, *, seconds: float = 0.5, tries: int = 8, patience: float = 5.0,
                 clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(transport, seconds=seconds, tries=tries, clock=clock)
        if not 0 <= patience < math.inf:
            raise ValueError(f"patience: found {patience!r}, expected a finite number, 0 or more")
        self._patience = patience
        self._loaded: Loadable | None = None

    def connect(self) -> None:
        """Come into step, see that there is an engine of this version, and reset it: nothing is left of an earlier run.

        Raises
        ------
        LinkError
            There is none, or another.
        """
        self._write(bytes([FLAG]), Command.HELLO)  # ends whatever the line carried before
        self._size = read_size(self._request(Command.HELLO).values)
        found = self.register("id")
        if found != IDENTITY:
            raise LinkError(f"register id: found {found:#010x}, expected {IDENTITY:#010x}")
        self.reset()

    def reset(self) -> None:
        """Engine, counters, and beats that wait."""
        self._loaded = None
        self._request(Command.RESET)

    def register(self, name: str) -> int:
        """The value of a register of :data:`zeroskip.spec.axi.REGISTERS`.

        Raises
        ------
        KeyError
            There is no such register.
        """
        return int.from_bytes(self._request(Command.REGISTER, _address(name)).values, "little")

    def write(self, name: str, value: int) -> None:
        """Set a register.

        Raises
        ------
        KeyError
            There is no such register.
        """
        self._request(Command.WRITE, _address(name) + value.to_bytes(REGISTER_BYTES, "little"))

    def counters(self) -> dict[str, int]:
        """All counters: of the last program, or of the maps that the program before it was given last."""
        return {name: self.register(name) for name in COUNTERS}

    def load(self, program: Loadable, *, maps: int = 1) -> None:
        """Load a program, which stays for any number of maps.

        Parameters
        ----------
        program
            For the engine on the board.
        maps
            How many `infer` will bring first: the counters run from the program's first beat to the last of their
            results.

        Raises
        ------
        LinkError
            The engine refused the program; the message says why.
        """
        self._loaded = None
        if program.stays:
            self._load(program.beats, positive_count("maps", maps))
        self._loaded = program

    def infer(self, maps: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The results of maps that go through the program that was loaded, one after the other.

        Raises
        ------
        LinkError
            Nothing moved any more, or more or fewer beats came.
        ValueError
            No program was loaded, or a map is not for it; nothing was sent then.
        """
        if (program := self._loaded) is None:
            raise ValueError("no program was loaded, expected one before a map")
        beats = [program.map_beats(own) for own in maps]
        if not beats:
            return []
        self._loaded = None  # until all has come
        if program.stays:
            self.write("results", min(len(maps), MOST_COUNTED))
            found = np.split(self._stream(np.concatenate(beats), len(maps) * program.result_beats, len(maps),
                                          [*program.parts] * len(maps)), len(maps))
        else:
            found = [self.run(program.beats, own, program.result_beats) for own in beats]
        self._loaded = program
        return [program.decode(own) for own in found]

    def run(self, program: np.ndarray, map: np.ndarray, result_beats: int, results: int = 1,
            later: Sequence[np.ndarray] = ()) -> np.ndarray:
        """Load a program, send its maps, read the results.

        Parameters
        ----------
        program, map
            Beats, uint8 (beats, bytes of a beat). Without any beats of a program, the maps are for that before.
        result_beats
            How many the engine will answer, 1 or more.
        results
            Packets in which they come, all of the same length.
        later
            Packets that follow the program while maps are at work, beats likewise: its parts, for each map again.

        Returns uint8 (result_beats, bytes of a beat), in the order of their numbers.

        Raises
        ------
        LinkError
            Nothing moved any more, or more or fewer beats came.
        ValueError
            The beats or their number are not as above; nothing was sent then.
        """
        for name, beats in (("program", program), ("map", map), *(("later", packet) for packet in later)):
            self._check_beats(name, beats)
        results, count = positive_count("results", results), positive_count("result_beats", result_beats)
        if count % results:
            raise ValueError(f"result_beats: found {count}, expected a multiple of the {results} results")
        self._loaded = None
        self._load(program, results)
        return self._stream(map, count, results, later)

    def run_layer(self, layer: Layer, config: EngineConfig, engine: str) -> np.ndarray:
        """The result of a layer, as :func:`zeroskip.reference.run` gives it.

        Parameters
        ----------
        layer
            With its input.
        config, engine
            What is on the board: its array, and a name of ``zeroskip.spec.engines.ENGINES`` that it can do.
        """
        packed = pack(layer, config, engine)
        return packed.decode([self.run(program.program, program.map, program.result_beats, program.results,
                                       program.later) for program in packed.programs])

    def _load(self, beats: np.ndarray, results: int) -> None:
        """Send a program and see that the engine took it all, and found it right: a map before would not be for it."""
        self._check_beats("program", beats)
        self.write("results", min(results, MOST_COUNTED))
        frames, watch = self._frames(beats), _Watch(self._clock, self._patience)
        while frames or self.waits:
            moved = self._send(Command.PROGRAM, frames)
            if not moved:
                before = self.room, self.waits
                self.register("status")
                moved = before != (self.room, self.waits)
            if watch.gives_up(moved=moved):
                raise LinkError(f"nothing moves: {len(frames)} frames of the program are left"
                                f"{', and beats of it wait on the board' if self.waits else ''}{self._complaint()}")
        if complaint := self._complaint():
            raise LinkError(f"the program was refused{complaint}")

    def _stream(self, map: np.ndarray, result_beats: int, results: int, later: Sequence[np.ndarray]) -> np.ndarray:
        """Send maps, and what follows the program, while results come."""
        left = {Command.PROGRAM: deque(frame for packet in later for frame in self._frames(packet)),
                Command.MAP: self._frames(map)}
        found, watch = ResultBeats(self._size, result_beats // results, results), _Watch(self._clock, self._patience)
        while any(left.values()) or not found.ended:
            moved = any([self._send(command, frames) for command, frames in left.items()])
            if not moved:
                moved = found.take(self._request(Command.RESULT, bytes([self._size.in_answer])))
            if watch.gives_up(moved=moved):
                raise LinkError(f"nothing moves: {len(left[Command.PROGRAM])} frames of the program and "
                                f"{len(left[Command.MAP])} of the map are left, {found}{self._complaint()}")
        if complaint := self._complaint():
            raise LinkError(f"the results may be wrong{complaint}")
        return found.beats()

    def _complaint(self) -> str:
        """What the engine itself says is wrong."""
        error = self.register("status") >> ERROR_AT & 0xF
        return f": the engine says that {ERRORS.get(error, f'there is error {error}')}" if error else ""

    def _send(self, command: Command, frames: deque[bytes]) -> bool:
        """The next frame of beats, if the board has room; whether it was taken."""
        if not frames or self.room[command] < (len(frames[0]) - 1) // self._size.data:
            return False
        if self._request(command, frames[0]).busy:
            return False
        frames.popleft()
        return True

    def _check_beats(self, name: str, beats: np.ndarray) -> None:
        size = self._size.data
        if not isinstance(beats, np.ndarray) or beats.dtype != np.uint8 or beats.shape[1:] != (size,):
            found = f"{beats.dtype} {beats.shape}" if isinstance(beats, np.ndarray) else type(beats).__name__
            raise ValueError(f"{name}: found {found}, expected uint8 (beats, {size})")

    def _frames(self, beats: np.ndarray) -> deque[bytes]:
        """The arguments of the requests that carry a packet."""
        most = self._size.in_request
        return deque(bytes([LAST if at + most >= len(beats) else 0]) + beats[at : at + most].tobytes()
                     for at in range(0, len(beats), most))


class _Watch:
    """Tells when nothing has moved for too long; looks are counted as well, for a clock that hardly moves."""

    def __init__(self, clock: Callable[[], float], patience: float) -> None:
        self._clock, self._patience = clock, patience
        self._since, self._idle = clock(), 0

    def gives_up(self, *, moved: bool) -> bool:
        if moved:
            self._since, self._idle = self._clock(), 0
            return False
        self._idle += 1
        return self._clock() - self._since > self._patience or (self._idle - 1) * QUICKEST_S > self._patience


def _address(name: str) -> bytes:
    return REGISTERS[name].address.to_bytes(ADDRESS_BYTES, "little")
