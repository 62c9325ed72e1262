# ReservePTY backend. `make` alone lists what can be done.

PYTHON ?= python3
BIN := .venv/bin
LOCK := $(BIN)/uv pip compile pyproject.toml --universal --generate-hashes --python-version 3.11 --no-annotate --no-header -q

PAGE := clients/calendar/dist
PAGE_SOURCES := $(wildcard clients/calendar/*.mjs clients/calendar/*.json) $(shell find clients/calendar/src clients/typescript/src -type f)

.DEFAULT_GOAL := help
.PHONY: help setup run test contract proxy monitoring image prove load soak lint format bench screenshots example walk reset \
	rollback schema client dashboards check-hosted lock

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: .venv/installed node_modules/installed $(PAGE)/app.js ## install what pip and npm bring, at the locked versions, and build the page

.venv/installed: requirements-dev.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
	@touch $@

# No package needs its install script: the stack makes Postgres' symlinks itself.
node_modules/installed: package-lock.json
	npm ci --ignore-scripts --no-fund --no-audit --loglevel=error
	@touch $@

$(PAGE)/app.js: node_modules/installed $(PAGE_SOURCES)
	npm run --silent build -w clients/calendar
	@touch $@

run: setup ## serve the BFF on 127.0.0.1:8000 (the page: /calendar), Supabase on 54321, Postgres on 54322; Ctrl-C stops all
	CALENDAR_PAGE_DIR=$(PAGE) $(BIN)/python -m stack run -- $(BIN)/python -m bff

# Two processes, a stack each: the tests wait for other processes often enough for two cores to serve both.
test: setup ## run every test against stacks of its own on free ports, with coverage
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered --cov-fail-under=85 -n 2 --dist loadfile $(ARGS)

proxy: setup ## run the tests of the stream through nginx with ops/nginx.conf (needs nginx)
	$(BIN)/python -m pytest tests/proxy $(ARGS)

monitoring: .venv/installed ## try alerts, dashboards and scraping in Prometheus itself (needs promtool, prometheus, amtool)
	$(BIN)/python -m pytest tests/monitoring $(ARGS)

image: .venv/installed ## run the Dockerfile's steps and its service without Docker (needs root on Linux)
	$(BIN)/python -m pytest tests/image $(ARGS)

contract: setup ## ask the BFF whatever its OpenAPI document allows and forbids, as each role (EXAMPLES=200, SEED=any)
	CONTRACT_EXAMPLES=$(or $(EXAMPLES),200) CONTRACT_SEED=$(or $(SEED),1) $(BIN)/python -m pytest tests/contract -q $(ARGS)

prove: setup ## break everything while people book, and show that no calendar view is wrong (SECONDS=600, SEED=any)
	$(BIN)/python -m tests.prove --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED))

load: setup ## 200 people of 20 offices with streams open, as fast as REST sustains it; the audit must agree (SECONDS=120)
	$(BIN)/python -m tests.load $(if $(SECONDS),--seconds $(SECONDS))

soak: setup ## the same for twenty minutes: memory must not grow (SECONDS=1200)
	$(BIN)/python -m tests.load --soak $(if $(SECONDS),--seconds $(SECONDS))

lint: .venv/installed node_modules/installed ## ruff, mypy --strict, squawk over the migrations; biome and tsc over TypeScript; advisories
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/squawk --config .squawk.toml supabase/migrations/*.sql
	npx biome ci
	npm run --silent typecheck --workspaces
	$(BIN)/python -m ops.advisories

format: .venv/installed node_modules/installed ## rewrite the files in the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	npx biome check --write

bench: setup ## print the measurements, each as a ratio against a baseline in the same run
	STACK_PORT=0 STACK_DB_PORT=0 $(BIN)/python -m stack run --dir .stack/bench -- $(BIN)/python -m bench

screenshots: setup ## take the README's pictures of the calendar page anew
	$(BIN)/python -m tests.browser.screenshots

example: setup ## two demo members: one watches, one books (needs `make run` in another terminal)
	$(BIN)/python examples/two_members.py

walk: setup ## run the examples of docs/booking.md one after another (needs `make run` in another terminal)
	@sed -n '/^```sh/,/^```$$/{/^```/!p;}' docs/booking.md | PATH="$(CURDIR)/$(BIN):$$PATH" bash -ev

reset: setup ## throw the local data away and lay migrations and demo data anew (stop `make run` first)
	$(BIN)/python -m stack reset

rollback: setup ## take back the migrations after TO=version in DATABASE_URL (DRY=1: only say what that would lose)
	$(BIN)/python -m ops.rollback --to $(TO) $(if $(DRY),--dry-run)

schema: setup ## write tests/db/schema.sql anew from a migrated database
	$(BIN)/python -m tests.db.catalogue

client: .venv/installed node_modules/installed ## write the TypeScript client's types anew from the OpenAPI document
	$(BIN)/python -m bff.document | node clients/typescript/scripts/generate.mjs > clients/typescript/src/schema.ts.new
	mv clients/typescript/src/schema.ts.new clients/typescript/src/schema.ts

dashboards: .venv/installed ## write Grafana's dashboards anew from ops/dashboards.py
	$(BIN)/python -m ops.dashboards

check-hosted: .venv/installed ## is a Supabase project what the BFF expects? (URL=https://….supabase.co, keys from the environment)
	@$(BIN)/python -m ops.check_hosted $(URL) $(ARGS)

lock: .venv/installed package.json ## renew the lock files after a change to pyproject.toml or package.json
	$(LOCK) -o requirements.lock
	$(LOCK) --group dev -o requirements-dev.lock
	npm install --package-lock-only --ignore-scripts
