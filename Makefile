# The two commands of the README are `make run` and `make test`; CONTRIBUTING.rst explains the others.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUN_DIR ?= run
TRIAL_ARGS ?= -j2
TESTS ?= tests

.PHONY: help run test lint format types interop crash bench docs coverage fuzz clean

help:
	@echo "make run      set everything up, start it, and say how to send and read mail"
	@echo "make test     the whole test suite"
	@echo "make lint     ruff, mypy, import-linter"
	@echo "make interop  against real mail programs from Debian's packages (needs root or sudo)"
	@echo "make crash    kill -9 in fifty delivery storms, full disks, databases that go away"
	@echo "make bench    side by side with Postfix and aiosmtpd, some minutes (needs root and Debian's postfix)"
	@echo "make docs     the documentation, into docs/_build/html"
	@echo "make coverage the test suite with a coverage report"
	@echo "make fuzz     the property tests, for a long time"

# One stamp an environment: installing again is only needed when the metadata changes.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Mailframe needs Python 3.11 or newer; say which: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	    { echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/.run: $(VENV)/bin/python setup.cfg pyproject.toml
	@echo "Installing Mailframe into $(VENV) (only the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip setuptools
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.run
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

$(VENV)/.dev: $(VENV)/.test
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,dev]'
	@touch $@

run: $(VENV)/.run
	@$(BIN)/mailframe quickstart $(RUN_DIR)

test: $(VENV)/.test
	@$(BIN)/python -m twisted.trial $(TRIAL_ARGS) $(TESTS)

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

interop: $(VENV)/.test
	@sh tests/interop/install.sh
	@MAILFRAME_INTEROP=1 $(BIN)/python -m twisted.trial --temp-directory=_trial_temp_interop tests.interop tests.directory.ldap tests.roles.test_ldap

crash: $(VENV)/.test
	@MAILFRAME_CRASH_ROUNDS=50 $(BIN)/python -m twisted.trial --temp-directory=_trial_temp_crash tests.crash \
		tests.store.maildir.test_crash tests.store.sqlite.test_crash tests.store.postgresql.test_crash

bench: $(VENV)/.test
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check aiosmtpd
	@$(BIN)/python benchmarks/inbound.py --workload all
	@$(BIN)/python benchmarks/drain.py --workload all

docs: $(VENV)/.dev
	@$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

coverage: $(VENV)/.test
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m twisted.trial $(TESTS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --skip-covered

fuzz: $(VENV)/.test
	@HYPOTHESIS_PROFILE=long $(BIN)/python -m twisted.trial $(TESTS)

clean:
	rm -rf $(VENV) $(RUN_DIR) build dist docs/_build _trial_temp* *.egg-info
