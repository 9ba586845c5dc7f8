# Holdfast's commands; `make` lists them. Each target makes the virtual environment it needs under .venv/ by itself.

PYTHON ?= python3
# The cluster configuration, where its templates go, and the stack that is deployed from them. Templates of the default
# example are committed; those of another configuration go into a folder that is named after its file.
CONFIG ?= examples/default.yaml
OUT ?= $(if $(filter examples/default.yaml,$(config_word)),templates,build/templates/$(config_name))
STACK ?= holdfast
space := $(subst ,, )
config_word = $(subst $(space),-,$(CONFIG))
# As generator/cli.py has it (default_out).
config_name = $(subst /,-,$(patsubst ./%,%,$(basename $(config_word))))

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# CI machines often forbid byte code. Every start of the generator would compile its modules again then, at twice the time.
unexport PYTHONDONTWRITEBYTECODE

# An environment's stamp carries the hash of its lock file and the name of the interpreter: when one of them changes,
# the stamp is missing and the environment is made anew.
stamp = .venv/$(1)/.ready-$(notdir $(PYTHON))-$(firstword $(shell cksum < requirements/$(1).txt))
GENERATE := $(call stamp,generate)
CHECK := $(call stamp,check)
CHECKOV := $(call stamp,checkov)
generate_python := .venv/generate/bin/python
check_bin := .venv/check/bin
check_python := $(check_bin)/python

$(GENERATE) $(CHECK) $(CHECKOV): .venv/%:
	@command -v $(PYTHON) >/dev/null || { \
		echo "Python 3.11 or newer is needed, and there is no $(PYTHON): install python3 and python3-venv" >&2; exit 1; }
	@$(PYTHON) requirements/environment.py $(firstword $(subst /, ,$*)) $@

# Every tracked shell program, by its first line.
shell_files = $(shell git ls-files -z | xargs -0 awk 'FNR == 1 && /^\#!.*[\/ ](ba)?sh( |$$)/ { print FILENAME }')
go_files = $(shell git ls-files '*.go')

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# generate

.PHONY: new
new: $(GENERATE) ## Write a configuration to begin with, NAME=my-cluster: my-cluster.yaml
	@$(generate_python) -m generator --new '$(NAME)'

.PHONY: templates
templates: $(GENERATE) ## Write the templates of CONFIG=my-cluster.yaml to OUT=build/templates/my-cluster (of the default example to templates)
	@$(generate_python) -m generator --config '$(CONFIG)' --out '$(OUT)'

.PHONY: docs
docs: $(GENERATE) ## Write the generated parts of the documentation, and the schema of configurations
	@$(generate_python) -m generator --docs
	@$(generate_python) -m generator --schema generator/config/schema.json

.PHONY: function
function: build/reconcile.zip ## Build the reconcile function's code, build/reconcile.zip

.PHONY: build/reconcile.zip
build/reconcile.zip: $(CHECK)
	@$(check_python) -m functions.package --out $@

# check

.PHONY: check
check: lint test ## Everything that CI runs: lint, then test

.PHONY: lint
lint: $(CHECK) ## Style, types, import rules, shell, Go where it is installed, and whether generated files are current
	@$(check_bin)/ruff check --quiet
	@$(check_bin)/ruff format --quiet --check || { echo "make format" >&2; exit 1; }
	@$(check_bin)/mypy
	@$(check_bin)/lint-imports --no-logo --cache-dir .cache/imports
	@$(check_bin)/shellcheck $(shell_files)
	@$(check_bin)/shfmt --diff $(shell_files)
	@! command -v gofmt >/dev/null || { \
		wrong=$$(gofmt -d $(go_files)) && test -z "$$wrong" || { echo "$$wrong" >&2; exit 1; }; }
	@$(check_python) -m generator --check || { echo "make templates" >&2; exit 1; }
	@$(check_python) -m generator --docs --check || { echo "make docs" >&2; exit 1; }
	@$(check_python) -m generator --schema generator/config/schema.json --check || { echo "make docs" >&2; exit 1; }

.PHONY: checkov
checkov: $(CHECK) $(CHECKOV) ## Compare what checkov finds in templates/ with docs/checkov.md
	@mkdir -p build
	@.venv/checkov/bin/checkov --directory templates --framework cloudformation --skip-download --soft-fail \
		--output json > build/checkov.json
	@$(check_python) -m tests.templates.checkov build/checkov.json

