# Holdfast's commands; `make` lists them. Each target makes the virtual environment it needs under .venv/ by itself.
# `make help` and docs/commands.md are made of lines of three kinds: `##@` begins a group, `##=` describes a variable that
# may be given, and `##` behind a target says what it does.

PYTHON ?= python3
# The cluster configuration, where its templates go, and the stack that is deployed from them. Templates of the default
# example are committed; those of another configuration go into a folder that is named after its file.
CONFIG ?= examples/default.yaml
OUT ?= $(if $(filter examples/default.yaml,$(config_word)),templates,build/templates/$(config_name))
STACK ?= holdfast
# The stack that builds machine images, whose newest one IMAGE=latest is.
IMAGE_STACK ?= holdfast-image
space := $(subst ,, )
config_word = $(subst $(space),-,$(CONFIG))
# As generator/cli.py has it (default_out).
config_name = $(subst /,-,$(patsubst ./%,%,$(basename $(config_word))))

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# What may be given, which the lines `##=` say, and what was.
described := $(shell sed -n 's/^##= \([A-Z_]*\)=.*/\1/p' $(firstword $(MAKEFILE_LIST)))
typed_names := $(foreach each,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(each)))),$(each)))
define newline


endef
# One word of a shell's command line, whatever it holds.
quoted = '$(subst ','\'',$(1))'
# What was given is text, of one line: make would run what it holds, $(shell ...), and a line would end a command.
as_text = $(eval override $(1) := $$(subst $$(newline), ,$$(value $(1))))$(eval export $(1))
$(foreach each,$(described),$(if $(filter command environment,$(firstword $(origin $(each)))),$(call as_text,$(each))))

# A variable that nobody knows would be ignored, and the default acted on.
unknown := $(firstword $(filter-out $(described) GENERATE CHECK CHECKOV MAKE MAKEFLAGS SHELL,$(typed_names)))
$(if $(unknown),$(error $(or \
	$(shell $(call quoted,$(PYTHON)) -m generator.commands $(call quoted,$(unknown)) 2>/dev/null), \
	$(unknown): no such variable; make help lists them)))
allowed_CONFIG := a file, such as examples/default.yaml
allowed_OUT := a folder
allowed_STACK := the name of a stack
$(foreach each,CONFIG OUT STACK,$(if $(filter override,$(origin $(each))),$(if $(strip $($(each))),, \
	$(error $(each): given nothing; allowed: $(allowed_$(each))))))

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
	@command -v $(call quoted,$(PYTHON)) >/dev/null || { echo "Python 3.11 or newer is needed," \
		"and there is no "$(call quoted,$(PYTHON))": install python3 and python3-venv" >&2; exit 1; }
	@$(call quoted,$(PYTHON)) requirements/environment.py $(firstword $(subst /, ,$*)) $@

# Every tracked shell program, by its first line.
shell_files = $(shell git ls-files -z | xargs -0 awk 'FNR == 1 && /^\#!.*[\/ ](ba)?sh( |$$)/ { print FILENAME }')
go_files = $(shell git ls-files '*.go')

##@ Help

.PHONY: help
help: ## Print this list: first what it takes to have a cluster, then the rest
	@awk -F ':.*## ' ' \
		FNR == 1 { pass += 1; shown = 0 } \
		/^##@ / { printf "%s", variables; variables = ""; title = substr($$0, 5); \
			shown = (title ~ /^(Help|Generate|Machine image|Deploy)/) == (pass == 1); \
			if (shown) { printf "%s%s\n", between, title; between = "\n" } } \
		shown && /^##= / { split(substr($$0, 5), part, " ## "); \
			variables = variables sprintf("    %-24s %s\n", part[1], part[2]) } \
		shown && /^[a-z0-9-]+:.*## / { printf "  %-26s %s\n", $$1, $$2 } \
		END { printf "%s", variables }' $(firstword $(MAKEFILE_LIST)) $(firstword $(MAKEFILE_LIST))

