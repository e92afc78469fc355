"""What all tests share: nothing is written in the checkout but in ``build/``, nor in the user's home."""

import os
from pathlib import Path

from hypothesis import configuration

BUILD = Path(__file__).parents[1] / "build"
configuration.set_hypothesis_home_dir(BUILD / "hypothesis")
os.environ["XDG_CACHE_HOME"] = str(BUILD / "xdg")
