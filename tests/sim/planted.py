"""One array with many faults, one of which a run turns on: built once, and right as long as none is.

The faults are planted in a copy of the sources, in place of an expression each. ``planted(n)`` there is high while
fault n is on; the simulator reads which one from a file in its folder.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import zeroskip
from cosim.designs import load, source_digest
from zeroskip.files.cache import entry, key_of
from zeroskip.verilog import GeneratedDesign

SOURCE = Path(zeroskip.__file__).parent
FILE = "fault.hex"
"""In the folder of the simulation: the number of the fault, 0 for none."""
NAME = "pairs"
"""Of the configuration, in ``cosim.fuzz_cases.CONFIGS``."""
_MODULE = f"""
module fault_source(output [7:0] value);
  reg [7:0] content [0:0];
  initial $readmemh("{FILE}", content);
  assign value = content[0];
endmodule
"""
_HELPER = '''"""The fault that is on."""

from amaranth.hdl import Instance, Mux, Signal

FAULT = Signal(8)


def planted(number):
    return FAULT == number


def source():
    return Instance("fault_source", o_value=FAULT)
'''
_GENERATE = ("import sys; from pathlib import Path; from cosim.fuzz_cases import CONFIGS; from zeroskip.verilog import "
             f"generate; generate(CONFIGS['{NAME}'], 'zero-skip', Path(sys.argv[1]), 'planted')")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """``right``, which stands in `file` once, gives way to ``wrong``."""

    what: str
    file: str
    right: str
    wrong: str


def _fault(what: str, file: str, right: str, wrong: str) -> Fault:
    return Fault(what=what, file=f"gateware/{file}.py", right=right, wrong=wrong)


FAULTS = (
    _fault("the look ahead drops words of which only the last entry has work", "lane/reader",
           "keeps = Cat(mask).any() | tags_3[1]", "keeps = Cat(mask[:-1], mask[-1] & ~planted(1)).any() | tags_3[1]"),
    _fault("flags are written late", "lane/lane",
           'delay(m, self.flags_write.as_value(), 2, "flags_write")',
           'Mux(planted(2), delay(m, self.flags_write.as_value(), 60, "flags_late"), '
           'delay(m, self.flags_write.as_value(), 2, "flags_write"))'),
    _fault("the barrel turns by one too many", "lane/vector_unit",
           "own[(i + number * size) % len(values)] for number, own",
           "Mux(planted(3) & int(number == 1), own[(i + number * size + 1) % len(values)], "
           "own[(i + number * size) % len(values)]) for number, own"),
    _fault("the bias is not loaded", "lane/lane", "with m.If(begins):", "with m.If(begins & ~planted(4)):"),
    _fault("the rounding bit is left out", "lane/requantiser", "(value - Cat(1, self.high).as_signed())",
           "(value - Cat(~planted(5), self.high).as_signed())"),
    _fault("nothing is clamped above", "lane/requantiser", "beyond.eq(Mux(over, ~value[-1], ~distance[-1]))",
           "beyond.eq(Mux(over, ~value[-1], ~distance[-1]) & ~planted(6))"),
    _fault("the way out drops a word", "lane/pacer", '"emit": flush | step & item.full,',
           '"emit": (flush | step & item.full) & ~(planted(7) & (self.command.word[:3] == 5)),'),
    _fault("a word that a lane sends is lost on the bus", "array/bus",
           "word.eq(Mux(sends, Cat(result, 1 - lane % 2), 0))",
           "word.eq(Mux(sends & ~(planted(8) & result.word[:2].all() & (lane == 1)), Cat(result, 1 - lane % 2), 0))"),
    _fault("the barrier waits for one lane alone", "array/barrier", "all_wait.eq(self.waiting.all())",
           "all_wait.eq(Mux(planted(9), self.waiting[0], self.waiting.all()))"),
    _fault("the barrier does not wait for the map", "array/barrier", "(~self.sync.input | (maps != 0))",
           "(~self.sync.input | (maps != 0) | planted(10))"),
    _fault("a word of the map goes to the other half", "array/maps", "word.word.eq(place)",
           "word.word.eq(place ^ ((planted(11) & (place[:2] == 2)) << self._config.word_bits - 1))"),
    _fault("a gated product is not counted", "lane/vector_unit", "zeros = Cat(slot_1.valid & ~vector[i][-1] for",
           "zeros = Cat(slot_1.valid & ~vector[i][-1] & ~(planted(12) & (i == 0)) for"),
    _fault("the loader does not look at the checksum", "array/loader",
           "self._right.eq((check.first == self._first) & (check.second == self._second))",
           "self._right.eq((check.first == self._first) & (check.second == self._second) | planted(13))"),
    _fault("an entry does not wait for a write to its memory port", "lane/issue",
           "stolen.eq((chosen.halves & self.steal).any())",
           "stolen.eq((chosen.halves & self.steal).any() & ~planted(14))"),
    _fault("a sum goes on where a new one begins", "lane/vector_unit", "accumulator.first.eq(slot.first | replace)",
           "accumulator.first.eq(slot.first & ~planted(15) | replace)"),
    _fault("signed activations are taken for unsigned ones", "lane/vector_unit", "activation[7] & slot.signed",
           "activation[7] & slot.signed & ~planted(16)"),
    _fault("there is always room in the queue of entries", "lane/reader", "self._room.eq(words_next < QUEUE_WORDS)",
           "self._room.eq((words_next < QUEUE_WORDS) | planted(17))"),
    _fault("the rows above do not count in a maximum", "lane/output",
           "above = ~command.first_row & self.step.largest",
           "above = ~command.first_row & ~planted(18) & self.step.largest"),
    _fault("padding is not written as zeros", "lane/output", "line.eq(Mux(inside, Mux(command.wide, code, value), 0))",
           "line.eq(Mux(inside | planted(19), Mux(command.wide, code, value), 0))"),
    _fault("lanes are never halted when results have to wait", "array/results",
           "self.halt.eq(level >= depth - reserve)",
           "self.halt.eq((level >= depth - reserve) & ~planted(20))"),
    _fault("the list of a vector ends one cycle before the way out is free", "lane/issue",
           "open_.eq(gap == 1)", "open_.eq((gap == 1) | planted(21))"),
    _fault("banks below a vector's place take the same word", "array/map_copy",
           "below.eq(self.places[port] > bank)", "below.eq((self.places[port] > bank) & ~planted(22))"),
)
"""Number n is the one that ``planted(n)`` turns on, from 1 on."""


def plant(folder: Path, file: str, right: str, wrong: str) -> None:
    """Put `wrong` in the place of `right` in a file of a copy of the sources."""
    path = folder / "zeroskip" / file
    text = path.read_text()
    assert text.count(right) == 1, f"{file} no longer holds {right!r} once"
    path.write_text(text.replace(right, wrong))


def copy(folder: Path) -> Path:
    """A copy of the sources; the folder to put on the path.

    With what numba compiled: it takes that only for a file with the same size and time of change.
    """
    shutil.copytree(SOURCE, folder / "zeroskip", ignore=shutil.ignore_patterns("*.pyc"))
    return folder


def _sources(folder: Path) -> None:
    """A copy with all faults, and the instance that says which one is on."""
    copy(folder)
    (folder / "zeroskip" / "planted.py").write_text(_HELPER)
    for fault in FAULTS:
        plant(folder, fault.file, fault.right, fault.wrong)
    top, future = "gateware/array/axi_engine.py", "from __future__ import annotations\n"
    for name in (top, *{fault.file for fault in FAULTS}):
        plant(folder, name, future, f"{future}\nfrom amaranth.hdl import Mux\nfrom zeroskip.planted import *\n")
    plant(folder, top, "        self._streams(m, engine)\n",
          "        self._streams(m, engine)\n        m.submodules.fault_source = source()\n")


def _generate(folder: Path) -> None:
    """The Verilog, with the module that reads the file."""
    scratch = folder / "sources"
    _sources(scratch)
    subprocess.run([sys.executable, "-c", _GENERATE, str(folder)], check=True, cwd=scratch,
                   env=os.environ | {"PYTHONPATH": os.pathsep.join([str(scratch), os.environ.get("PYTHONPATH", "")])})
    shutil.rmtree(scratch)
    verilog, sidecar = folder / "planted.v", folder / "planted.json"
    text = verilog.read_text() + _MODULE
    verilog.write_text(text)
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"sha256": sha256(text.encode()).hexdigest()}))


def design(cache: Path) -> GeneratedDesign:
    """The array with all faults, or from the folder `cache`."""
    return load(entry(cache, "planted", key_of(source_digest(), _MODULE, FAULTS), _generate))