##@ Generate
##= CONFIG=FILE ## Cluster configuration (examples/default.yaml)
##= OUT=FOLDER ## Folder of the generated templates (templates, or build/templates/<name> of another CONFIG)
##= NAME=my-cluster ## Name of a new configuration, written to my-cluster.yaml
##= PRICES=FILE ## Table of prices in place of deployment/costs/prices.json

.PHONY: new
new: $(GENERATE) ## Write a configuration to begin with
	@$(generate_python) -m generator --new $(call quoted,$(NAME))

.PHONY: templates
templates: $(GENERATE) ## Write the templates of CONFIG= to OUT=
	@$(generate_python) -m generator --config $(call quoted,$(CONFIG)) --out $(call quoted,$(OUT))

.PHONY: costs
costs: $(CHECK) ## Print what a cluster of CONFIG= costs a month, by list prices
	$(current)
	$(deployment) costs --template $(call quoted,$(OUT)/root.json) $(typed) $(parameters) $(if $(PRICES),--prices $(call quoted,$(PRICES))) $(if $(JSON),--json)

.PHONY: docs
docs: $(GENERATE) ## Regenerate the generated parts of the documentation, and the schema of configurations
	@$(generate_python) -m generator --docs
	@$(generate_python) -m generator --schema generator/config/schema.json

.PHONY: function
function: $(CHECK) ## Build the reconcile function's package, where the templates of CONFIG= refer to it
	@$(check_python) -m functions.package --out $(call quoted,$(OUT)/../build/reconcile.zip)

.PHONY: build/reconcile.zip
build/reconcile.zip: $(CHECK)
	@$(check_python) -m functions.package --out $@

##@ Check
##= ARGS='...' ## Passed on to pytest
##= WORKERS=4 ## Test processes that run at the same time
##= PROPERTIES=100 ## How many random configurations `make slow` lints
##= TIMES=5 ## How often a measurement or a random step is repeated
##= REPLACING=1 ## Measure replacements of control planes only
##= UPDATING=1 ## Measure updates only
##= JSON=1 ## Print JSON for programs
##= SEED=7 ## Seed of what is drawn at random (a new one each time)
##= ROUNDS=300 ## Rounds of a storm (10)
##= FIRST=0 ## Number of the first round
##= FAULTS='...' ## One schedule to play, as a round's line shows it
##= KINDS=a,b ## Kinds of faults to draw (all)
##= SLOTS=3|5 ## Control planes of each round (both, at random)
##= SETTLE=SECONDS ## How long a storm waits for the cluster to settle
##= KEEP_GOING=1 ## Go on after a round with findings
##= SHRINK=0 ## Do not look for the smallest schedule that still fails
##= FULL=1 ## Storm on the local cloud: real instances, real Kubernetes (needs root)

.PHONY: check
check: lint test ## Run lint and test: what CI runs before the suites that need root

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
WORKERS ?= 4
# In the order of the folders: what deploys and boots comes first, and no long module is left over for the end.
parallel_pytest = $(check_python) -m pytest -n $(call quoted,$(WORKERS)) --no-loadscope-reorder \
	--durations=20 --slowest-files=20 --ignore tests/e2e --ignore tests/machines/kubeadm

.PHONY: test
test: $(CHECK) ## Run the tests but for those of `make slow` and `make e2e` (ARGS= goes to pytest)
	@$(parallel_pytest) -m 'not slow' $(ARGS)

.PHONY: slow
slow: $(CHECK) ## Tests that take more than ten seconds: every example, PROPERTIES=100 configurations linted
	@$(if $(PROPERTIES),HOLDFAST_PROPERTIES=$(call quoted,$(PROPERTIES))) $(parallel_pytest) -m slow $(ARGS)

.PHONY: model
model: $(CHECK) ## Explore founding, restoring and membership state by state; `make check` takes the small models
	@$(check_python) -m tests.model

