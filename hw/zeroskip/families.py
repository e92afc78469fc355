"""The FPGA families that yosys maps to: commands, what of their cells is counted, and a chip of each."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

NARROW_ADDERS = Path(__file__).with_name("narrow_adders.v")
CELL_LUTS = {"LUT4": 1, "CCU2C": 2, "DPR16X4": 6}
"""LUTs that a cell of an ECP5 takes: a carry cell two, a LUT memory of 16 x 4 three slices of two."""
WIDEST = 10
"""Bits of the widest adder that is made of LUTs instead of an ECP5's carry cells."""


def luts_of(cells: Mapping[str, int]) -> int:
    """LUTs that yosys' cells for an ECP5 take."""
    return sum(luts * cells[cell] for cell, luts in CELL_LUTS.items())


@dataclass(frozen=True)
class Family:
    """A family.

    ``commands``: of yosys, given the name of the top. ``cells``: a pattern of cells, the name under which they are
    counted, as how many, and LUTs that one takes. ``chip``: one of the family; ``holds``: what it has (``COMB``: LUTs).
    ``shown``: names in the order of a table. ``units``: of what is counted. ``files``: what the commands read, by their
    names alone.
    """

    name: str
    title: str
    commands: Callable[[str], list[str]]
    cells: tuple[tuple[str, str, int, int], ...]
    chip: str
    holds: Mapping[str, int]
    shown: tuple[str, ...]
    units: str
    files: tuple[Path, ...] = ()
    _known: dict[str, tuple[str, int, int] | None] = field(default_factory=dict, repr=False, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that is counted, each once."""
        return tuple(dict.fromkeys(name for _, name, _, _ in self.cells))

    def kind(self, cell: str) -> tuple[str, int, int] | None:
        """Under which name a cell is counted, as how many, and its LUTs."""
        if cell not in self._known:
            self._known[cell] = next(((name, units, luts) for pattern, name, units, luts in self.cells
                                      if fnmatch.fnmatchcase(cell, pattern)), None)
        return self._known[cell]

    def lacks(self, cells: Mapping[str, int]) -> dict[str, tuple[int, int]]:
        """What the chip has too few of: needed and there."""
        return {name: (cells[name], there) for name, there in self.holds.items() if cells[name] > there}


def _ecp5(top: str) -> list[str]:
    """Without the slow self-check of the mapper; narrow adders of LUTs, for each carry cell takes two."""
    command = f"synth_ecp5 -no-rw-check -nowidelut -top {top}"
    return ["scratchpad -set abc9.verify 0", f"{command} -run :map_gates",
            f"techmap -D WIDEST={WIDEST} -map {NARROW_ADDERS.name}", f"{command} -run map_gates:"]


def _ice40(top: str) -> list[str]:
    return ["scratchpad -set abc9.verify 0", f"synth_ice40 -device u -dsp -no-rw-check -top {top}"]


def _gowin(top: str) -> list[str]:
    return [f"synth_gowin -family gw2a -noiopads -no-rw-check -nowidelut -top {top}"]


def _xilinx7(top: str) -> list[str]:
    """It has no ``-no-rw-check``: the memories themselves are told."""
    return ["setattr -set no_rw_check 1 m:*", "scratchpad -set abc9.verify 0",
            f"synth_xilinx -family xc7 -flatten -noiopad -noclkbuf -top {top}"]


ECP5 = Family(
    "ecp5", "ECP5", _ecp5,
    (("LUT4", "LUT4", 1, CELL_LUTS["LUT4"]), ("CCU2C", "CCU2C", 1, CELL_LUTS["CCU2C"]),
     ("TRELLIS_DPR16X4", "DPR16X4", 1, CELL_LUTS["DPR16X4"]), ("TRELLIS_FF", "FF", 1, 0), ("MULT18X18D", "MULT", 1, 0),
     ("DP16KD", "BRAM", 1, 0), ("PFUMX", "PFUMX", 1, 0), ("L6MUX21", "L6MUX21", 1, 0)),
    "LFE5U-85F", {"COMB": 83640, "FF": 83640, "MULT": 156, "BRAM": 208},
    ("LUT4", "CCU2C", "DPR16X4", "COMB", "FF", "MULT", "BRAM"),
    "multipliers of 18 x 18, memories of 18 kbit", (NARROW_ADDERS,))
ICE40 = Family(
    "ice40", "iCE40 UP5K", _ice40,
    (("SB_LUT4", "LUT", 1, 1), ("SB_CARRY", "CARRY", 1, 0), ("SB_DFF*", "FF", 1, 0), ("SB_MAC16", "MULT", 1, 0),
     ("SB_RAM40_4K*", "BRAM", 1, 0)),
    "iCE40UP5K", {"COMB": 5280, "FF": 5280, "MULT": 8, "BRAM": 30}, ("LUT", "CARRY", "COMB", "FF", "MULT", "BRAM"),
    "multipliers of 16 x 16, memories of 4 kbit; there are no LUT memories; a carry cell beside a LUT that has other "
    "inputs takes one more LUT, which is not counted")
GOWIN = Family(
    "gowin", "Gowin GW2A", _gowin,
    (("LUT[1-4]", "LUT", 1, 1), ("INV", "LUT", 1, 1), ("ALU", "ALU", 1, 1), ("RAM16S*", "LUTMEM", 1, 8),
     ("DFF*", "FF", 1, 0), ("MULT9X9", "MULT", 1, 0), ("MULT18X18", "MULT", 2, 0), ("MULT36X36", "MULT", 8, 0),
     ("SDP*B", "BRAM", 1, 0), ("DP*B", "BRAM", 1, 0), ("SP*", "BRAM", 1, 0)),
    "GW2A-18", {"COMB": 20736, "FF": 15552, "MULT": 96, "BRAM": 46},
    ("LUT", "ALU", "LUTMEM", "COMB", "FF", "MULT", "BRAM"),
    "multipliers of 9 x 9 (one of 18 x 18 counts as two), memories of 18 kbit; a LUT memory counts as a unit of 8 LUTs")
XILINX7 = Family(
    "xilinx7", "Xilinx 7", _xilinx7,
    (("LUT[1-6]", "LUT", 1, 1), ("INV", "LUT", 1, 1), ("CARRY4", "CARRY", 1, 0), ("RAM32M", "LUTMEM", 1, 4),
     ("RAM64M", "LUTMEM", 1, 4), ("RAM32X1D*", "LUTMEM", 1, 2), ("RAM64X1D*", "LUTMEM", 1, 2),
     ("SRL*", "LUTMEM", 1, 1), ("FD*", "FF", 1, 0), ("DSP48E1", "MULT", 1, 0), ("RAMB18E1", "BRAM", 1, 0),
     ("RAMB36E1", "BRAM", 2, 0)),
    "XC7A100T", {"COMB": 63400, "FF": 126800, "MULT": 240, "BRAM": 270},
    ("LUT", "CARRY", "LUTMEM", "COMB", "FF", "MULT", "BRAM"),
    "LUTs of 6 inputs, multipliers of 25 x 18, memories of 18 kbit (one of 36 counts as two); resources only")
FAMILIES = {family.name: family for family in (ECP5, ICE40, GOWIN, XILINX7)}
