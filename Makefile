# posenas: `make demo` and `make test` do all their own set-up on a fresh machine.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help install detector demo test test-fast test-gpu check format bench docs findings clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 14

install: $(INSTALLED)  ## build the environment .venv with the posenas command

# The stamp is written last, so that an installation that broke off is taken up again.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "posenas needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

# MediaPipe needs older versions of what posenas needs, so it lives apart; `posenas detect` runs it from there.
detector: .venv-detector/.installed  ## build the environment of `posenas detect` (MediaPipe, 1.1 GB)

.venv-detector/.installed: constraints-detector.txt
	$(PYTHON) -c 'import sys; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 12) and "MediaPipe 0.10.21 needs Python 3.9 to 3.12, this is " + sys.version.split()[0] + ": make detector PYTHON=python3.12")'
	$(PYTHON) -m venv .venv-detector
	.venv-detector/bin/python -m pip install --quiet --constraint constraints-detector.txt mediapipe==0.10.21
	.venv-detector/bin/python -c 'import mediapipe'
	touch $@

demo: $(INSTALLED)  ## the whole chain on built-in synthetic data: lift, search, train, evaluate, recognize, film
	$(BIN)/posenas demo

# Two processes, a file of tests at a time: most tests wait for processes and servers that they have started. Files go
# in the order of their names, so that the last ones are quick and both processes end together.
test: $(INSTALLED)  ## every test, the slow ones included
	@bash tests/system.sh
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-fast: $(INSTALLED)  ## the tests that take seconds
	$(BIN)/python -m pytest -m 'not slow and not ray'

test-gpu: $(INSTALLED)  ## the tests that need a CUDA device
	$(BIN)/python -m pytest -m gpu

check: $(INSTALLED)  ## lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED)  ## mend what the linter can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(INSTALLED)  ## the site of docs/ in site/, without a warning
	$(BIN)/python docs/make_pages.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# not lift.py and ablation.py, which train for hours, nor pose2sim.py, which needs a lifter: their --help says how
bench: $(INSTALLED)  ## the benchmarks, each printing its machine and its table
	@set -e; for script in $(filter-out $(addprefix benchmarks/,ablation.py lift.py pose2sim.py search_settings.py),$(wildcard benchmarks/*.py)); do echo "== $$script"; $(BIN)/python $$script; done

# Each script builds an environment of its own in a temporary folder. LATEST=1 takes the newest versions instead of the pinned ones.
findings:  ## the surprises of other libraries, run again: prints what changed since (minutes, network needed)
	@changed=; failed=; for script in findings/*.sh; do echo "== $$script"; bash "$$script"; \
		case $$? in 0) ;; 1) changed="$$changed $$script" ;; *) failed="$$failed $$script" ;; esac; done; \
	echo "changed since:$${changed:- nothing}"; [ -z "$$failed" ] || echo "did not run:$$failed"; [ -z "$$changed$$failed" ]

clean:  ## remove the environment and every cache; runs/ and mlflow.db stay
	rm -rf $(VENV) .venv-detector build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