.PHONY: storm
storm: $(CHECK) ## Random faults on a real etcd while clients write (docs/storm.md)
	@$(check_python) -m tests.storm $(if $(FULL),--full) $(if $(SEED),--seed $(call quoted,$(SEED))) \
		$(if $(ROUNDS),--rounds $(call quoted,$(ROUNDS))) \
		$(if $(FIRST),--first $(call quoted,$(FIRST))) $(if $(FAULTS),--faults $(call quoted,$(FAULTS))) \
		$(if $(KINDS),--kinds $(call quoted,$(KINDS))) \
		$(if $(SLOTS),--slots $(call quoted,$(SLOTS))) $(if $(SETTLE),--settle $(call quoted,$(SETTLE))) $(if $(KEEP_GOING),--keep-going) \
		$(if $(filter 0,$(SHRINK)),--no-shrinking) $(if $(KEEP),--keep) $(if $(JSON),--json)

.PHONY: golden
golden: $(CHECK) ## Regenerate golden templates, moto corrections, IAM's catalogue, what deployers need (review with git diff)
	@$(check_python) -m tests.templates.golden
	@$(check_python) -m tests.rehearsal.corrections_table
	@$(check_python) -m tests.rehearsal.iam_catalog
	@$(check_python) -m tests.templates.deployer_handlers
	@$(check_python) -m rehearsal.conformance page

.PHONY: addons
addons: $(CHECK) ## Re-render the Cilium chart into imagebuilder/addons/rendered (needs Go; review with git diff)
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
bench: $(CHECK) ## Measure generation, `make local` and sizes; replacements and updates of a real cluster (REPLACING=1, UPDATING=1)
	@$(check_python) -m tests.bench $(if $(JSON),--json) $(if $(REPLACING),--replacing) $(if $(UPDATING),--updating) \
		$(if $(TIMES),--times $(call quoted,$(TIMES)))

##@ Machine image
##= MIRROR=https://... ## Copy of the publishers' files to ask instead of them
##= WHOLE=1 ## Fetch the files, too, and compare them with their checksums

.PHONY: image-lock
image-lock: $(CHECK) ## Fetch the checksums of all that images are made of into imagebuilder/versions.json
	@$(check_python) -m imagebuilder.locking $(if $(MIRROR),--mirror $(call quoted,$(MIRROR))) $(if $(WHOLE),--whole)

.PHONY: mirror-list
mirror-list: $(CHECK) ## Print every file, container image and wheel of images with source, digest and size
	@$(check_python) -m imagebuilder.mirror $(if $(JSON),--json)

.PHONY: image-sources
image-sources: $(CHECK) ## Pack what an image's build runs into build/image-sources.tar.gz, and print its SHA-256
	@$(check_python) -m imagebuilder.packing --out build/image-sources.tar.gz

##@ Local AWS
##= KEEP=1 ## Leave it running until Ctrl-C

.PHONY: local
local: $(CHECK) ## Deploy CONFIG to an AWS that runs on this machine, then delete it
	@$(check_python) -m rehearsal.local $(call quoted,$(CONFIG)) $(if $(KEEP),--keep)

##@ Local cloud: the local AWS with instances that boot (needs root: docs/rehearsal.md)
##= MINOR=1.36 ## Kubernetes minor that boots (the newest)
##= NETWORK=bridge|cilium ## Network of pods: that of images, or a bridge (rehearse, conformance: cilium; rehearsal-binaries: bridge)
##= SCENARIO=NAME ## Play a scenario: replace, replace-random, update, or a file
##= NEWEST=1 ## Build the newest Kubernetes minor only
##= SIG=auth,apps ## Groups of conformance tests (api-machinery, auth, apps, node, network)
##= CASES='...' ## Only conformance tests whose name has this regular expression in it
##= PART=1/3 ## A part of the conformance tests
##= AGAIN=1 ## Also conformance tests that have passed at this commit
##= MINUTES=55 ## When no more conformance tests are begun
##= I=INSTANCE ## Instance that gets a shell

cloud = @$(check_python) -m rehearsal.cloud
network = $(if $(NETWORK),--network $(call quoted,$(NETWORK)))
# A file, or the name of one of rehearsal/scenarios/*.yaml; random steps TIMES= times, drawn with SEED=.
scenario = @$(check_python) -m rehearsal.scenarios $(call quoted,$(SCENARIO)) --config $(call quoted,$(CONFIG)) \
	$(if $(TIMES),--times $(call quoted,$(TIMES))) $(if $(SEED),--seed $(call quoted,$(SEED))) $(if $(JSON),--json)

