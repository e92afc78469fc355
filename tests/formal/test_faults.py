"""Deliberate faults, planted in a scratch copy of the sources: each must be found by the proof of that part."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import amaranth
import pytest
from tests.formal.catalogue import PROOFS
from tests.formal.sby import ROOT

import zeroskip

FAULTS = (
    ("multiplier 4x4", zeroskip, "multiplier.py", "zero_next.eq(~used)", "zero_next.eq(~self.en)"),
    ("multiplier 4x4", zeroskip, "multiplier.py", "m.If(used if self._gate else 1)", "m.If(1)"),
    ("multiplier 4x4", zeroskip, "multiplier.py", "m.If(zero_next)", "m.If(0)"),
    ("multiplier 4x4 told", zeroskip, "multiplier.py", "self.a_zero | self.b_zero if", "self.a_zero if"),
    ("fifo 4", amaranth, "lib/fifo.py", "self.w_rdy.eq(self.level != self.depth),", "self.w_rdy.eq(1),"),
    ("fifo 4", amaranth, "lib/fifo.py", "_incr(consume, self.depth)", "_incr(produce, self.depth)"),
    ("queue 4", zeroskip, "gateware/primitives/queue.py", "Signal(self._bits + 1), Signal(self._bits + 1)",
     "Signal(self._bits), Signal(self._bits)"),
    ("queue 4", zeroskip, "gateware/primitives/queue.py", "m.If(self.write)", "m.If(self.write & ~self.read)"),
    ("queue 4", zeroskip, "gateware/primitives/queue.py", "read.addr.eq(head)", "read.addr.eq(tail - 1)"),
    ("queue 4", zeroskip, "gateware/primitives/queue.py", "[head.eq(0), tail.eq(0)]", "tail.eq(0)"),
    ("requantiser narrow", zeroskip, "requantiser.py", "value - Cat(1, self.high)", "value - Cat(0, self.high)"),
    ("requantiser narrow", zeroskip, "requantiser.py", "self.acc + self.bias", "self.acc"),
    ("requantiser scaling", zeroskip, "requantiser.py", "Signal(split + FACTOR_BITS,",
     "Signal(split + FACTOR_BITS - 1,"),
    ("requantiser rounding", zeroskip, "requantiser.py", "coarse[: step + 1].any()", "coarse[:step].any()"),
    ("requantiser rounding", zeroskip, "requantiser.py", "fine[: step + 1].any()", "fine[step]"),
    ("requantiser rounding", zeroskip, "requantiser.py", "beneath | ~remainder[8]", "~remainder[8]"),
    ("result slots 4", zeroskip, "result_slots.py", "self.evict >= room[:-1]", "self.evict > room[:-1]"),
    ("result slots 4", zeroskip, "result_slots.py", "room[-1] | behind", "(room < -1) | behind"),
    ("result slots 4", zeroskip, "result_slots.py", "self.evict >= room[:-1]", "self.evict + 1 >= room[:-1]"),
    ("result slots 4", zeroskip, "result_slots.py", "room.eq(self.ring)", "room.eq(self.ring - 1)"),
    ("iterator", zeroskip, "iterator.py", "emit.eq(valid & room)", "emit.eq(valid)"),
    ("iterator", zeroskip, "iterator.py", "(~valid | (emit & last))", "(~valid | last)"),
    ("iterator", zeroskip, "iterator.py", "dropped.eq(pushed & ~some)", "dropped.eq(pushed & ~some & queue.valid)"),
    ("iterator", zeroskip, "iterator.py", "current.mask.eq(lowest.rest)", "current.mask.eq(current.mask & 0xF0)"),
    ("iterator", zeroskip, "lowest.py", "_single(some) & _single(chosen)", "_single(chosen)"),
    ("walker", zeroskip, "walker.py", "known.eq(~self.marker & ~before)", "known.eq(~self.marker)"),
    ("walker", zeroskip, "walker.py", "address.eq(read.addr - 1)", "address.eq(read.addr - self.take)"),
    ("walker", zeroskip, "walker.py", "self.take | self.ended)", "self.take | end)"),
    ("walker", zeroskip, "accumulators.py", "write.data.eq(parity ^ self.clear)", "write.data.eq(parity)"),
    ("axi lite", zeroskip, "gateware/axi/lite.py", "self.awvalid & self.wvalid & ~self.bvalid",
     "self.awvalid & self.wvalid"),
    ("axi lite", zeroskip, "gateware/axi/lite.py", "m.Elif(self.rready)", "m.Else()"),
    ("axi lite", zeroskip, "gateware/axi/lite.py", "self.strobe.eq(self.wstrb)", "self.strobe.eq(15)"),
    ("axi lite", zeroskip, "gateware/axi/lite.py", "self.asked & (self.given |", "self.asked & (1 |"),
    ("beat merger 2", zeroskip, "output_beats.py", "(turn == self._units - 1) | last", "turn == self._units - 1"),
    ("beat merger keeps", zeroskip, "output_beats.py", "room.eq(self.result.ready | ~self.result.valid)", "room.eq(1)"),
    ("beat packer 4", zeroskip, "gateware/dense/packer.py", "m.If(self.en & (place == 0) & ~here)",
     "m.If(self.en & ~here)"),
    ("beat packer 4", zeroskip, "gateware/dense/packer.py", "m.If(self.en & (place == 0) & ~here)", "m.If(0)"),
    ("output unit", zeroskip, "output.py", "enough = after != 0", "enough = (after != 0) | self.rows.p.last"),
    ("output unit", zeroskip, "output.py", "first = taken & (place == 0)", "first = taken & place.all()"),
    ("output unit modes", zeroskip, "output.py", "Cat(valid & self.requantise, codes)", "Cat(valid, codes)"),
    ("output unit sums", zeroskip, "gateware/dense/packer.py", "raw.word_select(byte % raw_bytes, 8)",
     "raw.word_select((byte + 4) % raw_bytes, 8)"),
    ("boundary", zeroskip, "gateware/axi/top.py", "result.valid & ~reset", "result.valid & self.m_axis_result_tready"),
    ("boundary", zeroskip, "gateware/axi/top.py", ".eq(stream.ready & ~reset)", ".eq(stream.ready)"),
    ("dense cell", zeroskip, "gateware/dense/cell.py", "empty.eq(begins & ~counts)", "empty.eq(begins)"),
    ("dense cell", zeroskip, "gateware/dense/cell.py", "begins = self.first | empty", "begins = self.first"),
    ("dense cell", zeroskip, "gateware/dense/cell.py", "Mux(empty, 0, accumulator.acc)", "accumulator.acc"),
    ("dense cell", zeroskip, "gateware/dense/cell.py", "accumulator.en.eq(counts)", "accumulator.en.eq(1)"),
    ("dense tap table", zeroskip, "gateware/dense/tap_table.py", "asks.eq(credits != 0)", "asks.eq(1)"),
    ("dense output unit", zeroskip, "gateware/dense/output.py", "enough = after != 0",
     "enough = (after != 0) | self.rows.p.last"),
    ("dense output unit", zeroskip, "gateware/dense/output.py", "first = taken & (place == 0)",
     "first = taken & place.all()"),
    ("dense output unit modes", zeroskip, "gateware/dense/output.py", "codes = delay(m, valid & requantise,",
     "codes = delay(m, valid,"),
    ("dense output unit sums", zeroskip, "gateware/dense/output.py", "biased.eq(sums[index] + read.bias)",
     "biased.eq(sums[index ^ 1] + read.bias)"),
    ("dense results", zeroskip, "gateware/dense/results.py", "last.eq(number == self.count)",
     "last.eq(number + 1 == self.count)"),
    ("dense results keep", zeroskip, "gateware/dense/results.py", "self.result.ready | ~self.result.valid", "1"),
    ("array", zeroskip, "accumulators.py", "adder.second.eq(first)", "adder.second.eq(0)"),
    ("array", zeroskip, "walker.py", "self.ended | (self.take & head.last)", "self.take & head.last"),
    ("array", zeroskip, "lane.py", "~(value.nonzero & wanted[p])", "~(value.nonzero & value.code[0] & wanted[p])"),
)


def test_every_quick_proof_has_a_fault() -> None:
    assert {name for name, proof in PROOFS.items() if proof.quick} <= {fault[0] for fault in FAULTS}


@pytest.mark.parametrize(("name", "package", "file", "right", "wrong"), FAULTS)
def test_found(name: str, package: ModuleType, file: str, right: str, wrong: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    source = Path(str(package.__file__)).parent
    shutil.copytree(source, copy / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    planted = copy / source.name / file
    text = planted.read_text()
    assert text.count(right) == 1, f"{file} no longer holds {right!r} once"
    planted.write_text(text.replace(right, wrong))
    path = os.pathsep.join(filter(None, [str(copy), os.environ.get("PYTHONPATH")]))
    done = subprocess.run([sys.executable, "-m", "tests.formal", "--build", tmp_path / "build", name], cwd=ROOT,
                          env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    _, row, see, _ = done.stdout.splitlines()
    assert row.startswith(name) and row.endswith(" FAIL"), done.stdout + done.stderr
    assert (ROOT / see.split()[-1]).name.endswith(".vcd")
