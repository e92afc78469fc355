"""``python -m zerokeep``: the command line, also where the script of that name does not start."""

from __future__ import annotations

import sys

from zerokeep.cli import main

if __name__ == "__main__":
    sys.exit(main())