.PHONY: rehearsal-binaries
rehearsal-binaries: $(CHECK) ## Build Kubernetes and its parts from Go modules into the cache
	@$(check_python) -m rehearsal.binaries $(if $(NEWEST),--newest) $(network) $(if $(JSON),--json)

.PHONY: rehearsal-lock
rehearsal-lock: $(CHECK) ## Re-pin the Go modules of imagebuilder/versions.json (go.mod, go.sum)
	@$(check_python) -m rehearsal.binaries --lock

.PHONY: rehearse
rehearse: $(CHECK) ## Deploy CONFIG where instances really boot, look at the cluster, delete it
	$(if $(SCENARIO),$(scenario),$(cloud) rehearse $(call quoted,$(CONFIG))) $(if $(KEEP),--keep) $(if $(MINOR),--minor $(call quoted,$(MINOR))) --network $(call quoted,$(or $(NETWORK),cilium))

.PHONY: conformance
conformance: $(CHECK) ## Run Kubernetes' conformance tests on a rehearsed cluster; the same again goes on (docs/conformance.md)
	@$(check_python) -m rehearsal.conformance run --config $(call quoted,$(CONFIG)) --sig $(call quoted,$(SIG)) \
		$(if $(CASES),--cases $(call quoted,$(CASES))) $(if $(PART),--part $(call quoted,$(PART))) $(if $(AGAIN),--again) \
		$(if $(MINUTES),--minutes $(call quoted,$(MINUTES))) $(if $(MINOR),--minor $(call quoted,$(MINOR))) \
		--network $(call quoted,$(or $(NETWORK),cilium)) $(if $(JSON),--json)

.PHONY: rehearse-shell
rehearse-shell: $(CHECK) ## Open a shell inside instance I= of a running rehearsal
	$(cloud) shell $(if $(I),$(call quoted,$(I)))

.PHONY: rehearsal-clean
rehearsal-clean: $(CHECK) ## Remove what rehearsals that were killed left behind
	$(cloud) clean

##@ End-to-end tests: each takes less than an hour, most a quarter of one (need root)

# By what is tested.
e2e_suites := founding joining replacing replacing-faults updates updates-five catalog deleting scenarios cluster lifetimes \
	security access autoscaler existing-network cilium machines
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

.PHONY: e2e-catalog
e2e-catalog: $(CHECK) ## A team launches a cluster by the catalog, whose updates fail, go back and go through, and ends it
	$(e2e) tests/e2e/test_catalog.py

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

.PHONY: e2e-autoscaler
e2e-autoscaler: $(CHECK) ## A pool goes from no node to two and back, by the cluster-autoscaler's calls
	$(e2e) tests/e2e/test_autoscaler.py

.PHONY: e2e-existing-network
e2e-existing-network: $(CHECK) ## A given network: central endpoints behind a peering, with and without gateway endpoints
	$(e2e) tests/e2e/test_existing_network.py

.PHONY: e2e-cilium
e2e-cilium: $(CHECK) ## Real Cilium: what its network carries and refuses while agents restart and a control plane is replaced
	@$(check_python) -m rehearsal.binaries --newest --network cilium
	$(e2e) tests/e2e/test_cilium.py

.PHONY: e2e-machines
e2e-machines: $(CHECK) ## Networks, balancers, instances and kubeadm, and 20 random up/kill/down cycles
	@HOLDFAST_CYCLES=20 $(check_python) -m pytest --durations=20 --slowest-files=20 $(ARGS) tests/machines

