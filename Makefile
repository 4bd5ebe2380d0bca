# `make demo` and `make test` set everything up on first use. `make help` lists the rest.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)
STAMP := .build/setup.stamp
# two workers by default: the suites are sized for two cores
WORKERS ?= 2
# other tests than all, e.g. make test-boa ARGS="tests/unit/exchange/Exchange -x"
ARGS ?= --ignore=tests/integration tests
APE_ARGS ?= tests/integration
NETWORK ?= ethereum:local:foundry
PORT ?= 8545
PAGE_PORT ?= 8080
CHROMIUM ?= chromium
PAGE := web/app/dist/index.html
WEB_PACKAGES := web/node_modules/.package-lock.json
COUNT ?= 300
SEED ?= 1
CALLS ?= 100000
STEPS ?= 40000

$(STAMP): scripts/setup.sh pyproject.toml uv.lock package.json package-lock.json
	@bash scripts/setup.sh

$(WEB_PACKAGES): web/package-lock.json $(wildcard web/package.json web/*/package.json web/*/*/package.json)
	@echo "the packages of the page, half a minute or so" >&2
	@cd web && npm ci --silent --no-audit --no-fund
	@touch $@

$(PAGE): $(WEB_PACKAGES) $(shell find web/app web/packages -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)
	@echo "building the page" >&2
	@cd web && npm run --silent build

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

.PHONY: setup
setup: $(STAMP) ## virtual environment and Anvil, from the lock files

.PHONY: demo
demo: $(STAMP) ## a market on its own Anvil through a crash, with a report (DATA=path.csv for other prices)
	@bulkhead demo $(if $(DATA),--data "$(DATA)")
	@echo "A market to touch, in the browser: make app"

.PHONY: market
market: $(STAMP) ## a market to try things on, on its own Anvil until Ctrl-C, with funded keys (PORT=8545; PULL=1: brought prices)
	@python -m scripts.market --port $(PORT) $(if $(PULL),--pull $(if $(filter 1,$(PULL)),redstone,$(PULL)))

.PHONY: app
app: $(STAMP) $(PAGE) ## the page in the browser: chain, contracts, markets in dollars and coins, makers, keeper, until Ctrl-C (PORT=8545 PAGE_PORT=8080)
	@python -m scripts.app --port $(PORT) --page-port $(PAGE_PORT)

.PHONY: documented-commands
documented-commands: ## every command of README and docs, as written, from a clone set up from nothing (QUICK=1: not those of minutes)
	@python3 -m tests.documented --fresh $(if $(QUICK),--quick)

.PHONY: web
web: $(PAGE) ## build the page into web/app/dist

.PHONY: shell
shell: $(STAMP) ## a shell in the environment, as after `. .venv/bin/activate`
	@exec bash --rcfile <(cat ~/.bashrc 2>/dev/null || true; echo '. .venv/bin/activate') -i

.PHONY: test
test: test-boa test-ape test-web test-documents ## everything but what has a target of its own below

# Vyper in process: fast, so most tests live here. Ape's pytest plugin would start providers of its own.
.PHONY: test-boa
test-boa: $(STAMP) $(WEB_PACKAGES) ## unit, property, stateful, keeper, regression and architecture tests
	@pytest -p no:ape_test -n $(WORKERS) --dist loadfile --durations=25 $(ARGS)

.PHONY: test-ape
test-ape: $(STAMP) ## integration tests through Ape on Anvil
	@ape test $(APE_ARGS) --network ethereum:local:foundry

.PHONY: test-web
test-web: $(STAMP) $(WEB_PACKAGES) ## the TypeScript package and the page, in Node
	@cd web && npm run --silent check && npm run --silent test

# with the packages that are here, what a fresh clone holds, an empty environment and a network of its own
.PHONY: test-documents
test-documents: $(STAMP) $(PAGE) ## every command of README and docs, as written (QUICK=1: not those of minutes; ONLY=words)
	@python -m tests.documented $(if $(QUICK),--quick) $(if $(ONLY),--only "$(ONLY)")

