# amaranth: UnusedElaboratable=no
"""Components in cells of the ECP5 against themselves in plain Amaranth, at random, and what of the chip they take."""

from __future__ import annotations

import json

import pytest
from tests.hw.gateware.primitives.forms import CYCLES, Pair, compare, convert, ports

from zeroskip.families import ECP5
from zeroskip.gateware.primitives.accumulator import Accumulator
from zeroskip.gateware.primitives.dual_port import TrueDualPort
from zeroskip.gateware.primitives.lut_multiplier import LutMultiplier
from zeroskip.gateware.primitives.multiplier import RegisteredMultiplier
from zeroskip.gateware.primitives.simple_dual_port import SimpleDualPort
from zeroskip.synth import run_yosys
from zeroskip.verilog import ToolError

NO_COLLISION = {
    TrueDualPort: "if (a__address == b__address && (a__write_enable || b__write_enable)) b__address = b__address ^ 1;",
    SimpleDualPort: "if (write__address == read__address) write__enable = 0;",
}
SIZES = [
    *((RegisteredMultiplier, {"a_width": a, "b_width": b, "clearable": clearable})
      for a, b, clearable in ((9, 8, True), (9, 8, False), (18, 18, True), (1, 1, True), (8, 18, False))),
    *((Accumulator, {"acc_width": acc, "product_width": product})
      for acc, product in ((28, 17), (2, 1), (28, 28), (48, 36))),
    *((LutMultiplier, {"a_width": a, "b_width": b}) for a, b in ((10, 17), (1, 1), (7, 4), (2, 9))),
    *((TrueDualPort, {"width": width, "depth": depth}) for width, depth in (
        (9, 2048), (18, 1024), (4, 4096), (2, 8192), (1, 16384), (23, 1500), (36, 600), (7, 3000), (1, 1))),
    *((SimpleDualPort, {"width": width, "depth": depth}) for width, depth in (
        (36, 512), (72, 512), (54, 2048), (18, 1024), (4, 4096), (2, 8192), (1, 16384), (50, 300), (5, 3000), (1, 1))),
]
TAKEN = {
    (TrueDualPort, 9, 2048): 1, (TrueDualPort, 18, 1024): 1, (TrueDualPort, 4, 4096): 1, (TrueDualPort, 2, 8192): 1,
    (TrueDualPort, 1, 16384): 1, (TrueDualPort, 23, 1500): 3, (TrueDualPort, 36, 600): 2, (TrueDualPort, 7, 3000): 2,
    (TrueDualPort, 1, 1): 1,
    (SimpleDualPort, 36, 512): 1, (SimpleDualPort, 72, 512): 2, (SimpleDualPort, 54, 2048): 6,
    (SimpleDualPort, 18, 1024): 1, (SimpleDualPort, 4, 4096): 1, (SimpleDualPort, 2, 8192): 1,
    (SimpleDualPort, 1, 16384): 1, (SimpleDualPort, 50, 300): 2, (SimpleDualPort, 5, 3000): 2,
    (SimpleDualPort, 1, 1): 1,
}
"""Block memories, by hand."""


def name_of(kind, sizes):
    return "_".join([kind.__name__, *(str(int(size)) for size in sizes.values())])


PAIRS = [Pair(name=name_of(kind, sizes), kind=kind, sizes=sizes, legal=NO_COLLISION.get(kind, ""))
         for kind, sizes in SIZES]


def faulty(kind, name, old, new, *, legal=None, **sizes):
    return Pair(name=f"{kind.__name__}_{name}", kind=kind, sizes=sizes, fault=(old, new),
                legal=NO_COLLISION.get(kind, "") if legal is None else legal)


FAULTS = [
    faulty(RegisteredMultiplier, "uncleared", ".RST3(clear)", ".RST3(1'h0)", a_width=9, b_width=8),
    faulty(RegisteredMultiplier, "cleared_by_another", 'RST("RST3")', 'RST("RST0")', a_width=9, b_width=8),
    faulty(RegisteredMultiplier, "unregistered", '"CLK0"', '"NONE"', a_width=9, b_width=8),
    faulty(RegisteredMultiplier, "unsigned", ".SIGNEDB(1'h1)", ".SIGNEDB(1'h0)", a_width=18, b_width=18),
    faulty(Accumulator, "generates_bias", "INIT1(16'h656a", "INIT1(16'h656c", acc_width=28, product_width=17),
    faulty(Accumulator, "carry", ".CIN(1'h0)", ".CIN(1'h1)", acc_width=28, product_width=17),
    faulty(Accumulator, "unextended", ".A1(product[16])", ".A1(1'h0)", acc_width=28, product_width=17),
    faulty(LutMultiplier, "one_too_many", "INIT1(16'h7888", "INIT1(16'h7880", a_width=10, b_width=17),
    faulty(LutMultiplier, "not_doubled", ".C1(b[0])", ".C1(b[1])", a_width=10, b_width=17),
    faulty(TrueDualPort, "unregistered", 'REGMODE_A("OUTREG")', 'REGMODE_A("NOREG")', width=9, depth=2048),
    faulty(TrueDualPort, "reads_while_writing", 'WRITEMODE_B("NORMAL")', 'WRITEMODE_B("READBEFOREWRITE")', width=9,
           depth=2048),
    faulty(TrueDualPort, "address", ".ADB13(b__address[10])", ".ADB13(1'h0)", width=9, depth=2048),
    faulty(TrueDualPort, "collides", "module", "module", width=9, depth=2048, legal=""),
    faulty(SimpleDualPort, "always_writes_a_byte", ".ADA2(write__enable)", ".ADA2(1'h1)", width=36, depth=512),
    faulty(SimpleDualPort, "swapped", ".DIB0(write__data[18])", ".DIB0(write__data[0])", width=36, depth=512),
    faulty(SimpleDualPort, "byte_disabled", ".ADA1(1'h1)", ".ADA1(1'h0)", width=18, depth=1024),
    faulty(SimpleDualPort, "unregistered", 'REGMODE_B("OUTREG")', 'REGMODE_B("NOREG")', width=18, depth=1024),
    faulty(SimpleDualPort, "collides", "module", "module", width=36, depth=512, legal=""),
]


