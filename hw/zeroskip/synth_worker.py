"""Runs one yosys script in a process of its own: ``python -m zeroskip.synth_worker FILE``; the log goes to stdout.

In the current folder ``pyosys`` is a link to the package: yosys derives the paths of its files, and of the abc that it
starts by a shell, from where it was imported.
"""

from __future__ import annotations

import os
import sys


def main(arguments: list[str]) -> int:
    """Run the script, whose errors end the process with a status that is not 0."""
    sys.path.insert(0, os.getcwd())
    from pyosys import libyosys

    libyosys.run_pass(f"script {arguments[0]}", libyosys.Design())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
