"""What all tests share: nothing is written in the checkout but in ``build/``."""

from pathlib import Path

from hypothesis import configuration

configuration.set_hypothesis_home_dir(Path(__file__).parents[1] / "build" / "hypothesis")