def test_the_forms_are_the_same_and_faults_are_found(tmp_path):
    """One test, for all pairs are one build."""
    compared = compare([*PAIRS, *FAULTS], tmp_path)
    assert [(pair.name, compared[pair.name]) for pair in PAIRS if compared[pair.name][0]] == []
    assert [pair.name for pair in FAULTS if compared[pair.name][0] < 10] == []
    assert [(pair.name, compared[pair.name]) for pair in PAIRS if compared[pair.name][1] < CYCLES // 20] == []


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_the_forms_have_the_same_ports(pair):
    """Those of the signature, a clock and a reset."""
    wanted = sorted([*ports(pair.make()), "clk", "rst"])
    for form, text in pair.forms().items():
        start = f"module {pair.name}_{form}("
        assert sorted(text[text.index(start) + len(start):text.index(");")].split(", ")) == wanted


def taken(kind, sizes, folder):
    """Cells of each kind, by the commands that synthesise the whole design."""
    (folder / "dut.v").write_text(convert(kind, sizes, "dut", cells=True))
    run_yosys("\n".join(["read_verilog dut.v", "hierarchy -top dut", *ECP5.commands("dut"),
                         "tee -q -o stat.json stat -json"]) + "\n", folder, 120, family=ECP5)
    cells = json.loads((folder / "stat.json").read_text())["modules"]["\\dut"]["num_cells_by_type"]
    return {name.lstrip("\\"): count for name, count in cells.items()}


def prove(folder, pair):
    """Let yosys prove, by induction over any inputs, that what comes out of the forms never differs."""
    (folder / "forms.v").write_text("\n".join(pair.forms().values()))
    run_yosys("\n".join([
        "read_verilog -nooverwrite +/ecp5/cells_sim.v", "read_verilog forms.v", "hierarchy -check", "proc", "flatten",
        f"miter -equiv -flatten -make_outputs {pair.name}_plain {pair.name}_cells both", "hierarchy -top both",
        "opt -full", "sat -verify -tempinduct -prove trigger 0 both",
    ]) + "\n", folder, 300)


@pytest.mark.parametrize(("kind", "sizes"), [(kind, sizes) for kind, sizes in SIZES if kind in NO_COLLISION],
                         ids=[pair.name for pair in PAIRS if pair.legal])
def test_a_memory_takes_block_memories_alone(kind, sizes, tmp_path):
    cells = TAKEN[kind, sizes["width"], sizes["depth"]]
    assert kind(**sizes).cells == cells
    assert taken(kind, sizes, tmp_path) == {"DP16KD": cells}


@pytest.mark.parametrize("clearable", [True, False])
def test_a_multiplier_takes_one_and_nothing_else(clearable, tmp_path):
    sizes = {"a_width": 9, "b_width": 8, "clearable": clearable}
    assert taken(RegisteredMultiplier, sizes, tmp_path) == {"MULT18X18D": 1}


@pytest.mark.parametrize(("acc_width", "product_width"), [(28, 17), (28, 28), (48, 36), (2, 1)])
def test_an_accumulator_takes_carry_cells_and_flip_flops_alone(acc_width, product_width, tmp_path):
    sizes = {"acc_width": acc_width, "product_width": product_width}
    assert taken(Accumulator, sizes, tmp_path) == {"CCU2C": acc_width // 2, "TRELLIS_FF": acc_width}


@pytest.mark.parametrize(("a_width", "b_width"), [(4, 5), (3, 6), (1, 1)])
def test_a_lut_multipliers_forms_are_proved_the_same(a_width, b_width, tmp_path):
    prove(tmp_path, Pair(name="product", kind=LutMultiplier, sizes={"a_width": a_width, "b_width": b_width}))


@pytest.mark.parametrize(("acc_width", "product_width"), [(28, 17), (32, 18), (2, 2)])
def test_an_accumulators_forms_are_proved_the_same(acc_width, product_width, tmp_path):
    sizes = {"acc_width": acc_width, "product_width": product_width}
    prove(tmp_path, Pair(name="accumulator", kind=Accumulator, sizes=sizes))


@pytest.mark.parametrize("pair", [pair for pair in FAULTS if pair.name.startswith("Accumulator")],
                         ids=lambda pair: pair.name)
def test_a_faulty_accumulator_is_not_proved(pair, tmp_path):
    with pytest.raises(ToolError, match="proof did fail"):
        prove(tmp_path, pair)