# Many tests wait for processes or for the clock, so more workers than cores keep the cores busy.
WORKERS := 4
# In the order of the folders: what deploys and boots comes first, and no long module is left over for the end.
parallel_pytest = $(check_python) -m pytest -n $(WORKERS) --no-loadscope-reorder --durations=20 --slowest-files=20 \
	--ignore tests/e2e --ignore tests/machines/kubeadm

.PHONY: test
test: $(CHECK) ## Run the tests but for those of `make slow` and `make e2e` (ARGS= goes to pytest)
	@$(parallel_pytest) -m 'not slow' $(ARGS)

.PHONY: slow
slow: $(CHECK) ## Tests that take more than ten seconds: every example, PROPERTIES=100 configurations linted
	@$(if $(PROPERTIES),HOLDFAST_PROPERTIES=$(PROPERTIES)) $(parallel_pytest) -m slow $(ARGS)

.PHONY: model
model: $(CHECK) ## Explore founding, restoring and membership state by state; `make check` takes the small models
	@$(check_python) -m tests.model

.PHONY: storm
storm: $(CHECK) ## Random faults on a real etcd while clients write (SEED=7 ROUNDS=300 KEEP_GOING=1 JSON=1 FULL=1, FAULTS='…': docs/storm.md)
	@$(check_python) -m tests.storm $(if $(FULL),--full) $(if $(SEED),--seed $(SEED)) $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(FIRST),--first $(FIRST)) $(if $(FAULTS),--faults '$(FAULTS)') $(if $(KINDS),--kinds $(KINDS)) \
		$(if $(SLOTS),--slots $(SLOTS)) $(if $(SETTLE),--settle $(SETTLE)) $(if $(KEEP_GOING),--keep-going) \
		$(if $(filter 0,$(SHRINK)),--no-shrinking) $(if $(KEEP),--keep) $(if $(JSON),--json)

.PHONY: golden
golden: $(CHECK) ## Write golden templates, the list of moto corrections and IAM's catalogue anew, for git diff
	@$(check_python) -m tests.templates.golden
	@$(check_python) -m tests.rehearsal.corrections_table
	@$(check_python) -m tests.rehearsal.iam_catalog

.PHONY: addons
addons: $(CHECK) ## Render the chart of Cilium anew into imagebuilder/addons/rendered, for git diff (needs Go)
	@$(check_python) -m rehearsal.binaries.charts

.PHONY: oracle
oracle: ## Install the independent evaluator of IAM policies that a test compares ours with (needs npm)
	@npm ci --prefix tests/oracle --ignore-scripts --no-audit --no-fund --silent

.PHONY: format
format: $(CHECK) ## Format Python, shell and Go in place
	@$(check_bin)/ruff check --quiet --fix --exit-zero
	@$(check_bin)/ruff format --quiet
	@$(check_bin)/shfmt --write $(shell_files)
	@! command -v gofmt >/dev/null || gofmt -w $(go_files)

.PHONY: bench
bench: $(CHECK) ## Measure generation, `make local` and sizes (JSON=1 for machines; REPLACING=1 or UPDATING=1, TIMES=5: replacements beside by hand, updates beside their parts)
	@$(check_python) -m tests.bench $(if $(JSON),--json) $(if $(REPLACING),--replacing) $(if $(UPDATING),--updating) \
		$(if $(TIMES),--times $(TIMES))

# the local AWS

.PHONY: local
local: $(CHECK) ## Deploy CONFIG on an AWS that runs here, then delete it (KEEP=1: leave it running)
	@$(check_python) -m rehearsal.local '$(CONFIG)' $(if $(KEEP),--keep)

# the local cloud: that AWS with machines that boot. Needs root; see docs/rehearsal.md.

cloud = @$(check_python) -m rehearsal.cloud
# A file, or the name of one of rehearsal/scenarios/*.yaml; random steps TIMES= times, drawn with SEED=.
scenario = @$(check_python) -m rehearsal.scenarios $(SCENARIO) --config '$(CONFIG)' \
	$(if $(TIMES),--times $(TIMES)) $(if $(SEED),--seed $(SEED)) $(if $(JSON),--json)

.PHONY: rehearsal-binaries
rehearsal-binaries: $(CHECK) ## Build Kubernetes and its parts from Go modules into the cache (NEWEST=1: one minor)
	@$(check_python) -m rehearsal.binaries $(if $(NEWEST),--newest) $(if $(JSON),--json)

