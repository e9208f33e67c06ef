# Two commands matter: `make run` carries out the nightly trial, `make test` runs the tests. Both install what they need first.
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
DOCS_INSTALLED := $(VENV)/docs-installed

.PHONY: help run smoke faults drills drills-deploys drills-seconds compiled test test-thorough test-servers test-trials test-containers image test-image test-kubernetes fuzz fuzz-runs bench bench-judge gate-power gate-power-short truth capacity-truth noisy truth-plain truth-promises measured-error docs lint lock package clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(INSTALLED) ## Run the nightly trial and print its verdict (6 to 9 minutes)
	$(BIN)/closeshave run nightly

smoke: $(INSTALLED) ## A short trial with one fault (about two minutes)
	$(BIN)/closeshave run smoke

faults: $(INSTALLED) ## Every kind of fault once, under load: a table of what it did (about half an hour)
	$(BIN)/python -m proving

drills: $(INSTALLED) ## Every kind of drill once, under load: a table of what it took and cost (about three quarters of an hour)
	$(BIN)/python -m proving.drills

TIMES ?= 5
drills-deploys: $(INSTALLED) ## Good and bad releases by canary and blue-green, and a rollback, TIMES times each: how many passed (two hours)
	$(BIN)/python -m proving.drills canaries deploys --times $(TIMES)

RESTORES ?= 20
drills-seconds: $(INSTALLED) ## Shards restored to RESTORES random seconds, and as many with their home region lost (an hour; keeps results and resumes)
	$(BIN)/python -m proving.seconds --seconds $(RESTORES) --lost $(RESTORES) --page

compiled: $(INSTALLED) ## Compile the hot modules of the load engine, which then takes less processor time (needs a C compiler and Python's headers; a minute)
	$(BIN)/python hatch_build.py || [ $$? -eq 69 ] # what is lacking was said

# With TIERS=both the thorough ones too, at once: they are collected once then. Properties get as many examples as in the plain tests: CI has half an hour.
BOTH_TIERS := -m 'not servers and not trial and not containers and not kubernetes'

# Where nobody may keep byte code, each of a thousand processes would compile the package again.
test test-thorough: export PYTHONDONTWRITEBYTECODE =
test: $(INSTALLED) ## Quick tests, on all processors: no servers, no Docker
	$(BIN)/python -m pytest -n $$(($$(nproc) * 2)) --dist worksteal $(if $(filter both,$(TIERS)),$(BOTH_TIERS))

test-thorough: $(INSTALLED) ## What the quick tests leave out: all widths, inputs and examples, installed packages (no servers either; minutes)
	$(BIN)/python -m pytest -n $$(($$(nproc) * 2)) --dist worksteal --hypothesis-profile thorough -m '(thorough or hypothesis) and not servers and not trial and not containers and not kubernetes'

test-servers: $(INSTALLED) ## Tests against the real servers of the embedded environment (minutes)
	$(BIN)/python -m pytest -m servers

test-trials: $(INSTALLED) ## Whole trials, with planted defects and interruptions (many minutes)
	$(BIN)/python -m pytest -m trial

test-containers: $(INSTALLED) ## Tests that need a container engine, beside a private one (root, docker.io; many minutes)
	.ci/engine sh -c '$(BIN)/closeshave env images && CI=1 $(BIN)/python -m pytest -m containers --ignore tests/image'

IMAGE ?= closeshave:$(shell sed -n 's/^__version__ = "\(.*\)"$$/\1/p' closeshave/__init__.py)
image: ## Build the image of the harness, as IMAGE (needs Docker and a registry; docs/how-to/run-the-image.md)
	deploy/image/build $(IMAGE)

test-image: $(INSTALLED) ## Build the image twice from a base made here, and run trials in it, beside a private engine (root, docker.io; ten minutes)
	$(BIN)/python -m deploy.image.local supplies
	CI=1 .ci/engine $(BIN)/python -m pytest -m containers tests/image

test-kubernetes: $(INSTALLED) ## Tests against a real Kubernetes control plane, built once for this user from its published sources, with Helm and a store (ten minutes, then minutes)
	CI=1 $(BIN)/python -m pytest -m kubernetes