# apart from `make test`, and after it in .ci/run: a browser on a busy machine waits longer than its tests do
.PHONY: test-browser
test-browser: $(STAMP) $(PAGE) ## the page in a real browser against a real Anvil
	@if command -v $(CHROMIUM) >/dev/null; then cd web && npm run --silent browser; \
		else echo "the browser tests are left out: there is no '$(CHROMIUM)' on this machine"; fi

.PHONY: bench-web
bench-web: $(STAMP) $(PAGE) ## how fast the page is, in a real browser
	@cd web && npm run --silent bench

.PHONY: mutants-known
mutants-known: $(STAMP) ## the mistakes that once went unnoticed, each by the tests that are there for it
	@python -m benchmarks.mutation --known

# hours: every mutant runs the tests of its room
.PHONY: mutants
mutants: $(STAMP) ## small mistakes put into the code, to see whether the tests notice (COUNT=300 SEED=1)
	@python -m benchmarks.mutation --count $(COUNT) --seed $(SEED)

# half an hour; the suite takes some thousand steps
.PHONY: walk
walk: $(STAMP) ## 40,000 random steps through whole markets, every promise asked after each (STEPS=40000 SEED=1)
	@python -m tests.stateful --steps $(STEPS) --seed $(SEED) --keep .cache/walk.$(STEPS).$(SEED).json

# half an hour
.PHONY: old-faults
old-faults: $(STAMP) ## faults that once stood in the contracts, put back: after how many steps each is caught (STEPS=40000 SEED=1)
	@python -m benchmarks.old_faults --steps $(STEPS) --seed $(SEED)

# eight minutes; the suite makes some thousands of these calls
.PHONY: fuzz
fuzz: $(STAMP) ## every external function with random words, lengths and callers, 100,000 calls (CALLS=100000 SEED=1)
	@python -m tests.fuzz --calls $(CALLS) --seed $(SEED)

.PHONY: lint
lint: $(STAMP) ## ruff, mypy, codespell and import-linter
	@ruff check .
	@ruff format --check .
	@mypy
	@codespell
	@lint-imports

.PHONY: format
format: $(STAMP) ## let ruff rewrite what it can
	@ruff check --fix .
	@ruff format .

.PHONY: compile
compile: $(STAMP) ## every contract through Ape
	@ape run build

.PHONY: gas
gas: $(STAMP) ## the gas table on Anvil, beside the peers' figures
	@python -m benchmarks.gas

.PHONY: gas-snapshot
gas-snapshot: $(STAMP) ## rewrite the gas figures that a test compares with
	@python -m benchmarks.gas --snapshot benchmarks/gas.snapshot.json
	@python -m benchmarks.gas_page

.PHONY: snapshots
snapshots: $(STAMP) ## rewrite the snapshots that tests compare with: ABIs, storage layouts, figures
	@python -m bulkhead.chain.abi
	@python -m scripts.typescript
	@python -m tests.architecture.snapshots

.PHONY: docs
docs: $(STAMP) ## regenerate docs/parameters.md
	@python -m bulkhead.chain.parameters_page docs/parameters.md

.PHONY: docs-site
docs-site: $(STAMP) ## the documentation as a site with offline search, in out/docs-site/site
	@python -m scripts.docs_site

.PHONY: picture
picture: $(STAMP) ## rewrite the picture of the README from a run of the demo
	@bulkhead demo --no-ape --report out/demo.html
	@python -m bulkhead.report.picture out/demo.html docs/demo.svg

.PHONY: deploy
deploy: $(STAMP) ## deploy with Ape (NETWORK=ethereum:sepolia:node for a public test network)
	@ape run deploy --network $(NETWORK)

.PHONY: clean
clean: ## remove environments and everything generated
	@rm -rf .venv node_modules web/node_modules web/app/node_modules web/app/dist .build build out .cache .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
