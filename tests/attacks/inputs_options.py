"""Values of options that are none."""

from __future__ import annotations

from tests.attacks.case import Case, Content, case, fifo
from tests.attacks.ingredients import layer, model
from tests.attacks.inputs_onnx import GOOD
from tests.attacks.inputs_outputs import GRID
from tests.attacks.inputs_study import line

FILES: dict[str, Content] = {"layer.npz": layer(), "m.onnx": GOOD, "s.toml": GRID, "cells.jsonl": line()}

COMMANDS: list[tuple[str, str]] = [
    ("simulate layer.npz --images 0", "--images must be"), ("simulate layer.npz --images -1", "--images must be"),
    ("simulate layer.npz --images 2", "is more than the 1"),
    (f"predict layer.npz --images {10**30}", "less than 2**63"),
    ("predict model --images 5000", "is more than the"), ("predict model --images 1.5", "--images"),
    ("fit model --goal", "requires an argument"), ("simulate layer.npz --stall 1", "stall"),
    ("simulate layer.npz --stall nan", "stall"), ("simulate layer.npz --stall -0.1", "stall"),
    ("simulate layer.npz --stall inf", "stall"), ("simulate layer.npz --seed x", "--seed"),
    (f"simulate layer.npz --seed {'9' * 5000}", "seed"), ("simulate layer.npz --seed -1", "seed"),
    ("simulate layer.npz --engine x", "engine"), ("predict layer.npz --engine", "requires an argument"),
    ("generate --engine x --output out", "engine"), ("predict layer.npz --preset x", "preset"),
    ("predict layer.npz --multipliers 5", "multipliers"), ("predict layer.npz --preset tiny --multipliers 64", ""),
    ("predict layer.npz --groups 2", "No such option"), ("simulate layer.npz --simulator x", "simulator"),
    ("compile layer.npz --engine x --out out", "engine must be one of"),
    ("compile layer.npz --engine dense --out out", "engine must be one of"), ("compile layer.npz", "Missing option"),
    ("compile layer.npz --preset x --out out", "preset"), ("compile layer.npz --multipliers 5 --out out",
     "multipliers"),
    ("compile --out out", "Missing argument"), ("compile layer.npz --images 1 --out out", "No such option"),
    ("generate --set words=64 --output out", "No such option"),
    ("fit model --chip x", "--chip must be one of"), ("fit model --goal x", "--goal must be one of"),
    ("fit model --luts 0 --multipliers 1 --memories 1", "--luts must be"), ("fit model --luts 5", "go together"),
    ("fit model --luts 5 --multipliers 5 --memories 5", ""),
    (f"fit model --luts {10**30} --multipliers 1 --memories 1", "--luts must be"),
    ("prune --zero-ratio nan --out out", "zero ratio"), ("prune --zero-ratio 1.5 --out out", "zero ratio"),
    ("prune --filter-ratio 1 --out out", "filter ratio"), ("prune --nzer-orig 0 --out out", "nzer_orig"),
    ("prune --criterion x --out out", "unknown criterion"), ("prune --threshold x --out out", "unknown threshold"),
    ("prune --schedule x --out out", "unknown schedule"), ("prune --precision float8 --out out", "unknown precision"),
    ("prune --epochs -1 --out out", "epochs"), ("prune --seed -1 --out out", "seed"),
    (f"prune --seed {10**30} --out out", "less than 2**63"), ("prune --shift -1 --out out", "shift"),
    ("prune --qat-epochs -1 --out out", "qat epochs"), ("prune --model resnet20 --out out", "no weights of resnet20"),
    ("run --images 0 --out out", "--images must be"), ("run --workers 0 --out out", "--workers must be"),
    ("run --simulator x --out out", "simulator"), ("run --train-epochs 0 --out out", "--train-epochs must be"),
    ("run --train-epochs 1 --model x --out out", "unknown model"), ("run --preset x --out out", "preset"),
    ("train --model x --out out", "unknown model"), ("train --precision x --out out", "precision"),
    ("train --epochs 0 --out out", "epochs"), ("train --seed -1 --epochs 1 --out out", "seed"),
    ("study s.toml --workers 0 --out out", "--workers must be"), ("study s.toml --workers x --out out", "--workers"),
    ("build --board x --output out", "board: found"), ("build --preset x --output out", "preset must be one of"),
    ("build --kind x --output out", "kind: found"), ("build --seeds 1,1 --output out", "seeds must be different"),
    ("build --seeds , --output out", "seeds must be"), ("build --seeds ² --output out", "seeds must be"),
    (f"build --seeds {'9' * 5000} --output out", ""), ("build --clock nan --output out", "clock"),
    ("build --clock inf --output out", "clock"), ("build --clock 0.5 --output out", "--clock"),
    ("build --clock 5 --output out", "clock: found"), ("synth --family x", "--family must be"),
    ("synth --clock --family ice40", "--clock places"), ("synth --clock --seeds 1,1", "seeds must be"),
    ("synth --timeout nan", "timeout"), ("synth --timeout 0", "--timeout"),
    ("energy --part x", "--part must be one of"), ("energy --images 0", "--images"),
    ("energy model --json model/x.json", "which is read"), ("energy --preset x", "preset"),
    ("predict", "Missing argument"), ("nonsense", "No such command"),
    ("predict layer.npz --nonsense", "No such option"),
    ("predict layer.npz extra", "unexpected extra argument"), ("import", "Missing argument"),
]
LIMITS = ("", "x", "-1", "0", "nan", "1e9", "0.1", "10X", "9" * 40, "\x1b[2J", "1G1", "3²")
VERBS = ("simulate layer.npz", "predict layer.npz", "fit model", "compile layer.npz --out out",
         "generate --output out", "synth", "energy", "doctor",
         "prune --out out", "run --out out", "train --out out", "study s.toml --out out", "report run",
         "build --output out", "flash b", "compare cells.jsonl", "import m.onnx --out out")


def cases() -> list[Case]:
    """Every verb has ``--memory-limit``: a value for each, and all values for one."""
    made = [case(f"options: {command[:70]}", command, says, FILES | model()) for command, says in COMMANDS]
    made += [case(f"options: {verb.split()[0]} --memory-limit {LIMITS[number % len(LIMITS)]!a:.12}",
                  f"{verb} --memory-limit", "--memory-limit", FILES | model(), LIMITS[number % len(LIMITS)])
             for number, verb in enumerate(VERBS)]
    small = ("simulate layer.npz", "predict model", "compile model --out out", "prune --out out",
             "import m.onnx --out out", "run --out out")
    made += [case(f"options: {verb.split()[0]} --memory-limit 10", f"{verb} --memory-limit 10",
                  "the memory limit is 10 bytes", FILES | model()) for verb in small]
    needs = {"needs": "sta"}
    return [*made,
            case("energy, layer file: text", "energy layer.npz", "no zip file", {"layer.npz": "x" * 99}, **needs),
            case("energy, model folder: empty", "energy .", "it has no model.json", **needs),
            case("energy, layer file: a FIFO", "energy layer.npz", "found a FIFO", {"layer.npz": fifo}, **needs)]
