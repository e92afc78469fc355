# amaranth: UnusedElaboratable=no
"""The sum with a choice: as it reads, and in the cells that synthesis puts in its place."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from amaranth.back import verilog
from amaranth.sim import Simulator

from zeroskip import synth
from zeroskip.accumulators import Accumulators
from zeroskip.choosing_adder import ChoosingAdder
from zeroskip.families import CHOOSING_ADDER, ECP5
from zeroskip.verilog import ToolError


def signed(rng: random.Random, width: int) -> int:
    return rng.choice([rng.randrange(-1 << width - 1, 1 << width - 1), -1 << width - 1, (1 << width - 1) - 1, 0, -1])


def test_adds_the_chosen_value():
    dut, rng = ChoosingAdder(width=28), random.Random(0)

    async def bench(ctx):
        for _ in range(300):
            addend, values, second = signed(rng, 17), [signed(rng, 28) for _ in range(2)], rng.randrange(2)
            ctx.set(dut.addend, addend)
            ctx.set(dut.values[0], values[0])
            ctx.set(dut.values[1], values[1])
            ctx.set(dut.second, second)
            wrapped = (addend + values[second] + (1 << 27)) % (1 << 28) - (1 << 27)
            assert ctx.get(dut.sum) == wrapped
            await ctx.delay(1e-9)

    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()


def luts(folder: Path, *, replaced: bool) -> dict[str, int]:
    """What accumulators take, with or without the cells in the component's place."""
    folder.mkdir()
    dut = Accumulators(filters=16, pixels=1, acc_width=28, product_width=17, result_rows=64)
    (folder / "dut.v").write_text(verilog.convert(dut, name="dut", emit_src=False))
    commands = [line for line in ECP5.commands("dut") if replaced or "choosing_adder" not in line]
    synth.run_yosys("\n".join(["read_verilog dut.v", "hierarchy -top dut", *commands, "tee -q -o stat.json stat -json"])
                    + "\n", folder, 120, family=ECP5)
    return synth.count_cells(json.loads((folder / "stat.json").read_text()), "dut")[""]


def test_synthesis_takes_the_cells(tmp_path):
    """A LUT less for each bit of a sum, and no carry cell more."""
    here, without = luts(tmp_path / "with", replaced=True), luts(tmp_path / "without", replaced=False)
    assert here["LUT4"] <= without["LUT4"] - 28 and here["CCU2C"] == without["CCU2C"] >= 14


def test_refuses_what_the_cells_are_not_made_for():
    with pytest.raises(ValueError, match="width must be at most 32, not 33"):
        ChoosingAdder(width=33)


def prove(folder: Path, width: int, cells: str) -> None:
    """Let yosys prove that the cells, in the component's place, are the component."""
    dut = ChoosingAdder(width=width)
    inputs = ", ".join(f"input [{bits - 1}:0] {name}" for name, bits in
                       (("addend", 17), ("second", 1), ("values__0", width), ("values__1", width)))
    given = ", ".join(f".{name}({name})" for name in ("addend", "second", "values__0", "values__1"))
    (folder / "cells.v").write_text(cells)
    (folder / "dut.v").write_text(verilog.convert(dut, name="dut", emit_src=False))
    (folder / "both.v").write_text(
        f"module both ({inputs}, output differs);\n  wire [{width - 1}:0] one, other;\n  dut is ({given}, .sum(one));\n"
        f"  choosing_adder has ({given}, .sum(other));\n  assign differs = one != other;\nendmodule\n")
    synth.run_yosys("\n".join([
        "read_verilog -nooverwrite +/ecp5/cells_sim.v", "read_verilog dut.v cells.v both.v",
        "hierarchy -top both", "proc", "flatten", "opt -full", "sat -verify -show-ports -prove differs 0",
    ]) + "\n", folder, 120)


@pytest.mark.parametrize("width", [28, 31, 32])
def test_the_cells_are_the_same(tmp_path, width):
    prove(tmp_path, width, CHOOSING_ADDER.read_text())


@pytest.mark.parametrize("fault", [("569A", "569B"), ("569A", "596A"), ("carry[0] = 1'b0", "carry[0] = 1'b1")])
def test_a_fault_in_the_cells_is_found(tmp_path, fault):
    cells = CHOOSING_ADDER.read_text()
    assert fault[0] in cells
    with pytest.raises(ToolError, match="proof did fail"):
        prove(tmp_path, 28, cells.replace(*fault))
