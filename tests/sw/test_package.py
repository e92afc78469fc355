import doctest
import importlib
import subprocess
import sys

import pytest


def test_cheap_import():
    """Neither the package, nor what reads a model folder, pulls PyTorch in."""
    code = "import sys, zerokeep, zerokeep.model_folder, zerokeep.data, zerokeep.recipe; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("name", ["data", "prune", "quantise", "recipe"])
def test_examples(name):
    results = doctest.testmod(importlib.import_module(f"zerokeep.{name}"))
    assert results.attempted > 0
    assert results.failed == 0
