"""The cell library and the tools, which are Debian's and optional."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
from dataclasses import dataclass
from pathlib import Path

from zeroskip.files import process
from zeroskip.files.workplace import workplace
from zeroskip.verilog import ToolError

LIBERTY = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")
"""Oklahoma State University's cells in TSMC 0.18 um, 1.8 V, typical, as Debian packages them."""
NODE = "0.18 um, 1.8 V, 25 C, typical (OSU cells)"
VOLTS = 1.8
_CELL = re.compile(r"^cell \((\w+)\) \{", re.MULTILINE)
_PIN = re.compile(r"^  pin\((\w+)\)\s*\{\s*direction : (\w+);\s*capacitance : ([\d.]+);(.*?)(?=^  pin|\Z)",
                  re.MULTILINE | re.DOTALL)
_AREA = re.compile(r"^\s*area : ([\d.]+);", re.MULTILINE)
_FUNCTION = re.compile(r'function : "(.*?)"')
_STATES = {"DFFPOSX1": "rise", "DFFNEGX1": "fall", "LATCH": "high"}
CLOCK_PIN = "CLK"


@dataclass(frozen=True)
class Cell:
    """A cell: its area in square micrometres, picofarads of the pins that load, functions of those that drive.

    ``state``: None, or when it takes D: at the ``rise`` or ``fall`` of its clock, or while that is ``high``.
    """

    area: float
    loads: dict[str, float]
    functions: dict[str, str]
    state: str | None

    @property
    def clock(self) -> str:
        """The pin of the clock, where it has a state."""
        return CLOCK_PIN


def find() -> str:
    """The path of OpenSTA.

    Raises
    ------
    ToolError
        It or the library is missing; the message says what to install.
    """
    tool = process.find("sta")
    missing = [package for package, there in (("opensta", tool), ("qflow-tech-osu018", LIBERTY.is_file())) if not there]
    if missing or tool is None:
        raise ToolError(f"{' and '.join(missing)} not found: energy is measured with Debian's packages of that name "
                        f"(apt-get install --no-install-recommends {' '.join(missing)})")
    return tool


def versions() -> dict[str, str]:
    """Of what makes the figures: yosys, OpenSTA, and the library by its SHA-256."""
    with workplace() as place:
        said = process.run([find(), "-version"], folder=place).output.split()
    return {"pyosys": importlib.metadata.version("pyosys"), "opensta": said[0] if said else "",
            "osu018": hashlib.sha256(LIBERTY.read_bytes()).hexdigest()}


def cells(liberty: Path = LIBERTY) -> dict[str, Cell]:
    """The library's cells by name.

    Raises
    ------
    ToolError
        It is none.
    """
    text = liberty.read_text(encoding="ascii", errors="replace")
    starts = [*_CELL.finditer(text)]
    found = {}
    for start, end in zip(starts, [*(match.start() for match in starts[1:]), len(text)], strict=True):
        body = text[start.end() : end]
        area = _AREA.search(body)
        pins = _PIN.findall(body)
        if area is None:
            raise ToolError(f"{liberty} is no library as expected: {start.group(1)} has no area")
        found[start.group(1)] = Cell(
            area=float(area.group(1)), state=_STATES.get(start.group(1)),
            loads={name: float(load) for name, direction, load, _ in pins if direction == "input"},
            functions={name: function[1] for name, direction, _, rest in pins
                       if direction == "output" and (function := _FUNCTION.search(rest))})
    return found
