"""Random layers through generated Verilog, on every engine and preset, against the integer reference.

``python -m cosim.fuzz [--cases N] [--seed S] [--preset NAME]... [--out FOLDER]`` (``make fuzz``); a case that is wrong
is made smaller and kept in a folder, with the command that shows it again; ``--again FOLDER`` is such a command.
"""

from __future__ import annotations

import argparse
import secrets
import shlex
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from cosim import failures
from cosim.designs import cached
from cosim.fuzz_cases import CONFIGS, Session, Step, Verdict, make_session, turns, verdicts
from cosim.fuzz_shrink import alone, shrink
from cosim.simulators import Build, build, find_simulator
from zeroskip.files.cache import default_cache
from zeroskip.files.process import handle_signals
from zeroskip.files.reading import read_json
from zeroskip.layer import Layer
from zeroskip.spec.dense import has_dense

OUT = Path("build/fuzz")
KINDS = (("zero-skip", 3), ("dense", 1), ("dense-gate", 1))
WEIGHTS = {"tiny": 6, "pairs": 6, "ones": 6, "odd": 6, "small": 6, "base": 3, "fine": 2, "large": 1}
"""How often each configuration gets a session."""
SESSION = 20
"""Cases in a process."""
SHRUNK = 3
"""So many failures are made smaller; the others are kept as they are."""

Say = Callable[[str], None]


@dataclass(kw_only=True)
class Fuzz:
    """Builds, runs and keeps; counts what was done."""

    cache: Path
    out: Path
    say: Say
    engines: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)
    cuts: int = 0
    cycles: int = 0
    cases: int = 0

    def built(self, session: Session) -> Build:
        """The simulator of a session."""
        design = cached(session.config, session.kind, self.cache / "verilog")
        return build(design, find_simulator("verilator"), self.cache / "simulators")

    def run(self, session: Session) -> int:
        """Run a session and give the number of wrong cases; after an error that ends a simulation run what is left."""
        built, rest, wrong = self.built(session), session, 0
        while rest.steps:
            found = verdicts(rest, built)
            for number, (step, verdict) in enumerate(zip(rest.steps, found, strict=False)):
                if verdict is None:
                    self.cuts += 1
                    continue
                self.cases += step.abort_after is None
                self.engines[step.engine] += step.abort_after is None
                self.cycles += verdict.cycles
                if verdict.wrong is not None:
                    wrong += 1
                    self._failed(rest, number, verdict)
            rest = replace(rest, steps=rest.steps[len(found) :])
        return wrong

    def _failing(self, session: Session) -> Verdict | None:
        """The verdict on the last step where that is wrong (or an earlier one ends the simulation)."""
        last = verdicts(session, self.built(session))[-1]
        return last if last is not None and last.wrong is not None else None

    def _first_failing(self, sessions: list[Session]) -> Session | None:
        """Sessions of one step without pauses go through one process, any other has its own."""
        single = [own for own in sessions if len(own.steps) == 1 and not own.stall]
        if len(single) == len(sessions) > 1:
            together = replace(single[0], steps=tuple(own.steps[0] for own in single))
            found = verdicts(together, self.built(together))
            suspects = [own for own, verdict in zip(single, found, strict=False) if verdict and verdict.wrong]
        else:
            suspects = sessions
        return next((own for own in suspects if self._failing(own) is not None), None)

    def _failed(self, session: Session, number: int, verdict: Verdict) -> None:
        """Find the least that fails, and keep it."""
        name = f"{session.name}-{session.kind}-{len(self.kept):03}"
        self.say(f"WRONG: {name}: {verdict.wrong}")
        least, found = replace(session, steps=session.steps[: number + 1]), verdict
        for candidate in alone(session, number):
            seen = self._failing(candidate)
            if seen is not None:
                least, found = candidate, seen
                break
        if len(self.kept) < SHRUNK:
            least = shrink(least, self._first_failing)
            found = self._failing(least) or found
        folder = keep(self.out, name, least, found)
        self.kept.append(folder)
        command = read_json(folder / "about.json")["command"]
        self.say(f"  kept, {least.steps[-1].layer.weight.shape} on {least.steps[-1].layer.needed_input().shape}, "
                 f"{len(least.steps)} layers: {found.wrong}\n  see it again: {command}")


