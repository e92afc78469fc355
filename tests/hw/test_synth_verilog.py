"""Verilog is made ready for yosys without changing what it says."""

from __future__ import annotations

import pytest

from zeroskip.synth_verilog import LARGE, prepare, share_modules
from zeroskip.verilog import ToolError

LEAF = """module \\top.engine.{name} (a, \\port${number}$0 , y);
  reg \\$auto$verilog_backend.cc:2355:dump_module${number}  = 0;
  input a;
  wire a;
  input \\port${number}$0 ;
  wire \\port${number}$0 ;
  output y;
  wire y;
  wire \\${number} ;
  assign \\${number}  = a {operator} \\port${number}$0 ;
  assign y = \\${number} ;
{filler}endmodule
"""
INSTANCE = """  \\top.engine.{name}  {short} (
    .a(a),
    .\\port${number}$0 (b),
    .y(\\y[{index}] )
  );
"""


def design(filler=0):
    """Three leaves of the same text but for made-up names, the third of which differs in its operator."""
    leaves = [("leaf_0", 7, "&"), ("leaf_1", 12, "&"), ("leaf_2", 30, "|")]
    body = "".join(INSTANCE.format(name=name, short=name, number=number, index=index)
                   for index, (name, number, _) in enumerate(leaves))
    modules = "".join(LEAF.format(name=name, number=number, operator=operator, filler="  wire w;\n" * filler)
                      for name, number, operator in leaves)
    return f"""module top(a, b);
  input a;
  \\top.engine  engine (
    .a(a),
    .b(b)
  );
endmodule

module \\top.engine (a, b);
  wire \\y[0] ;
{body}endmodule

{modules}"""


def test_equal_modules_are_written_once():
    text, _ = share_modules(prepare(design()), "top")
    assert text.count("endmodule") == 4
    assert text.count("\\top.engine.leaf_0  leaf_0 (") == 1
    assert text.count("\\top.engine.leaf_0  leaf_1 (") == 1
    assert text.count("\\top.engine.leaf_2  leaf_2 (") == 1
    assert "leaf_1 (a" not in text
    # Both instances use the port's new name, which the module has.
    port = text.split("module \\top.engine.leaf_0 (a,")[1].split(",")[0].strip()
    assert port.startswith("\\$") and text.count(f".{port} (b)") == 3


def test_kept_modules():
    assert share_modules(prepare(design()), "top")[1] == ["top.engine", "top.engine.leaf_0", "top.engine.leaf_2"]
    nested = design(filler=LARGE).replace("top.engine", "top.engine.part.x").replace("module top(", "module old(")
    nested += "module top(a, b);\n  \\top.engine  engine (\n    .a(a)\n  );\nendmodule\n"
    nested += "module \\top.engine (a);\n  \\top.engine.part  part (\n    .a(a)\n  );\nendmodule\n"
    nested += "module \\top.engine.part (a);\n  \\top.engine.part.x  x (\n    .a(a)\n  );\nendmodule\n"
    assert share_modules(prepare(nested), "top")[1] == ["top.engine", "top.engine.part", "top.engine.part.x.leaf_0"]


def test_brackets_and_zeros():
    text = ("  wire [7:0] \\weights[0] ;\n  reg [7:0] memory [1:0];\n  initial begin\n    memory[0] = 8'h00;\n"
            "    memory[1] = 8'h00;\n  end\n  initial begin\n    other[0] = 8'h01;\n  end\n")
    assert prepare(text) == ("  wire [7:0] \\weights<0> ;\n  reg [7:0] memory [1:0];\n"
                             "  initial begin\n    other[0] = 8'h01;\n  end\n")


def test_no_such_module():
    with pytest.raises(ToolError, match=r"^the Verilog has no module bottom$"):
        share_modules(design(), "bottom")