FUZZ_S ?= 3600
FUZZ ?=
fuzz: $(INSTALLED) ## Coverage-guided fuzzing of everything that reads foreign bytes, FUZZ_S seconds in all (an hour); FUZZ="plan steps" for some targets only
	$(BIN)/pip install --quiet --disable-pip-version-check 'atheris>=3,<4'
	nice -n 19 $(BIN)/python -m tests.fuzz --seconds $(FUZZ_S) $(FUZZ)

fuzz-runs: $(INSTALLED) ## Five hundred damaged runs, arguments, locales, pipes and disks: only the judges may cause exit code 1 (half an hour)
	CLOSESHAVE_FUZZED_RUNS=500 $(BIN)/python -m pytest tests/cli/test_fuzzed_runs.py

bench: compiled ## Measure the load engine against k6 and wrk, and the platform's cost of a request (needs nginx and wrk; long)
	$(BIN)/python -m benchmarks

SIZES ?= 1 10
bench-judge: $(INSTALLED) ## Measure converting, judging and reporting of SIZES million operations, stage by stage (minutes; 100 needs 25 GB in BENCH_DIRECTORY)
	$(BIN)/python -m benchmarks.large --sizes $(SIZES) $(if $(BENCH_DIRECTORY),--directory $(BENCH_DIRECTORY))

truth: $(INSTALLED) ## Is the judge right? Planted defects and damage, each judged (about an hour; keeps results and resumes)
	$(BIN)/python -m truth

truth-promises: $(INSTALLED) ## Does breaking one thing refute exactly the right promises? (about 40 minutes; keeps results and resumes)
	$(BIN)/python -m truth.promises

truth-plain: $(INSTALLED) ## Is the judge right about a platform that shares no code with ours? (about an hour; keeps results and resumes)
	$(BIN)/python -m truth.plain_platform

GATES ?= 5
gate-power: $(INSTALLED) ## Does a gate notice what it should, and only that? GATES live gates of each row of docs/gate.md (10 to 20 minutes each; keeps them and resumes)
	$(BIN)/python -m benchmarks.power --gates $(GATES)

gate-power-short: $(INSTALLED) ## The same with one gate of equal releases and one of a release that is 10 % slower (half an hour to an hour; keeps them and resumes)
	$(BIN)/python -m benchmarks.power --short

capacity-truth: $(INSTALLED) ## Is the capacity that is found the true one? Servers that queueing theory knows (about two hours; keeps results and resumes)
	$(BIN)/python -m truth.capacity

noisy: $(INSTALLED) ## Do noisy neighbours make a good platform fail? (about 50 minutes; keeps results and resumes)
	$(BIN)/python -m truth.noisy

measured-error: $(INSTALLED) ## What the judges measure of a server that follows a script (10 minutes; keeps results and resumes)
	$(BIN)/python -m truth.measured

docs: $(DOCS_INSTALLED) ## The reference made again from the code, and the documentation as one site in site/ (a broken link is an error)
	$(BIN)/python -m closeshave.reference docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "site/index.html"

lint: $(INSTALLED) ## ruff and mypy, both strict
	$(BIN)/ruff check .
	$(BIN)/mypy

lock: $(INSTALLED) ## Resolve the dependencies again and pin them by hash
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --group dev --extra otlp --extra s3 pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --constraint requirements.lock --group docs -o requirements-docs.lock

package: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 1735689600)
package: $(INSTALLED) ## Build the wheel and the source distribution into dist/, twice; fails if the two builds differ by a byte
	$(BIN)/pip install --quiet --disable-pip-version-check 'build>=1.6,<2'
	rm -rf dist build/again
	$(BIN)/python -m build --outdir dist
	$(BIN)/python -m build --outdir build/again
	cd dist && for file in *; do cmp "$$file" "../build/again/$$file" || exit 1; done

clean: ## Remove the virtual environment and caches
	rm -rf $(VENV) site .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "closeshave needs Python 3.11 or newer; set PYTHON=…")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --no-build-isolation --editable .
	@# pip would compile on one processor only, and the packages' own tests too. Some packages have files for other versions of Python: these may fail.
	-@$(BIN)/python -m compileall -qq -j 0 -x '/tests/' $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
	$(BIN)/python -m compileall -q closeshave # eight application processes start at once; none should compile
	@touch $@

$(DOCS_INSTALLED): $(INSTALLED) requirements-docs.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-docs.lock
	@touch $@
