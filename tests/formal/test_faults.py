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

import cosim
import zeroskip

FAULTS = (
    ("multiplier 4x4", cosim, "energy/zero_skip_multiplier.py", "zero_next.eq(~used)", "zero_next.eq(~self.en)"),
    ("multiplier 4x4", cosim, "energy/zero_skip_multiplier.py", "m.If(used if self._gate else 1)", "m.If(1)"),
    ("multiplier 4x4", cosim, "energy/zero_skip_multiplier.py", "m.If(zero_next)", "m.If(0)"),
    ("multiplier 4x4 told", cosim, "energy/zero_skip_multiplier.py", "self.a_zero | self.b_zero if", "self.a_zero if"),
    ("fifo 4", amaranth, "lib/fifo.py", "self.w_rdy.eq(self.level != self.depth),", "self.w_rdy.eq(1),"),
    ("fifo 4", amaranth, "lib/fifo.py", "_incr(consume, self.depth)", "_incr(produce, self.depth)"),
    ("queue 4", zeroskip, "gateware/primitives/queue.py", "Signal(self._bits + 1), Signal(self._bits + 1)",
     "Signal(self._bits), Signal(self._bits)"),
    ("queue 4", zeroskip, "gateware/primitives/queue.py", "m.If(self.write)", "m.If(self.write & ~self.read)"),
    ("queue 4", zeroskip, "gateware/primitives/queue.py", "read.addr.eq(head)", "read.addr.eq(tail - 1)"),
    ("queue 4", zeroskip, "gateware/primitives/queue.py", "[head.eq(0), tail.eq(0)]", "tail.eq(0)"),
    ("axi lite", zeroskip, "gateware/axi/lite.py", "self.awvalid & self.wvalid & ~self.bvalid",
     "self.awvalid & self.wvalid"),
    ("axi lite", zeroskip, "gateware/axi/lite.py", "m.Elif(self.rready)", "m.Else()"),
    ("axi lite", zeroskip, "gateware/axi/lite.py", "self.strobe.eq(self.wstrb)", "self.strobe.eq(15)"),
    ("axi lite", zeroskip, "gateware/axi/lite.py", "self.asked & (self.given |", "self.asked & (1 |"),
    ("beat packer 4", zeroskip, "gateware/dense/packer.py", "m.If(self.en & (place == 0) & ~here)",
     "m.If(self.en & ~here)"),
    ("beat packer 4", zeroskip, "gateware/dense/packer.py", "m.If(self.en & (place == 0) & ~here)", "m.If(0)"),
    ("boundary numbered", zeroskip, "gateware/axi/top.py", "result.valid & ~reset",
     "result.valid & self.m_axis_result_tready"),
    ("boundary numbered", zeroskip, "gateware/axi/top.py", ".eq(stream.ready & ~reset)", ".eq(stream.ready)"),
    ("boundary numbered", zeroskip, "gateware/axi/top.py", "self.m_axis_result_tkeep.eq(result.payload.keep)",
     "self.m_axis_result_tkeep.eq(result.payload.keep | self.m_axis_result_tready)"),
    ("way out scatter 2", zeroskip, "gateware/lane/places.py", "self._phase == Mux(down, 0, step.stride - 1)",
     "self._phase == step.stride - 1"),
    ("loader", zeroskip, "gateware/array/loader.py", " & (check.second == self._second)", ""),
    ("loader", zeroskip, "gateware/array/loader.py", "m.If(~self._ended | short)", "m.If(short)"),
    ("loader", zeroskip, "gateware/array/loader.py", "(head.digest != digest(self._config))", "0"),
    ("loader", zeroskip, "gateware/array/loader.py", "self._last.eq(self._left == 2)",
     "self._last.eq(self._left == 1)"),
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
    ("reader order", zeroskip, "gateware/lane/reader.py", "self._room & ~(self.steal & self.look)", "self._room"),
    ("reader order", zeroskip, "gateware/lane/reader.py", "words + read - left - lost",
     "words + read - left"),
    ("reader order", zeroskip, "gateware/lane/reader.py", "jobs_next < QUEUE_JOBS", "jobs_next <= QUEUE_JOBS"),
    ("reader order", zeroskip, "gateware/lane/reader.py", "address.eq(start), left.eq(words)",
     "address.eq(start + 1), left.eq(words)"),
    ("reader order", zeroskip, "gateware/lane/reader.py", "self._jobs_room & ~active", "self._jobs_room"),
    ("reader match", zeroskip, "gateware/lane/reader.py", "keeps = Cat(mask).any() | tags_3[1]",
     "keeps = Cat(mask).any()"),
    ("reader match", zeroskip, "gateware/lane/reader.py", "(entry.weight != 0) & (chosen | ~self.look",
     "(chosen | ~self.look"),
    ("reader match", zeroskip, "gateware/lane/reader.py", "last = tags.last & ~self._hold", "last = tags.last"),
    ("reader match", zeroskip, "gateware/lane/reader.py", "both, at = Cat(flags, flags_next)",
     "both, at = Cat(flags, flags)"),
    ("issue", zeroskip, "gateware/lane/issue.py", "rest.eq(mask & (mask - 1))", "rest.eq(mask & ((mask - 1) >> 1))"),
    ("issue", zeroskip, "gateware/lane/issue.py", "go.eq(may & ~stolen & ~closed)", "go.eq(may & ~closed)"),
    ("issue", zeroskip, "gateware/lane/issue.py", "open_.eq(wait == 2)", "open_.eq(wait <= 3)"),
    ("issue", zeroskip, "gateware/lane/issue.py", "gap = Signal(2), Mux(finish, self.gap_end, self.gap)",
     "gap = Signal(2), self.gap"),
    ("issue", zeroskip, "gateware/lane/issue.py", "level[1:].any()", "some"),
    ("issue late", zeroskip, "gateware/lane/issue.py", "(left == 1) & self.room", "self.room"),
    ("issue late", zeroskip, "gateware/lane/issue.py", "first.eq(ends)", "first.eq(done)"),
    ("requantiser narrow", zeroskip, "gateware/lane/requantiser.py", "& ~rest & ~value[1])", "& ~rest)"),
    ("requantiser scaling", zeroskip, "gateware/lane/requantiser.py", "low.a.eq(total[:low_bits])",
     "low.a.eq(total[:low_bits - 1])"),
    ("requantiser scaling, lean", zeroskip, "gateware/primitives/lut_multiplier.py", "(high * self.b << 1)",
     "high * self.b"),
    ("requantiser rounding", zeroskip, "gateware/lane/requantiser.py", "(self.rounding_even & ~rest & ~value[1])",
     "(self.rounding_even & ~value[1])"),
    ("requantiser rounding", zeroskip, "gateware/lane/requantiser.py", "wanted.eq(coarse[: step + 1].any())",
     "wanted.eq(coarse[:step].any())"),
    ("bus 3", zeroskip, "gateware/array/bus.py", "sends = result.valid & token[lane]", "sends = result.valid"),
    ("bus 3", zeroskip, "gateware/array/bus.py", "self.map_word.valid & ~taken", "self.map_word.valid"),
    ("bus 3", zeroskip, "gateware/array/bus.py", "Cat(granules) | ~seen.mask.all().replicate(config.flags)",
     "Cat(granules)"),
    ("maps", zeroskip, "gateware/array/maps.py", "(~word.valid | self.sent) & (under_way", "(under_way"),
    ("maps", zeroskip, "gateware/array/maps.py", "under_way.eq(~last)", "under_way.eq(1)"),
    ("results", zeroskip, "gateware/array/results.py", "self.halt.eq(level >= depth", "self.halt.eq(level > depth"),
    ("results", zeroskip, "gateware/array/results.py", "(level != 0) & (~self.o.valid | self.o.ready)", "level != 0"),
    ("results", zeroskip, "gateware/array/results.py", "last = count + 1 ==", "last = count =="),
    ("barrier", zeroskip, "gateware/array/barrier.py", "all_wait.eq(self.waiting.all())",
     "all_wait.eq(self.waiting.any())"),
    ("barrier", zeroskip, "gateware/array/barrier.py", "settling.eq(SETTLING)", "settling.eq(1)"),
    ("barrier", zeroskip, "gateware/array/barrier.py", "(~self.sync.program | (parts != 0))", "1"),
    ("pacer", zeroskip, "gateware/lane/pacer.py", "may_next.eq(~self.step_1.stream & int(lanes == 1))",
     "may_next.eq(1)"),
    ("pacer", zeroskip, "gateware/lane/pacer.py", "new_plain | new_leaves & may_emit, plain",
     "new_plain | new_leaves, plain"),
    ("pacer", zeroskip, "gateware/lane/pacer.py", "new.full & ~new.moves", "new.full"),
    ("pacer", zeroskip, "gateware/lane/pacer.py", "with m.If(carried & item.put):", "with m.If(carried):"),
    ("way out pool", zeroskip, "gateware/lane/drain.py", "is_open.eq(stays & ~close)", "is_open.eq(stays)"),
    ("way out flat", zeroskip, "gateware/lane/drain.py", "zeros.eq(zeros - 1), end.eq(zeros == 1)",
     "zeros.eq(zeros - 1), end.eq(zeros == 2)"),
    ("way out flat", zeroskip, "gateware/lane/places.py", "past = self.plane_ends & (", "past = ("),
    ("way out pool", zeroskip, "gateware/lane/places.py", "Mux(self.step_1.largest, self._rows_end, first_row)",
     "self._rows_end"),
    ("way out raw", zeroskip, "gateware/lane/places.py", "Mux(step.raw & self.short, step.short_last",
     "Mux(step.raw, step.short_last"),
    ("way out flat 2 ways", zeroskip, "gateware/lane/constants.py", "own.pitch_last.eq(own.column_stride - 1)",
     "own.pitch_last.eq(own.column_stride)"),
    ("way out flat", zeroskip, "gateware/lane/drain.py", "Mux(puts, ~full & ~close,", "Mux(puts, ~full,"),
)

INDUCTION = {"loader"}
"""Proofs whose faults show too late for a counterexample from the start to be found: their induction fails."""


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
    verdict, what = (" UNKNOWN", ".log") if name in INDUCTION else (" FAIL", ".vcd")
    assert row.startswith(name) and row.endswith(verdict), done.stdout + done.stderr
    assert (ROOT / see.split()[-1]).name.endswith(what)
