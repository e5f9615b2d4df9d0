# Everything a fresh machine needs is done by `make run` and `make test`; a second start skips what is done.
#
#   EXTRA=gpu        FAISS and PyTorch for an NVIDIA card
#   TORCH_ARGS=…     passed to pip when it installs PyTorch, e.g. PyTorch's own CPU wheel index (a far smaller download on Linux)
#   PYTHON=python3.12  the interpreter the virtual environment is made with
#   NIGHTDESK_HOME=…   where state lives (default ./var)

PYTHON ?= python3
EXTRA ?= cpu
TORCH ?= torch==2.13.0
TORCH_ARGS ?=
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check -q

# OpenMP threads that spin while they wait take the second core away from everybody else.
export OMP_WAIT_POLICY := PASSIVE
export GOMP_SPINCOUNT := 0

.PHONY: run test test-fast setup setup-dev check format bench lock clean

run: setup  ## set up what is missing, then serve the demo company on http://127.0.0.1:8000
	$(PY) nightdesk.py serve --demo

test: setup-dev  ## set up what is missing, then run every test
	$(PY) -m pytest -n 2 -m "not browser and not kill" $(PYTEST_ARGS)
	$(PY) -m pytest -m "browser or kill" $(PYTEST_ARGS)

test-fast: setup-dev  ## the tests without real weights, browser or killing
	$(PY) -m pytest -n 2 -m "not weights and not browser and not kill and not gpu"

setup: $(VENV)/.ready-$(EXTRA) weights

setup-dev: $(VENV)/.ready-$(EXTRA)-dev weights

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Nightdesk needs Python 3.11 or newer; %s is %s. Try: make run PYTHON=python3.12" % (sys.executable, sys.version.split()[0]))'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing. On Debian or Ubuntu: sudo apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready-$(EXTRA): pyproject.toml requirements.lock | $(VENV)/bin/python
	@echo "Installing dependencies (once; a few minutes)…"
	$(PIP) install $(TORCH_ARGS) "$(TORCH)"
	$(PIP) install -c requirements.lock -e ".[$(EXTRA)]"
	@touch $@

$(VENV)/.ready-$(EXTRA)-dev: $(VENV)/.ready-$(EXTRA)
	$(PIP) install -c requirements.lock -e ".[$(EXTRA),dev]"
	@touch $@

NIGHTDESK_HOME ?= var
WEIGHTS := $(NIGHTDESK_HOME)/weights/minilm/model.safetensors $(NIGHTDESK_HOME)/weights/smollm2/model.safetensors

.PHONY: weights
weights:
	@for file in $(WEIGHTS); do test -f "$$file" || { echo "Fetching the base weights (once)…"; \
	    $(PY) nightdesk.py --home "$(NIGHTDESK_HOME)" doctor --mend --quiet; exit; }; done

check: setup-dev  ## formatting, lint and types
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy

format: setup-dev
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

bench: setup  ## whole turns through the whole service, on this machine
	$(PY) nightdesk.py bench turns --clients 1,8,32 --json

lock: setup-dev  ## write what is installed now to requirements.lock (versions only, no addresses)
	$(PY) -m pip freeze --exclude-editable --local | sed -E 's/\+cpu$$//; / @ /d' | LC_ALL=C sort -f > requirements.lock
	@grep -q '^faiss-gpu' requirements.lock || sed -n 's/^faiss-cpu==/faiss-gpu==/p' requirements.lock >> requirements.lock

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