##@ Deploy to an account, with your credentials (README: Deploy to an account, step by step)
##= STACK=NAME ## Name of the root stack (holdfast)
##= REGION=NAME ## AWS region (that of the environment or the profile)
##= PARAMS=FILE ## JSON file of parameters: {"Key": "Value"}
##= SET='Key=Value ...' ## Parameters that override those of PARAMS; kept values need not be given again
##= IMAGE=latest|AMI ## Image of all nodes, but for what SET names; the newest is written as its ID
##= IMAGE_STACK=NAME ## Stack whose image the newest is (holdfast-image)
##= VERSION=1.0.0 ## Name of a version of the catalog's product
##= TAGS='Key=Value ...' ## Tags of the stack and of everything in it
##= BUCKET=NAME ## S3 bucket that templates and code are uploaded to
##= PREFIX=PATH ## What the keys of uploads begin with (nothing)
##= KMS_KEY=ID ## KMS key that encrypts uploads (the bucket's default encryption)
##= ROLE=ARN ## Service role by which CloudFormation acts, and which the stack keeps (your own rights)
##= ROLLBACK=1 ## Allow replacements of resources, and roll back where the update fails
##= SECURITY=1 ## Allow what opens a policy or a security group
##= YES=1 ## Do not ask before nodes, pools, administrators or the stack go
##= EXIT_CODE=1 ## End with 3 where anything would change
##= CLUSTER=NAME|UUID ## Deleted cluster to purge
##= CONFIRM=UUID ## Do not ask before the purge of this cluster
##= GROUP=view|edit|admin ## Group of the certificate (view)
##= HOURS=8 ## How long the certificate is valid: 1 to 24
##= FILE=PATH ## Where the kubeconfig is written (build/<stack>.kubeconfig)
##= SERVER=https://... ## Address of the API, where it is not reached by its own name

deployment = @$(check_python) -m deployment
region = $(if $(REGION),--region $(call quoted,$(REGION)))
parameters = $(if $(PARAMS),--parameters $(call quoted,$(PARAMS))) $(foreach pair,$(SET),--set $(call quoted,$(pair)))
# Not where it is the Makefile's own.
stack_was_typed = $(filter-out file,$(origin STACK))
image = $(if $(IMAGE),--image $(call quoted,$(IMAGE)) --image-stack $(call quoted,$(IMAGE_STACK)))
image_stack = --stack $(call quoted,$(if $(stack_was_typed),$(STACK),$(IMAGE_STACK))) $(if $(JSON),--json)
catalog_stack = $(if $(stack_was_typed),--stack $(call quoted,$(STACK))) $(if $(VERSION),--version $(call quoted,$(VERSION))) $(if $(JSON),--json)
# What printed next steps repeat.
typed = $(foreach each,CONFIG OUT,$(if $(filter-out file,$(origin $(each))),--typed $(call quoted,$(each)=$($(each)))))
stack = --stack $(call quoted,$(STACK)) --out $(call quoted,$(OUT)) $(typed) $(if $(BUCKET),--bucket $(call quoted,$(BUCKET))) $(foreach pair,$(TAGS),--tag $(call quoted,$(pair))) $(parameters) $(image)
role = $(if $(ROLE),--role $(call quoted,$(ROLE)))
upload = --bucket $(call quoted,$(BUCKET)) $(if $(PREFIX),--prefix $(call quoted,$(PREFIX))) $(if $(KMS_KEY),--kms-key $(call quoted,$(KMS_KEY)))

# Templates that are not what the configuration generates now are judged by nobody. Where the folder alone was typed, no
# configuration is known.
from_config = $(if $(filter-out file,$(origin CONFIG)),yes,$(if $(filter-out file,$(origin OUT)),,yes))
current = @$(if $(from_config),$(check_python) -m generator --current --config $(call quoted,$(CONFIG)) --out $(call quoted,$(OUT)),:)

.PHONY: image
image: $(CHECK) ## Deploy the stack that builds machine images, build one and follow it (STACK=holdfast-image)
	$(deployment) image $(region) $(image_stack) --out $(call quoted,$(OUT)) $(typed) $(if $(BUCKET),--bucket $(call quoted,$(BUCKET))) $(parameters) $(role)

.PHONY: image-follow
image-follow: $(CHECK) ## Follow the build of an image that was started last (STACK=holdfast-image)
	$(deployment) image-follow $(region) $(image_stack)

.PHONY: image-id
image-id: $(CHECK) ## Print the ID of the newest image (STACK=holdfast-image)
	$(deployment) image-id $(region) $(image_stack)