.PHONY: rehearsal-lock
rehearsal-lock: $(CHECK) ## Pin the Go modules of imagebuilder/versions.json anew (go.mod, go.sum)
	@$(check_python) -m rehearsal.binaries --lock

.PHONY: rehearse
rehearse: $(CHECK) ## Deploy CONFIG where instances really boot, look at the cluster, delete it (KEEP=1: leave it running, MINOR=1.36, SCENARIO=replace: play it)
	$(if $(SCENARIO),$(scenario),$(cloud) rehearse '$(CONFIG)') $(if $(KEEP),--keep) $(if $(MINOR),--minor $(MINOR))

.PHONY: rehearse-shell
rehearse-shell: $(CHECK) ## Open a shell inside instance I= of a running rehearsal
	$(cloud) shell $(I)

# The suites in which instances boot, by what is tested: each takes less than an hour, most a quarter of one.
e2e_suites := founding joining replacing replacing-faults updates updates-five deleting scenarios cluster lifetimes \
	security access machines
e2e = @$(check_python) -m pytest --durations=20 --slowest-files=20 $(ARGS)

.PHONY: e2e
e2e: ## All suites below, one after the other, whether or not one fails
	@$(MAKE) --keep-going --jobs=1 $(e2e_suites:%=e2e-%)

.PHONY: e2e-founding
e2e-founding: $(CHECK) ## The founder is lost or stops responding at every stage
	$(e2e) tests/e2e/test_founding_faults.py

.PHONY: e2e-joining
e2e-joining: $(CHECK) ## A joining control plane is lost, stops responding or reboots at every stage
	$(e2e) tests/e2e/test_joining_faults.py

.PHONY: e2e-replacing
e2e-replacing: $(CHECK) ## Control planes and workers leave, announced and unannounced, and others come in their place
	$(e2e) $(addprefix tests/e2e/test_,replacing.py worker_drains.py)

.PHONY: e2e-replacing-faults
e2e-replacing-faults: $(CHECK) ## Control planes are replaced while agents, functions, AWS, disks and networks fail
	$(e2e) tests/e2e/test_replacing_faults.py

.PHONY: e2e-updates
e2e-updates: $(CHECK) ## A changed image walks slots and pools of a living cluster, is cancelled, fails, and goes back
	$(e2e) $(addprefix tests/e2e/test_updates,.py _without_function.py _remove_first.py) tests/e2e/test_pool_updates.py

.PHONY: e2e-updates-five
e2e-updates-five: $(CHECK) ## A changed image walks five slots of a living cluster
	$(e2e) tests/e2e/test_updates_five.py

.PHONY: e2e-deleting
e2e-deleting: $(CHECK) ## A cluster is deleted in each phase of its life, and its name is free again
	$(e2e) tests/e2e/test_deleting.py

.PHONY: e2e-scenarios
e2e-scenarios: $(CHECK) ## Each slot in turn, then 20 random ones, are terminated and replaced while a client writes
	$(e2e) tests/e2e/test_scenarios.py

.PHONY: e2e-cluster
e2e-cluster: $(CHECK) ## Whole clusters: all nodes reboot, pauses, replacement, what is missing in the network
	$(e2e) $(addprefix tests/e2e/test_,whole_cluster.py pauses.py replacement.py what_is_missing.py)

.PHONY: e2e-lifetimes
e2e-lifetimes: $(CHECK) ## A cluster outlives its certificates and tokens
	$(e2e) tests/e2e/test_lifetimes.py

.PHONY: e2e-security
e2e-security: $(CHECK) ## Secrets are searched for everywhere, and a worker's rights are tried
	$(e2e) tests/e2e/test_security.py

.PHONY: e2e-access
e2e-access: $(CHECK) ## People ask for certificates, look at the cluster from outside, and walk the pages about what goes wrong
	$(e2e) $(addprefix tests/e2e/test_,access.py status.py pages.py)

.PHONY: e2e-machines
e2e-machines: $(CHECK) ## Networks, balancers, instances and kubeadm, and 20 random up/kill/down cycles
	@HOLDFAST_CYCLES=20 $(check_python) -m pytest --durations=20 --slowest-files=20 $(ARGS) tests/machines

.PHONY: rehearsal-clean
rehearsal-clean: $(CHECK) ## Remove what rehearsals that were killed left behind
	$(cloud) clean

