# Needs Python >= 3.11, make, g++ and perl; everything else comes from pip into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
OUT ?= build/demo
JOBS ?= 2
CASES ?= 1000
QUICK := tests/files tests/hw/spec tests/hw/compiler tests/hw/export tests/hw/cycles/test_decode.py \
         $(wildcard tests/hw/test_*.py tests/hw/gateware/axi/test_*.py tests/hw/gateware/dense/test_*.py tests/sw/test_*.py)
# What builds a simulator, synthesises, trains, or takes half a minute for another reason.
SLOW := $(addprefix tests/hw/test_,boards.py clock.py driver_fuzz.py families.py host_link.py integration.py link_programs.py \
          synth.py uart.py verilog.py) tests/hw/gateware/axi/test_counter_store.py \
        $(addprefix tests/hw/gateware/dense/test_,engine.py output.py) \
        $(addprefix tests/sw/test_,cli_energy.py cli_generate.py cli_predict.py cli_simulate.py cli_simulate_network.py \
          cli_synth.py finetune.py onnx_hostile.py onnx_hostile_codes.py pipeline.py report.py report_hardware.py run.py \
          run_progress.py run_readme.py run_steps.py study.py train.py)
# What the report of the demo shows beside the run: the builds for boards, and energy on gates of the same network.
BESIDE ?= $(addprefix --board ,$(wildcard bitstreams/*)) --energy benchmarks/energy/tiny.json

.DEFAULT_GOAL := help
.PHONY: help venv demo test quick prove fuzz coverage lint bench clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

venv: $(STAMP)  ## make .venv with everything and the command zerokeep in it

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, not " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]' --constraint constraints.txt
	rm -rf zerokeep.egg-info
	touch $@

demo: $(STAMP)  ## prune, generate, simulate, synthesise, report: build/demo/report.html
	$(BIN)/python -m zerokeep run --out $(OUT) $(BESIDE)

# Many simulators and short runs: a build that is not optimised saves more than the simulation loses.
test: $(STAMP)  ## all tests, lint among them
	ZEROKEEP_OPTIMISE=0 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

quick: lint  ## lint, types, and the tests of what builds no simulator and trains nothing
	$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal $(filter-out $(SLOW),$(QUICK))

prove: $(STAMP)  ## prove parts of the hardware, lint every preset; make test does the quick ones
	$(BIN)/python -m tests.formal
	ZEROKEEP_ALL=1 $(BIN)/python -m pytest -q -n $(JOBS) tests/sim/test_lint.py

lint: $(STAMP)  ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/python -m mypy

fuzz: $(STAMP)  ## 1,000 random layers on every preset and engine (SEED=S for the same ones again)
	$(BIN)/python -m cosim.fuzz --cases $(CASES) $(if $(SEED),--seed $(SEED))

coverage: $(STAMP)  ## lines, branches and toggles of the Verilog of tiny that the fuzz reaches
	$(BIN)/python -m cosim.coverage --json build/coverage.json

bench: $(STAMP)  ## how near the arrays come to their bound
	$(BIN)/python -m benchmarks.utilisation

clean:  ## remove what was built; .venv stays
	rm -rf build
