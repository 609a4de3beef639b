# Needs Python 3.11, git and make; brings everything else into .venv and node_modules.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
LOG := build/log

# Where py-solc-x and ape look for the compiler, and the one folder they may write to.
export SOLCX_BINARY_PATH := $(CURDIR)/.venv/solcx
export APE_DATA_FOLDER := $(CURDIR)/.venv/ape
export PATH := $(CURDIR)/$(BIN):$(PATH)

SOLIDITY := 'contracts/**/*.sol'
PYTHON_SOURCES := benchmarks python scripts tests

# For `make fuzz`, `crash`, `chaos` and `soak`: how long, and from which seed (a fresh one unless given); for `make fuzz`
# also which one of its runs alone.
SECONDS = 600
SEED =
RUN =

# For `make bench`: which benchmarks, all unless given.
ONLY =

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint fuzz crash chaos soak gas bench format compile clean
.DELETE_ON_ERROR:

# $(call step,what is happening,command,log name): one plain line; the log only when the command fails.
define step
@echo "$(1) ..."
@mkdir -p $(LOG)
@$(2) >$(LOG)/$(3) 2>&1 || { cat $(LOG)/$(3); echo "failed: $(1) (log: $(LOG)/$(3))"; exit 1; }
endef

help: ## List the targets
	@$(PYTHON) -c 'import re; [print(f"  make {n:<9} {d}") for n, d in re.findall(r"(?m)^([a-z]+):.*?## (.+)", open("Makefile").read())]'

setup: .venv/.package .venv/.toolchain ## Set up .venv and node_modules; does nothing when they are up to date

demo: setup ## Run the main job on a real development chain: answers at once, proof after
	@$(BIN)/afterproof demo

test: lint ## Set up, lint, and run the whole test suite
	@echo "compiling what changed in the contracts ..."
	@$(BIN)/python scripts/compile.py --check
	@echo "running the tests ..."
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=25 --durations-min=5
	@echo "running the tests that go through ape, on py-evm and on anvil ..."
	@$(BIN)/ape test tests/ape/test_through_ape.py
	@$(BIN)/ape test tests/ape --network ethereum:local:foundry

lint: setup .venv/.slither ## Check style and types of Python, style of Solidity, and examine it with slither
	@echo "checking Python style ..."
	@$(BIN)/ruff check $(PYTHON_SOURCES)
	@$(BIN)/ruff format --check $(PYTHON_SOURCES)
	@echo "checking Python types ..."
	@$(BIN)/mypy
	@echo "checking Solidity style ..."
	@$(BIN)/node node_modules/.bin/prettier --log-level warn --check $(SOLIDITY)
	@$(BIN)/node node_modules/.bin/solhint --disc --noPoster --max-warnings 0 $(SOLIDITY)
	@echo "examining Solidity with slither ..."
	@$(BIN)/python -m scripts.slither

fuzz: setup ## Play the state machines: SECONDS=600 SEED=7 (a fresh one unless given)
	@$(BIN)/python -m scripts.fuzz --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(if $(RUN),--run $(RUN))

crash: setup ## Kill relayers at any moment, on a real node, and hold them to what they promised: SECONDS=600 SEED=7
	@CRASH_SECONDS=$(SECONDS) SEED=$(SEED) $(BIN)/pytest -s tests/e2e/test_crash.py -k while_many_hand_in

chaos: setup ## Lanes honest and not, amid kills, reorganisations and failing nodes, to the last wei: SECONDS=60 SEED=1
	@CHAOS_SECONDS=$(SECONDS) SEED=$(SEED) $(BIN)/pytest -s tests/e2e/test_chaos.py

soak: setup ## Give a relayer as much as it can take, and watch its memory, threads and files: SECONDS=600
	@SOAK_SECONDS=$(SECONDS) $(BIN)/pytest -s tests/e2e/test_soak.py

# Only figures on standard output, whatever has to be set up first.
gas: ## Measure what the contracts cost on a real node, and bring benchmarks/gas.txt up to date
	@$(MAKE) --silent --no-print-directory setup >&2
	@echo "compiling what changed in the contracts ..." >&2
	@$(BIN)/python scripts/compile.py --check >&2
	@$(BIN)/python -m benchmarks.gas --write

# As for gas: whatever has to be set up first, only figures on standard output.
bench: ## Measure how fast everything is on this machine, in at most 25 minutes: ONLY=tree for one benchmark
	@$(MAKE) --silent --no-print-directory setup >&2
	@$(BIN)/python -m benchmarks.run $(addprefix --only ,$(ONLY))

format: setup ## Format Python and Solidity in place
	@$(BIN)/ruff check --fix-only --quiet $(PYTHON_SOURCES)
	@$(BIN)/ruff format $(PYTHON_SOURCES)
	@$(BIN)/node node_modules/.bin/prettier --log-level warn --write $(SOLIDITY)

compile: setup ## Compile the contracts into the artifacts that the Python package ships
	@$(BIN)/python scripts/compile.py

clean: ## Remove everything that setup, compile and the tests made
	rm -rf .venv node_modules .build build .hypothesis .mypy_cache .pytest_cache .ruff_cache python/*.egg-info

# --- set-up, each step with a stamp ---------------------------------------------------------------

.venv/.packages: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "Python 3.11 is needed; this is " + sys.version.split()[0] + ". Name another with: make PYTHON=...")'
	$(call step,creating .venv,$(PYTHON) -m venv .venv,venv.log)
	$(call step,setting up Python packages (about a minute),$(BIN)/pip install --disable-pip-version-check --require-hashes -r requirements.lock,pip.log)
	@touch $@

.venv/.package: .venv/.packages pyproject.toml
	$(call step,installing afterproof into .venv,$(BIN)/pip install --disable-pip-version-check --no-deps --no-build-isolation -e .,package.log)
	@touch $@

node_modules/.packages: .venv/.packages package.json package-lock.json
	$(call step,setting up the Solidity toolchain,$(BIN)/npm ci --no-audit --no-fund,npm.log)
	@touch $@

# The compiler under the name that py-solc-x expects, the native anvil, and a hook so that programs run
# straight from .venv/bin find both.
.venv/.toolchain: node_modules/.packages scripts/toolchain/link.py scripts/toolchain/solc.js
	$(call step,linking solc and anvil into .venv,$(BIN)/python scripts/toolchain/link.py,link.log)
	@touch $@

# Its dependencies clash with those of ape, so it has an environment of its own.
.venv/.slither: .venv/.packages requirements-slither.lock
	$(call step,creating .venv/slither,$(BIN)/python -m venv .venv/slither,slither-venv.log)
	$(call step,setting up slither (about a minute),.venv/slither/bin/pip install --disable-pip-version-check --require-hashes -r requirements-slither.lock,slither-pip.log)
	@touch $@
