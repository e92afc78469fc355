"""The sum with a choice: as it reads, and in the cells that synthesis puts in its place."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from amaranth.back import verilog
from amaranth.sim import Simulator

from zeroskip import synth
from zeroskip.choosing_adder import ChoosingAdder
from zeroskip.verilog import ToolError


def signed(rng: random.Random, width: int) -> int:
    return rng.choice([rng.randrange(-1 << width - 1, 1 << width - 1), -1 << width - 1, (1 << width - 1) - 1, 0, -1])


def test_adds_the_chosen_value():
    dut, rng = ChoosingAdder(addend_width=17, width=28), random.Random(0)

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


def prove(folder: Path, width: int, cells: str) -> None:
    """Let yosys prove that the cells, in the component's place, are the component."""
    dut = ChoosingAdder(addend_width=17, width=width)
    inputs = ", ".join(f"input [{bits - 1}:0] {name}" for name, bits in
                       (("addend", 17), ("second", 1), ("values__0", width), ("values__1", width)))
    given = ", ".join(f".{name}({name})" for name in ("addend", "second", "values__0", "values__1"))
    (folder / "cells.v").write_text(cells)
    (folder / "dut.v").write_text(verilog.convert(dut, name="dut", emit_src=False))
    (folder / "both.v").write_text(
        f"module both ({inputs}, output differs);\n  wire [{width - 1}:0] one, other;\n  dut is ({given}, .sum(one));\n"
        f"  choosing_adder has ({given}, .sum(other));\n  assign differs = one != other;\nendmodule\n")
    synth.run_yosys("\n".join([
        "read_verilog -nooverwrite +/ecp5/cells_sim.v", f"read_verilog {folder}/dut.v {folder}/cells.v {folder}/both.v",
        "hierarchy -top both", "proc", "flatten", "opt -full", "sat -verify -show-ports -prove differs 0",
    ]) + "\n", folder / "yosys.log", 120)


@pytest.mark.parametrize("width", [28, 31, 32])
def test_the_cells_are_the_same(tmp_path, width):
    prove(tmp_path, width, synth.CHOOSING_ADDER.read_text())


@pytest.mark.parametrize("fault", [("569A", "569B"), ("569A", "596A"), ("carry[0] = 1'b0", "carry[0] = 1'b1")])
def test_a_fault_in_the_cells_is_found(tmp_path, fault):
    cells = synth.CHOOSING_ADDER.read_text()
    assert fault[0] in cells
    with pytest.raises(ToolError, match="proof did fail"):
        prove(tmp_path, 28, cells.replace(*fault))
