# Everything runs from the virtualenv in .venv, made here from requirements.lock; no root, no Docker.
PY := .venv/bin/python
STAMP := .venv/.installed

# Everything here starts many processes; each would compile all modules anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install run test chaos check bench bench-quick screenshots audit lock

help: ## List what make can do
	@grep -hE '^[a-z-]+:.*## ' Makefile | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(STAMP) ## Make .venv and install the locked packages

run: $(STAMP) ## Start everything; PORT and DATA_DIR may be set; Ctrl-C stops
	@exec $(PY) manage.py run

test: $(STAMP) ## Run the tests on a Postgres and a Valkey of their own
ifdef ARGS
	@exec $(PY) -m pytest $(ARGS)
else
	@$(PY) -m pytest --ignore tests/browser; others=$$?; \
	$(PY) -m pytest tests/browser && exit $$others
endif

chaos: $(STAMP) ## Break the running product in ten seeded ways and count (half an hour; ARGS=--quick)
	@exec $(PY) -m chaos $(ARGS)

check: $(STAMP) ## Lint, types, layers, templates, migrations
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports --no-cache
	@if [ -d templates ]; then $(PY) -m djlint --lint --quiet templates; fi
	$(PY) -W "ignore:Got an error checking a consistent migration history:RuntimeWarning" \
		manage.py makemigrations --check --dry-run

bench: $(STAMP) ## Measure everything side by side (about ten minutes), write docs/BENCHMARKS.md
	@exec $(PY) -m bench

bench-quick: $(STAMP) ## The same with one run of each, some three minutes
	@exec $(PY) -m bench --quick

screenshots: $(STAMP) ## Take every page in a house of its own into docs/screenshots (needs Chromium)
	@exec $(PY) -m tests.browser.screenshots

audit: $(STAMP) ## Ask the network for known holes in the locked packages
	$(PY) -m pip_audit --require-hashes --disable-pip -r requirements.lock

lock: ## Resolve requirements.lock again from pyproject.toml (needs uv)
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 --extra dev --upgrade -o requirements.lock pyproject.toml

$(STAMP): requirements.lock
	@for python in python3.11 python3; do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
		then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then echo "Python 3.11 or newer is needed; none is on PATH" >&2; exit 1; fi; \
	if ! $(PY) -c 'import pip' 2>/dev/null; then \
		$$found -m venv --clear .venv || { echo "$$found cannot make a virtualenv; install its venv module" >&2; exit 1; }; \
	fi
	@echo "Installing the locked packages into .venv (once, about a minute)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@touch $@