def keep(parent: Path, name: str, session: Session, verdict: Verdict) -> Path:
    """The last step as any failure of a simulation is kept; beside it the steps before it."""
    *earlier, last = session.steps

    def command(folder: Path) -> str:
        if not earlier and last.abort_after is None:
            return failures.replay_command(folder, last.engine, session.config, session.stall, session.seed)
        return shlex.join(["python", "-m", "cosim.fuzz", "--again", failures.argument(folder)])

    about = failures.about(last.engine, session.config, verdict.wrong or "", session.stall, session.seed)
    about |= {"name": session.name, "kind": session.kind, "steps": [
        {"engine": step.engine, "abort_after": step.abort_after} for step in session.steps]}
    return failures.keep(parent, name, last.layer, verdict.streams or {}, verdict.outputs or {}, about, command,
                         config=session.config, before=[step.layer for step in earlier])


def load(folder: Path) -> Session:
    """Undo `keep`."""
    about = read_json(folder / "about.json")
    paths = [folder / f"before_{number:02}.npz" for number in range(len(about["steps"]) - 1)] + [folder / "layer.npz"]
    steps = tuple(Step(layer=Layer.load(path), **own) for path, own in zip(paths, about["steps"], strict=True))
    return Session(name=about["name"], kind=about["kind"], stall=about["stall"], seed=about["seed"], steps=steps)


def run_again(folder: Path, cache: Path, say: Say) -> int:
    """Run a kept session; the number of wrong steps."""
    session = load(folder)
    found = verdicts(session, Fuzz(cache=cache, out=folder.parent, say=say).built(session))
    for step, verdict in zip(session.steps, found, strict=False):
        say(f"{step.engine} {step.layer.weight.shape}: {'cut off' if verdict is None else verdict.wrong or 'right'}")
    return sum(verdict is not None and verdict.wrong is not None for verdict in found)


def fuzz(cases: int, seed: int, *, cache: Path, out: Path = OUT, say: Say = print,
         names: Sequence[str] = tuple(WEIGHTS), session: int = SESSION) -> Fuzz:
    """Run so many random layers; ``kept`` of what comes back names a folder for each that was wrong."""
    own = Fuzz(cache=cache, out=out, say=say)
    weights = [(name, kind, WEIGHTS[name] * share) for name in names for kind, share in KINDS
               if kind == "zero-skip" or has_dense(CONFIGS[name])]
    count = -(-cases // session)
    say(f"{cases} random layers in {count} sessions, seed {seed}")
    start = time.monotonic()
    for number, turn in enumerate(islice(turns(weights), count)):
        before = time.monotonic(), own.cycles
        made = make_session(seed, number, turn, min(session, cases - number * session), own.refused)
        wrong = own.run(made)
        say(f"{number + 1:4}/{count} {' '.join(turn):18} stall {made.stall}: {len(made.steps)} layers, {wrong} wrong, "
            f"{own.cycles - before[1]:,} cycles, {time.monotonic() - before[0]:.1f} s")
    say(f"{own.cases} cases ({', '.join(f'{name} {n}' for name, n in sorted(own.engines.items()))}), {own.cuts} resets "
        f"in mid-layer, {len(own.refused)} layers refused by the packer and drawn anew, {own.cycles:,} cycles, "
        f"{time.monotonic() - start:.0f} s, seed {seed}: {len(own.kept)} wrong")
    return own


def main(arguments: list[str]) -> int:
    """1 where anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m cosim.fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=1000, metavar="N", help="layers (default 1000)")
    parser.add_argument("--seed", type=int, metavar="S", help="default: another one each time; it is printed")
    parser.add_argument("--preset", action="append", choices=sorted(CONFIGS), help="default: all")
    parser.add_argument("--session", type=int, default=SESSION, metavar="N", help="layers in a simulator's process")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER", help="for what was wrong")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="simulators built before (default: the user's)")
    parser.add_argument("--again", type=Path, metavar="FOLDER", help="run what was kept there, and nothing else")
    options = parser.parse_args(arguments)

    def say(text: str) -> None:
        print(text, flush=True)

    cache = options.cache or default_cache()
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    with handle_signals():
        if options.again is not None:
            return 1 if run_again(options.again, cache, say) else 0
        done = fuzz(options.cases, seed, out=options.out, cache=cache, say=say,
                    names=options.preset or tuple(WEIGHTS), session=options.session)
    return 1 if done.kept else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
