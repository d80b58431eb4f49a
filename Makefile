# The system's Python makes the virtual environment; everything after that runs inside it.
PYTHON ?= python3
BIN := .venv/bin
SUITE := services/media/suite.yaml
SAMPLE := .cache/samples/bigbuckbunny.mp4

# Our own code is compiled once, not by each of thousands of processes, whatever the machine says.
unexport PYTHONDONTWRITEBYTECODE

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help setup setup-test up demo down test check fix generate specs bench bench-orchestrator \
  bench-bus bench-gateway bench-integrations bench-monitoring soak prove prove-bus prove-api \
  prove-integrations clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: ## make .venv and install what running needs
	@$(PYTHON) tools/bootstrap.py --profile run

setup-test: # what the full tests and the benchmarks need on top
	@$(PYTHON) tools/bootstrap.py --profile test
	@$(PYTHON) tools/sample.py

up: setup ## start the media suite, then play a real video through it
	@$(BIN)/intertie up --detach --file $(SUITE)
	@$(MAKE) demo

demo: setup ## upload the sample video to the running suite and print where it plays
	@$(PYTHON) tools/sample.py
	@if [ -e $(SAMPLE) ]; then $(BIN)/python -m intertie_media.demo $(SAMPLE); \
	else echo "demo skipped: drop a video of your own on the page"; fi

down: setup ## stop the media suite
	@$(BIN)/intertie down --file $(SUITE)

test: setup-test ## run every test, in random order
	@$(BIN)/python -m pytest -n 2

check: setup ## run the gates: format, lint, types, imports, spelling, fast tests
	@$(BIN)/python tools/check.py

fix: setup ## format, and repair what the linter can
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

generate: setup ## write schemas/ anew from the code
	@$(BIN)/python -m tools.generate

specs: setup-test ## write specs/ anew from the vendors' descriptions
	@$(BIN)/python -m tools.specs

bench: setup-test ## run the benchmarks
	@$(BIN)/python -m benchmarks

bench-orchestrator: setup ## measure beside other process managers for hours; FLAGS=--quick for half an hour
	@$(BIN)/python -m benchmarks.orchestrator $(FLAGS)

bench-bus: setup-test ## measure the bus beside each engine's own client, then bridge, plugins and kit
	@$(BIN)/python -m benchmarks.bus $(FLAGS)
	@$(BIN)/python -m benchmarks.bridge
	@$(BIN)/python -m benchmarks.plugins
	@$(BIN)/python -m benchmarks.kit

bench-gateway: setup-test ## measure the gateway beside bare Envoy, nginx, HAProxy, Caddy and a Python proxy
	@$(BIN)/python -m benchmarks.gateway $(FLAGS)
	@$(BIN)/python -m benchmarks.gateway_limits
	@$(BIN)/python -m benchmarks.gateway_cache

bench-integrations: setup-test ## measure a call through an integration beside raw clients; FLAGS names parts
	@$(BIN)/python -m benchmarks.integrations $(FLAGS)

bench-monitoring: setup-test ## measure the store, queries, pages, tasks and backups; FLAGS=--quick for two minutes
	@$(BIN)/python -m benchmarks.monitoring $(FLAGS)

soak: setup ## crash a service each 5 s for an hour; FLAGS="--minutes 5" for less
	@$(BIN)/python -m benchmarks.soak $(FLAGS)

prove: setup-test ## kill service, daemon and Envoy at random points of 500 sequences
	@INTERTIE_RUNS=500 $(BIN)/python -m pytest tests/e2e/test_random_kills.py

prove-bus: setup-test ## kill each broker 100 times under load
	@INTERTIE_KILLS=100 $(BIN)/python -m pytest tests/bus -k killed_broker -s

prove-api: setup-test ## ask the management API 100 things of each kind, sensible and not
	@INTERTIE_EXAMPLES=100 $(BIN)/python -m pytest tests/api/test_schemathesis.py

prove-integrations: setup-test ## kill a process at each point of 1,000 renewals of a grant
	@INTERTIE_RUNS=1000 $(BIN)/python -m pytest tests/integrations/test_refresh_killed.py -s

clean: ## remove all that make brought; the suite's data in .intertie stays
	@if [ -x $(BIN)/intertie ]; then $(BIN)/intertie down --file $(SUITE) \
	|| { echo "cannot clean: the suite did not stop; stop it, or delete .venv yourself"; exit 1; }; fi
	@rm -rf .venv .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
