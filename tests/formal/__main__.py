"""``python -m tests.formal [--quick] [NAME]...``: run proofs, print a table, exit 1 where one fails."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tests.formal.catalogue import PROOFS
from tests.formal.sby import BUILD, run


def main(arguments: list[str]) -> int:
    """Exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.formal", description="Run proofs of the hardware.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(PROOFS)}; all if none is given")
    parser.add_argument("--quick", action="store_true", help="only those that run with the tests")
    parser.add_argument("--build", type=Path, default=BUILD, metavar="FOLDER",
                        help="where to work; build/prove if not given")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in PROOFS]:
        parser.error(f"no proof {unknown[0]!r}; there are: {', '.join(PROOFS)}")
    chosen = [PROOFS[name] for name in options.names or PROOFS if PROOFS[name].quick or not options.quick]
    failed = 0
    print(f"{'proof':30}{'mode':7}{'depth':>6}{'cover':>7}{'seconds':>9}  {'engine':12}verdict")
    for proof in chosen:
        depth = "any" if proof.engine == "abc pdr" else proof.depth
        print(f"{proof.name:30}{proof.mode:7}{depth:>6}{proof.cover:>7}", end="", flush=True)
        verdict = run(proof, options.build)
        print(f"{verdict.seconds:9.1f}  {proof.engine:12}{verdict.status}", flush=True)
        if verdict.status != "PASS":
            failed += 1
            print(f"  see {os.path.relpath(verdict.trace or verdict.log)}")
    print(f"{len(chosen) - failed} of {len(chosen)} proved")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
