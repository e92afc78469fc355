import doctest
import importlib
import os
import subprocess
import sys

import pytest


def test_cheap_import():
    """Neither the package, nor what reads a model folder, pulls PyTorch in."""
    code = "import sys, zerokeep, zerokeep.model_folder, zerokeep.data, zerokeep.recipe; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("name", ["data", "recipe", "thresholds", "scales", "rounded", "cycle_costs",
                                  "criteria.criterion", "criteria.geometric_median"])
def test_examples(name):
    results = doctest.testmod(importlib.import_module(f"zerokeep.{name}"))
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize(("given", "expected"), [(None, "1"), ("3", "3")])
def test_one_thread_unless_told(given, expected):
    environment = {key: value for key, value in os.environ.items() if key != "OPENBLAS_NUM_THREADS"}
    if given is not None:
        environment["OPENBLAS_NUM_THREADS"] = given
    code = "import os, zerokeep; print(os.environ['OPENBLAS_NUM_THREADS'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == expected
