# gradlab: `make lab` to learn, `make test` to check. Needs make and a Python 3.10 to 3.13; everything else is fetched
# into .venv and .cache here. `make` alone lists what there is.

VENV ?= .venv
export VENV PYTHON LOCK TF GPU
ARGS ?=
# Three on two cores: the one that drives the browser waits for it most of the time.
WORKERS ?= 3
SITE ?= build/site
TORCH ?= torch==2.13.0
MANAGER ?= @jupyter-widgets/html-manager@1.0.15 requirejs@2.3.8

PY = $(VENV)/bin/python
START = notebooks/00_start_here.ipynb
ROOT_USER = $(if $(filter 0,$(shell id -u)),--allow-root)
SET_UP = python="$$(sh tools/python.sh)" && "$$python" tools/env.py

.DEFAULT_GOAL := help
.PHONY: help env env-test lab test test-all check notebooks claims site bench-jacobian bench-watch bench-doctor bench-panel lock clean

help:  ## list the targets and variables
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  ARGS=...          more arguments for the target's command    VENV=dir       another place than .venv"
	@echo "  PYTHON=path       the Python to make the environment with    WORKERS=n      test processes (3)"
	@echo "  LOCK=none         newest releases, not the pinned ones       TF=2.16.*      that TensorFlow (implies LOCK=none)"
	@echo "  GPU=1             TensorFlow with CUDA (Linux)                 SITE=dir         where the site goes (build/site)"

env:  ## make the environment without starting anything
	@$(SET_UP) lab

env-test:  ## the same with the test tools
	@$(SET_UP) test

lab: env  ## open JupyterLab at the first page (ARGS=--no-browser: only the server)
	@$(PY) -m jupyterlab --ServerApp.ip=127.0.0.1 --LabApp.default_url=/lab/tree/$(START) $(ROOT_USER) $(ARGS)

test: env-test  ## lint, types, unit tests, notebooks, browser (ARGS='-k name': only those)
	@path="$$(mktemp)"; $(PY) tools/browser.py > "$$path" & looking=$$!; \
	$(MAKE) --no-print-directory check; checked=$$?; \
	wait $$looking || exit 1; browser="$$(cat "$$path")"; rm "$$path"; \
	[ $$checked = 0 ] || exit 1; \
	GRADLAB_BROWSER="$$browser" $(PY) -m pytest -n $(WORKERS) --dist loadgroup -ra $(ARGS) || exit 1; \
	[ -n "$$browser" ] || echo "gradlab: !!! NO CHROMIUM WAS FOUND: THE BROWSER TESTS DID NOT RUN"; \
	[ -e node_modules/axe-core ] || echo "gradlab: !!! NO npm, OR IT REACHED NO REGISTRY: axe-core DID NOT CHECK ACCESSIBILITY"

test-all: env-test  ## the same with the longer forms of the sampled tests (marked weekly), and the panel in other hosts
	@$(PY) -c "import voila, marimo" 2>/dev/null || $(PY) -m pip install voila==0.5.* marimo==0.25.* || \
	echo "gradlab: !!! NO VOILÀ OR NO marimo: THE PANEL WAS NOT TRIED THERE"
	@npm install --no-save --no-package-lock --no-audit --no-fund --silent $(MANAGER) || \
	echo "gradlab: !!! NO npm, OR IT REACHED NO REGISTRY: THE PANEL WAS NOT TRIED IN THE WIDGET MANAGER OF COLAB AND VS CODE"
	@$(MAKE) --no-print-directory test ARGS="-m '' $(ARGS)"

check: env-test  ## ruff, mypy and, where npm is found, the types of the panel's JavaScript (npm also brings axe-core)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	@$(PY) -m mypy & python=$$!; \
	if command -v npm >/dev/null && npm install --no-package-lock --no-audit --no-fund --silent; then \
	npx --no-install tsc -p . ; \
	else echo "gradlab: !!! NO npm, OR IT REACHED NO REGISTRY: THE PANEL'S JAVASCRIPT WAS NOT TYPE-CHECKED"; fi; \
	javascript=$$?; wait $$python && exit $$javascript

notebooks: env  ## build the notebooks from the .py beside them, and the pages in docs/ that are made
	$(VENV)/bin/gradlab render $(ARGS)
	$(VENV)/bin/gradlab list --into docs/scenarios.md
	$(VENV)/bin/gradlab tree --into docs/decision_tree.md

claims: env  ## measure every claim again and print the table
	$(VENV)/bin/gradlab claims $(ARGS)

site: env-test  ## build the static site into SITE (ARGS=--serve: and serve it, ARGS='--zip FILE': and pack it)
	$(VENV)/bin/gradlab site $(SITE) $(ARGS)

bench-jacobian: env-test  ## the cost of each way to a per-timestep Jacobian
	@$(PY) -c "import torch" 2>/dev/null || { echo "gradlab: adding PyTorch, the CPU build where uv can reach one"; \
	$(PY) -m uv pip install --torch-backend cpu $(TORCH) || $(PY) -m pip install $(TORCH); }
	$(PY) benchmarks/jacobian.py $(ARGS)

bench-watch: env  ## the cost of gradlab.Watch beside a plain training
	$(PY) benchmarks/watch.py $(ARGS)

bench-doctor: env-test  ## the cost of gradlab.Tape and of gradlab explain beside plain runs
	$(PY) benchmarks/doctor.py $(ARGS)

bench-panel: env-test  ## how fast a panel answers, beside interact and ipympl, in a browser (ARGS=--memory: and its memory)
	@$(PY) -c "import ipympl" 2>/dev/null || $(PY) -m pip install ipympl==0.10.*
	@browser="$$($(PY) tools/browser.py)" && GRADLAB_BROWSER="$$browser" $(PY) benchmarks/panel.py --into benchmarks/panel.md $(ARGS)

lock: env  ## resolve the dependencies anew into requirements/
	$(PY) tools/lock.py

clean:  ## remove the environment, the downloads and the tools' caches
	if [ -e $(VENV)/gradlab.json ]; then rm -rf $(VENV); fi  # never a folder that we did not make
	rm -rf .cache .pytest_cache .ruff_cache .mypy_cache build dist
	find gradlab tests tools notebooks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