# a real account, with the caller's credentials and region (REGION= names another)

deployment = @$(check_python) -m deployment
region = $(if $(REGION),--region $(REGION))
parameters = $(if $(PARAMS),--parameters '$(PARAMS)') $(foreach pair,$(SET),--set '$(pair)')
# Not where it is the Makefile's own.
stack_was_typed = $(filter-out file,$(origin STACK))
# What printed next steps repeat.
typed = $(foreach each,CONFIG OUT,$(if $(filter-out file,$(origin $(each))),--typed '$(each)=$($(each))'))
stack = --stack $(STACK) --out '$(OUT)' $(typed) $(if $(BUCKET),--bucket $(BUCKET)) $(foreach pair,$(TAGS),--tag '$(pair)') $(parameters)
upload = --bucket "$(BUCKET)" $(if $(PREFIX),--prefix $(PREFIX)) $(if $(KMS_KEY),--kms-key $(KMS_KEY))

.PHONY: preflight
preflight: $(CHECK) ## Check values, quotas, zones, a given network, images and instance types for CONFIG= and STACK= (PARAMS=params.json, JSON=1)
	$(deployment) preflight $(region) --stack $(STACK) --template '$(OUT)/root.json' $(typed) $(parameters) $(if $(JSON),--json)

.PHONY: package
package: function ## Upload the templates of CONFIG= and code to BUCKET= (PREFIX=, KMS_KEY=), write build/packaged/<OUT>.json
	$(deployment) package $(region) --out '$(OUT)' $(typed) --code build $(upload) $(if $(stack_was_typed),--stack $(STACK))

.PHONY: deploy
deploy: $(CHECK) ## Create or update STACK= from what CONFIG= was packaged to (PARAMS=params.json, SET='Key=Value …', TAGS=, ROLLBACK=1 lets replacements pass, SECURITY=1 what opens, YES=1 nodes that go)
	$(deployment) deploy $(region) $(stack) $(if $(ROLLBACK),--rollback) $(if $(SECURITY),--security) $(if $(YES),--yes)

.PHONY: diff
diff: $(CHECK) ## Print what deploy of CONFIG= would change in STACK=, and change nothing (JSON=1, EXIT_CODE=1: fail where anything would)
	$(deployment) diff $(region) $(stack) $(if $(JSON),--json) $(if $(EXIT_CODE),--exit-code)

.PHONY: rollback
rollback: $(CHECK) ## Take STACK= back after an update that has failed (UPDATE_FAILED)
	$(deployment) rollback $(region) --stack $(STACK)

.PHONY: status
status: $(CHECK) ## Tell the state of the cluster STACK= on one screen, and who has to act (JSON=1)
	$(deployment) status $(region) --stack $(STACK) $(if $(JSON),--json)

.PHONY: follow
follow: $(CHECK) ## Tell what happens in STACK= and its cluster as it comes: to the end of what goes on, or until Ctrl-C
	$(deployment) follow $(region) --stack $(STACK)

.PHONY: delete
delete: $(CHECK) ## Delete STACK= after a question (YES=1), and say what stays and what it costs
	$(deployment) delete $(region) --stack $(STACK) $(if $(YES),--yes)

.PHONY: purge
purge: $(CHECK) ## Remove for good what a delete kept of CLUSTER=<name or uuid> (CONFIRM=<uuid>)
	$(deployment) purge $(region) "$(CLUSTER)" $(if $(CONFIRM),--confirm $(CONFIRM))

.PHONY: kubeconfig
kubeconfig: $(CHECK) ## Get a certificate for kubectl from STACK= in your own name (GROUP=view|edit|admin, HOURS=8, FILE=, SERVER=https://…)
	$(deployment) kubeconfig $(region) --stack $(STACK) $(if $(GROUP),--group $(GROUP)) $(if $(HOURS),--hours $(HOURS)) \
		$(if $(FILE),--file '$(FILE)') $(if $(SERVER),--server '$(SERVER)')

# the project itself

.PHONY: lock
lock: ## Resolve requirements/*.in into the lock files (UPGRADE=1: to the newest versions)
	@$(PYTHON) requirements/lock.py $(if $(UPGRADE),--upgrade)

.PHONY: clean
clean: ## Remove everything that make made: environments, caches, build/
	@rm -rf .venv .cache build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