.PHONY: catalog
catalog: build/reconcile.zip ## Deploy the stack of the Service Catalog product, at first with VERSION= (STACK=holdfast-catalog)
	$(current)
	$(deployment) catalog $(region) $(catalog_stack) --out $(call quoted,$(OUT)) $(typed) --code build $(upload) $(parameters) $(role)

.PHONY: publish
publish: build/reconcile.zip ## Publish the templates of CONFIG= as VERSION= of the product (STACK=holdfast-catalog)
	$(current)
	$(deployment) publish $(region) $(catalog_stack) --out $(call quoted,$(OUT)) $(typed) --code build $(upload)

.PHONY: preflight
preflight: $(CHECK) ## Check parameters, quotas, zones, a given network, AMIs and instance types for CONFIG= and STACK=
	$(current)
	$(deployment) preflight $(region) --stack $(call quoted,$(STACK)) --template $(call quoted,$(OUT)/root.json) $(typed) $(parameters) $(image) $(if $(JSON),--json)

.PHONY: package
package: build/reconcile.zip ## Upload the templates of CONFIG= and code to BUCKET=, write build/packaged/<OUT>.json
	$(current)
	$(deployment) package $(region) --out $(call quoted,$(OUT)) $(typed) --code build $(upload) $(if $(stack_was_typed),--stack $(call quoted,$(STACK)))

.PHONY: deploy
deploy: $(CHECK) ## Create or update STACK= from what was packaged of CONFIG=
	$(current)
	$(deployment) deploy $(region) $(stack) $(role) $(if $(ROLLBACK),--rollback) $(if $(SECURITY),--security) $(if $(YES),--yes)

.PHONY: diff
diff: $(CHECK) ## Print what deploy of CONFIG= would change in STACK=, and change nothing
	$(current)
	$(deployment) diff $(region) $(stack) $(role) $(if $(JSON),--json) $(if $(EXIT_CODE),--exit-code)

.PHONY: rollback
rollback: $(CHECK) ## Roll STACK= back after an update that has failed (UPDATE_FAILED)
	$(deployment) rollback $(region) --stack $(call quoted,$(STACK)) $(role)

.PHONY: status
status: $(CHECK) ## Print the state of the cluster STACK= on one screen, and who has to act
	$(deployment) status $(region) --stack $(call quoted,$(STACK)) $(if $(JSON),--json)

.PHONY: follow
follow: $(CHECK) ## Print what happens in STACK= and its cluster as it comes: to the end of the operation, or until Ctrl-C
	$(deployment) follow $(region) --stack $(call quoted,$(STACK))

.PHONY: delete
delete: $(CHECK) ## Delete STACK= after a question, then list what is retained and its cost
	$(deployment) delete $(region) --stack $(call quoted,$(STACK)) $(role) $(if $(YES),--yes)

.PHONY: purge
purge: $(CHECK) ## Remove for good what a delete retained of CLUSTER=
	$(deployment) purge $(region) $(call quoted,$(CLUSTER)) $(if $(CONFIRM),--confirm $(call quoted,$(CONFIRM)))

.PHONY: kubeconfig
kubeconfig: $(CHECK) ## Get a kubeconfig for STACK= in your own name
	$(deployment) kubeconfig $(region) --stack $(call quoted,$(STACK)) $(if $(GROUP),--group $(call quoted,$(GROUP))) $(if $(HOURS),--hours $(call quoted,$(HOURS))) \
		$(if $(FILE),--file $(call quoted,$(FILE))) $(if $(SERVER),--server $(call quoted,$(SERVER)))

##@ The project itself
##= PYTHON=PROGRAM ## Python 3.11 or newer that the environments are made with (python3)
##= UPGRADE=1 ## Move every dependency to its newest version

.PHONY: lock
lock: ## Resolve requirements/*.in into the lock files
	@$(call quoted,$(PYTHON)) requirements/lock.py $(if $(UPGRADE),--upgrade)

.PHONY: clean
clean: ## Remove everything that make made: environments, caches, build/
	@rm -rf .venv .cache build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
