"""The model of a whole run: a program and maps in; every word on the write bus, results, and cycles by class out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zeroskip.cycles import bus, decode, state
from zeroskip.cycles.decode import Decoded
from zeroskip.cycles.patches import entry_numbers, patches
from zeroskip.spec import timing
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.program import PIECE, beat_bits
from zeroskip.spec.words import Op

LOG_WORDS = 1 << 12
LONG_AGO = -(1 << 40)
SYNC_STEP = 7
"""Place of the step in a decoded ``SYNC``."""
FAULTS = {
    state.FAULT_OVERRUN: "sums came before the ones before had gone",
    state.FAULT_CONFIGURED: "a step was configured while its lane was at work",
    state.FAULT_HELD: "a list is held while all other jobs wait to leave",
    state.FAULT_PART: "a program waits for a part, and has none",
    state.FAULT_LOOKS: "a step looks ahead, which takes the values of maps",
    state.FAULT_QUEUE: "too many words wait for the write bus",
}


class ModelError(ValueError):
    """A program that the model does not run: most often it asks for what the hardware cannot do either."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """What happened; cycles count from the first beat of the first map, which is cycle 0.

    Parameters
    ----------
    cycle, stream, word, mask, data
        Of every word on the write bus, in order: when, whether it leaves the array, its address, a bit for each byte
        that counts, and its bytes.
    counts
        (steps, lanes, numbers), see ``state.MULTIPLYING``: cycles of each class, then products that meet a zero and
        those of two numbers at a place of a result. A step is what the instruction before it calls it.
    load
        Cycles from the loader's reset to the program's start.
    total
        Cycles from the first beat of a map to the last beat of a result.
    result_words
        Of an image.
    """

    cycle: npt.NDArray[np.int64]
    stream: npt.NDArray[np.bool_]
    word: npt.NDArray[np.int64]
    mask: npt.NDArray[np.int64]
    data: npt.NDArray[np.uint8]
    counts: npt.NDArray[np.int64]
    load: int
    total: int
    result_words: int

    @property
    def beats(self) -> npt.NDArray[np.int64]:
        """The cycle of each beat of the results, whose other numbers are those of the words with `stream`."""
        return self.cycle[self.stream] + timing.BEAT

    @property
    def lasts(self) -> list[int]:
        """For each image, the cycles up to its last beat, that one included."""
        return [int(cycle) + 1 for cycle in self.beats[self.result_words - 1::self.result_words]]

    def results(self) -> npt.NDArray[np.uint8]:
        """Words of all complete images, (images, words, banks); bytes that never came are 0."""
        images = int(self.stream.sum()) // max(1, self.result_words)
        banks = self.data.shape[1]
        found = np.zeros((images, self.result_words, banks), np.uint8)
        word, mask, data = self.word[self.stream], self.mask[self.stream], self.data[self.stream]
        for number in range(images * self.result_words):
            own = mask[number] >> np.arange(banks) & 1 == 1
            found[number // self.result_words, word[number], own] = data[number, own]
        return found


class _Parts:
    """Arrays one after the other in one, and where each begins."""

    def __init__(self, kind: type) -> None:
        self._kind, self._parts, self._length = kind, [], 0  # type: ignore[var-annotated]

    def add(self, part: np.ndarray) -> int:
        """Append; returns where it begins."""
        begins = self._length
        self._parts.append(np.ascontiguousarray(part, self._kind).reshape(-1))
        self._length += part.size
        return begins

    def joined(self) -> np.ndarray:
        """All of them."""
        return np.concatenate(self._parts)


@dataclass(kw_only=True, eq=False)
class Machine:
    """All that the compiled loops work on: the array, its lanes, numbers and bytes; see ``state``."""

    array: np.ndarray
    lanes: np.ndarray
    numbers: npt.NDArray[np.int64]
    bytes: npt.NDArray[np.uint8]
    steps: int

    def total(self, name: str) -> int:
        """A number of the whole array."""
        return int(self.array[0][name])

    def log(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
        """The words that were on the bus."""
        length, banks = self.total("length"), self.total("banks")
        at, data = self.total("log"), self.total("log_data")
        return (self.numbers[at:at + length * state.LOG_ROW].reshape(length, -1),
                self.bytes[data:data + length * banks].reshape(length, -1))

    def grow(self) -> None:
        """A longer log."""
        more = 3 * self.total("log_words")
        self.numbers = np.concatenate([self.numbers, np.zeros(more * state.LOG_ROW, np.int64)])
        self.bytes = np.concatenate([self.bytes, np.zeros(more * self.total("banks"), np.uint8)])
        self.array["log_words"] += more


def _set_sizes(array: np.ndarray, decoded: Decoded, beats: npt.NDArray[np.uint8]) -> None:
    config = decoded.config
    values = dict(
        lanes=config.lanes, vector=config.vector, look=config.look, ways=config.ways, banks=config.banks,
        bank_bits=config.bank_bits, words=config.map_words, position_mask=config.positions - 1,
        acc_width=config.acc_width, pool_mask=(1 << max(1, (config.pool_columns - 1).bit_length())) - 1,
        header_words=config.header_words, granule_bits=(config.granule - 1).bit_length(),
        spans=config.vector // config.granule, flags=config.flags, bus=timing.bus(config.lanes),
        rest=timing.rest(config.lanes),
        turn=(decoded.head_to_start - timing.FLUSH - timing.CLEAR + 1) % config.lanes, instructions=config.instructions,
        log_words=LOG_WORDS,
        beat_count=len(beats), last_word=-1, first_map=-1,
        **{name: decoded.setup[name] for name in ("map_base", "map_words")})
    for name, value in values.items():
        array[name] = value


def machine(decoded: Decoded, beats: npt.NDArray[np.uint8], columns: Mapping[int, int]) -> Machine:
    """The engine in the cycle of the first beat of a map, which begins to come in."""
    config, lists, words = decoded.config, decode.arrays(decoded), decoded.config.map_words
    array, lanes = np.zeros(1, state.ARRAY), np.zeros(config.lanes, state.LANE)
    numbers, bytes_ = _Parts(np.int64), _Parts(np.uint8)  # type: ignore[arg-type]
    entries = entry_numbers(lists)
    program, tables = decode.rows(decoded), decode.codes(decoded)
    steps = 1 + max(int(program[program[:, :, 0] == Op.SYNC][:, SYNC_STEP].max(initial=0)), decode.last_step(decoded))
    columns_of = np.zeros(steps, np.int64)
    columns_of[list(columns)] = list(columns.values())
    lanes["columns_of"] = numbers.add(columns_of)
    lanes["all_counts"] = numbers.add(np.zeros((steps, config.lanes, state.NUMBERS)))
    for number, lane in enumerate(lanes):
        lane["number"], lane["counts"] = number, lane["all_counts"] + state.NUMBERS * number
        for name, part in (("entries", entries[number]), ("wanted", lists.wanted[number]),
                           ("always", lists.always[number]), ("program", program[number]),
                           ("nonzero", np.zeros(words + 1)), ("map_flags", np.zeros(words + 1)),
                           ("waiting", np.zeros((state.WAITING_WORDS, 4)))):
            lane[name] = numbers.add(part)
        for name, part in (("table", tables[number]), ("data", np.zeros((words + 1) * config.banks)),
                           ("waiting_data", np.zeros((state.WAITING_WORDS, config.banks)))):
            lane[name] = bytes_.add(part)
    _set_sizes(array, decoded, beats)
    array["count_numbers"] = steps * config.lanes * state.NUMBERS
    array["beats"] = bytes_.add(beats)
    _add_parts(array[0], lanes, numbers, decoded)
    array["log"] = numbers.add(np.zeros((LOG_WORDS, state.LOG_ROW)))
    array["log_data"] = bytes_.add(np.zeros((LOG_WORDS, config.banks)))
    lanes["fetch"], lanes["first"], lanes["fresh"], lanes["coded"] = timing.START, 1, 1, LONG_AGO
    for name in ("read", "command", "sent", "paced", "begins", "gone", "filled", "started", "walked", "taken"):
        lanes[name] = LONG_AGO
    bus.begin_map(array[0], 0)
    return Machine(array=array, lanes=lanes, numbers=numbers.joined(), bytes=bytes_.joined(), steps=steps)


def _add_parts(array: np.void, lanes: np.ndarray, numbers: _Parts, decoded: Decoded) -> None:
    """The parts of the program: how long each takes to come, and what it changes."""
    found = patches(decoded, lanes)
    head = max(1, PIECE // beat_bits(decoded.config)) + 1
    times = [(part.cycles, head) for part in decoded.parts]
    array["parts"], array["part_free"] = len(found), timing.LOADED
    array["part_cycles"] = numbers.add(np.array(times, np.int64))
    array["patch_ends"] = numbers.add(np.cumsum([0, *(len(own) for own in found)]))
    array["patches"] = numbers.add(np.concatenate([np.zeros((0, 2), np.int64), *found]))


def run(config: EngineConfig, program: npt.NDArray[np.uint8] | Decoded, beats: npt.NDArray[np.uint8],
        columns: Mapping[int, int] | None = None, *, parts: Sequence[npt.NDArray[np.uint8]] = (), values: bool = True
        ) -> Run:
    """Run a program for the maps that come in back to back, with nobody ever waiting for the array's sake.

    Parameters
    ----------
    config
        The engine.
    program
        Beats of a program, uint8 (beats, banks), or what `decode` makes of them.
    beats
        Beats of all maps, one after the other, uint8 (beats, banks).
    columns
        For steps whose columns of results are not the columns that are left of them (pooling, sums): how many of a
        row are results. Products elsewhere count as `beyond`.
    parts
        Beats of the program's parts, which come again and again, without a pause as far as there is room for them.
    values
        Without them there are cycles alone, several times faster, and all bytes are zeros: for programs that do not
        look ahead.

    Raises
    ------
    ModelError
        The program does what is not modelled.
    """
    decoded = program if isinstance(program, Decoded) else decode.decode(config, program, parts)
    engine = machine(decoded, beats, columns or {})
    engine.array["values"] = values
    while True:
        bus.run(engine.array, engine.lanes, engine.numbers, engine.bytes)
        if engine.total("fault"):
            raise ModelError(f"{FAULTS[engine.total('fault')]} (cycle {engine.total('fault_at')})")
        if engine.total("done"):
            break
        engine.grow()
    return _collected(decoded, engine)


def _forget(counts: npt.NDArray[np.int64], step: int, cycles: int) -> None:
    """What a lane did after the last beat of the results does not count: the latest cycles of its last step."""
    for what in (state.MAP_WAIT, state.IMBALANCE, state.INSTRUCTIONS, state.RELEASE, state.LEAVING):
        for number in (step, step - 1):
            taken = min(max(cycles, 0), int(counts[number, what]))
            counts[number, what] -= taken
            cycles -= taken


def _collected(decoded: Decoded, engine: Machine) -> Run:
    log, data = engine.log()
    steps = engine.steps
    stream = log[:, state.PORT] == state.TO_STREAM
    left, at = log[stream, state.CYCLE], int(engine.lanes[0]["all_counts"])
    counts = engine.numbers[at:at + steps * len(engine.lanes) * state.NUMBERS]
    counts = counts.reshape(steps, len(engine.lanes), state.NUMBERS)
    first = max(0, engine.total("first_map"))
    end = int(left[-1]) + timing.BEAT + 1 if len(left) else first
    waits = min(int(engine.lanes["waits"].max()), end)
    for lane in engine.lanes:
        own = counts[:, lane["number"]]
        for what, until in ((state.IMBALANCE, waits), (state.MAP_WAIT, end)):
            own[lane["step"], what] += max(0, until - lane["time"])
            lane["time"] = max(lane["time"], until)
        _forget(own, int(lane["step"]), int(lane["time"]) - end)
    return Run(cycle=log[:, state.CYCLE] - first, stream=stream, word=log[:, state.WORD], mask=log[:, state.MASK],
               data=data, counts=counts, load=decoded.head_to_start, total=end - first,
               result_words=decoded.setup["result_words"])
