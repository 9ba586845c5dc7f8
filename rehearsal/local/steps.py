"""The steps of a rehearsal, from a cluster configuration to a proof that a deleted stack leaves nothing."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3

from rehearsal import lint
from rehearsal.local import inventory, stacks, surroundings
from rehearsal.local.processes import Processes, StepFailed, run
from rehearsal.local.surroundings import BUCKET, Facts
from rehearsal.loopback import reach_directly

STACK = "holdfast"
"""The name of the stack that a rehearsal deploys."""
Server = Callable[[Facts], Sequence[str]]
"""The program that runs the local AWS for a configuration, with its options."""
Change = Callable[[Path], None]
"""Alters the templates in a folder."""
_PYTHON = [sys.executable, "-m"]
# Not the script beside Python: the first line of that cannot name a folder with a space in it.
_CLI = [*_PYTHON, "awscli"]
_AWS = [*_CLI, "cloudformation"]
# How long what goes on after the stack's own deletion (an instance that shuts down) may take.
_SETTLE_SECONDS = 15


class Rehearsal:
    """One cluster on one local AWS. What can go on at the same time does: two cores are enough for half a minute.

    `server` runs the local AWS; with `stubbed` another program stands in for the nodes. Where the
    local AWS has machines, `minor` is the Kubernetes that they boot, the newest without it, and clients of the API may
    come from the range `facts.client_cidr`. `parameters` are values for the root's parameters. `change` may alter the
    generated templates before anything is done with them.
    """

    def __init__(
        self,
        config: Path,
        folder: Path,
        processes: Processes,
        *,
        server: Server = lambda _: ("rehearsal.aws",),
        stubbed: bool = True,
        minor: str | None = None,
        parameters: Mapping[str, str] | None = None,
        change: Change | None = None,
    ) -> None:
        # Before the first program is started: it inherits this.
        reach_directly()
        self._config = config
        self._server = server
        self._stubbed = stubbed
        self._minor = minor
        self._parameters = parameters or {}
        self._change = change
        self._image: str | None = None
        self.facts: Facts = surroundings.facts(config)
        """What of the configuration decides what is made around the cluster."""
        self.templates = folder / "templates"
        """Where the generated ones are."""
        self._build = folder / "build"
        self._logs = folder
        self._processes = processes
        self._started = time.monotonic()
        self.environment: dict[str, str] = {}
        """In which every program talks to the local AWS, as the account's owner."""
        self._clients: dict[str, Any] = {}
        # One for all clients: each session reads botocore's tables of endpoints anew.
        self._session: Any = boto3.Session(
            aws_access_key_id="local", aws_secret_access_key="local", region_name=self.facts.region
        )
        self._before: inventory.Inventory = frozenset()
        self.stack = STACK
        """The cluster's stack: another one where something else than a deploy makes it."""
        self.values: dict[str, str] = {}
        """For the root's parameters that have no default, and what was given; before `upload` nothing."""
        self.cloud_id = ""
        """What the kernel's objects of a local AWS with machines are named after; empty where there are none."""
        self._linting: subprocess.Popen[str] | None = None

    def deploy(self) -> None:
        """From the configuration to a stack that is complete and templates without a finding. Raises StepFailed."""
        self.create()
        self.follow()
        self.lint()

    def create(self) -> None:
        """From the configuration to a stack whose creation has begun. Raises StepFailed."""
        self.upload()
        self.begin()

    def upload(self) -> None:
        """From the configuration to a running local AWS that holds templates and function. Raises StepFailed."""
        server = [*_PYTHON, *self._server(self.facts), "--stop-with-stdin", "--log-dir", str(self._logs)]
        starting = self._processes.start("aws", [*server, "--region", self.facts.region])
        self._linting = self._generate()
        ready = self._processes.ready(starting, "aws")
        # A local AWS with machines has images that boot, the newest first; others get one that nothing starts from.
        images: dict[str, str] = ready.get("images", {})
        self._image = images[self._minor] if self._minor else next(iter(images.values()), None)
        self.cloud_id = str(ready.get("cloud", ""))
        self._meet(ready["endpoint"])

        surroundings.make_bucket(self.client("s3"), self.facts.region)
        packaged = str(self._build / "packaged.json")
        package = ["package", "--template-file", str(self.templates / "root.json"), "--s3-bucket", BUCKET]
        package += ["--use-json", "--output-template-file", packaged]
        packaging = self._processes.start("package", [*_AWS, *package], self.environment)
        declared = json.loads((self.templates / "root.json").read_text(encoding="utf-8"))["Parameters"]
        values = surroundings.prepare(self.client, self.facts, declared, self._image)
        if not self._stubbed:
            values["ApiClientCidrs"] = self.facts.client_cidr
            account = self.client("sts").get_caller_identity()["Account"]
            listed = [declared["AdministratorArns"]["Default"], surroundings.operator_arn(self.facts, account)]
            values["AdministratorArns"] = ",".join(filter(None, listed))
        self.values = {**values, **self._parameters}
        self._processes.finish(packaging, "package")
        self.say("templates and function uploaded: aws cloudformation package")

    def mark(self) -> None:
        """Take what there is now as the ground that a deletion of the cluster has to come back to."""
        self._before = inventory.take(self.client)

    def begin(self, **parameters: str) -> None:
        """Begin a creation of the stack, with further values for parameters; again, too, once it is deleted.

        What there is now is the ground that its deletion has to come back to. Raises StepFailed.
        """
        self.mark()
        values = self.values | parameters
        # `deploy` says nothing until the end: it makes the change set, and we execute and follow it.
        packaged = str(self._build / "packaged.json")
        deploy = ["deploy", "--template-file", packaged, "--stack-name", self.stack]
        deploy += ["--capabilities", "CAPABILITY_IAM", "--s3-bucket", BUCKET, "--no-execute-changeset"]
        given = (f"{name}={value}" for name, value in values.items())
        run([*_AWS, *deploy, "--parameter-overrides", *given], self.environment)
        (change_set,) = self.client("cloudformation").list_change_sets(StackName=self.stack)["Summaries"][:1]
        execute = ["execute-change-set", "--stack-name", self.stack, "--change-set-name", change_set["ChangeSetName"]]
        run([*_AWS, *execute], self.environment)
        self.say("change set made and executed: aws cloudformation deploy")

    def follow(self) -> None:
        """Tells the stack's creation until it is over. Raises StepFailed when it has failed."""
        self._watch("follow", "--stack", self.stack, "--operation", "--stacks-only")
        self.say("stack complete")

    def lint(self) -> None:
        """Waits for cfn-lint, which runs beside everything else. Raises StepFailed with its findings."""
        assert self._linting is not None
        self._processes.finish(self._linting, "lint")
        self.say("templates linted: no finding")

    def show(self, *, kept: bool) -> None:
        """The tree of stacks with their times; where it is kept running, how to reach it and what to type next."""
        for line in stacks.tree(self.client("cloudformation"), self.stack):
            print(line)
        if not kept:
            return
        values = self._logs / "params.json"
        values.write_text(json.dumps(self.values, indent=2) + "\n", encoding="utf-8")
        print("the AWS CLI and the commands of make reach it while this runs, with:")
        keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        for name in ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", *keys):
            print(f"  export {name}={self.environment[name]}")
        templates = f"OUT={shlex.quote(os.path.relpath(self.templates))}"
        print("for instance:")
        print(f"  make package BUCKET={BUCKET} STACK={self.stack} {templates}")
        given = f"PARAMS={shlex.quote(os.path.relpath(values))}"
        print(f"  make diff STACK={self.stack} {templates} {given} SET=LogRetentionDays=30", flush=True)

    def delete(self) -> None:
        """Deletes the stack and proves that nothing is left but what is to be kept. Raises StepFailed."""
        kept = self.kept()
        # What is kept goes with the local AWS.
        self._watch("delete", "--stack", self.stack, "--yes", "--stacks-only", "--no-purge")
        self.check_left(kept)
        self.say(f"stack deleted; {len(kept)} resources are retained, as its templates and nodes say, and nothing else")

    def kept(self) -> set[str]:
        """The ids of what a deletion of the stack has to keep.

        That is what its templates keep, and what nodes have put into SSM: no stack knows of it, and a restored cluster
        needs the keys among it.
        """
        found = stacks.kept(self.client("cloudformation"), self.stack, self.templates / "root.json")
        return found | (self.present("parameter") - stacks.made(self.client("cloudformation"), self.stack))

    def present(self, kind: str) -> set[str]:
        """The ids of what there is of a kind since the creation of the stack has begun."""
        return {name for each, name in inventory.take(self.client) - self._before if each == kind}

    def check_left(self, kept: set[str]) -> None:
        """Waits until nothing but this is left of what there is since the creation has begun. Raises StepFailed."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        while True:
            left = inventory.take(self.client) - self._before
            leaked = sorted(f"{kind} {name}" for kind, name in left if name not in kept)
            if not leaked:
                break
            if time.monotonic() > deadline:
                raise StepFailed(f"the deleted stack left behind: {', '.join(leaked)}")
            time.sleep(0.2)
        lost = kept - {name for _, name in left}
        if lost:
            raise StepFailed(f"the deleted stack was to keep, and did not: {', '.join(sorted(lost))}")

    def _generate(self) -> subprocess.Popen[str]:
        """Writes the templates and the function's zip; cfn-lint, which takes longest, goes on beside what follows."""
        run([*_PYTHON, "generator", "--config", str(self._config), "--out", str(self.templates)])
        if self._change is not None:
            self._change(self.templates)
        files = sorted(self.templates.glob("*.json"))
        self.say(f"{len(files)} templates generated from {self._config}")
        linting = self._processes.start("lint", lint.command(files, self.facts.region))
        run([*_PYTHON, "functions.package", "--out", str(self._build / "reconcile.zip")])
        self.say("function built")
        return linting

    def _meet(self, endpoint: str) -> None:
        """Turns everything towards the local AWS, and starts the stub of the nodes."""
        region = self.facts.region
        self.environment = local_environment(endpoint, region)
        self.say(f"local AWS at {endpoint}, region {region}")
        if self._stubbed:
            stub = [*_PYTHON, "rehearsal.node_stub", "--endpoint", endpoint, "--region", region, "--stop-with-stdin"]
            self._processes.start("node-stub", stub, self.environment, read=False)

    @property
    def endpoint(self) -> str:
        """Where the local AWS is."""
        return self.environment["AWS_ENDPOINT_URL"]

    def say(self, what: str) -> None:
        """One step that is done, with the seconds since the start."""
        print(f"{time.monotonic() - self._started:6.1f} s  {what}", flush=True)

    def aws(self, *arguments: str) -> str:
        """What the AWS CLI prints, as a person types it. Raises StepFailed."""
        return run([*_CLI, *arguments], self.environment)

    def update(self, values: Mapping[str, str], *flags: str) -> None:
        """Begin an update of these parameters with the plain AWS CLI; all others stay. Raises StepFailed."""
        stack = self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"][0]
        given = [
            f"ParameterKey={name},{f'ParameterValue={values[name]}' if name in values else 'UsePreviousValue=true'}"
            for name in (each["ParameterKey"] for each in stack["Parameters"])
        ]
        update = ["update-stack", "--stack-name", self.stack, "--use-previous-template"]
        self.aws("cloudformation", *update, *flags, "--capabilities", "CAPABILITY_IAM", "--parameters", *given)

    def deploy_again(self, *values: str) -> str:
        """What `make package` and `make deploy` print when some values, each `Key=Value`, are others. StepFailed."""
        # Not what the AWS CLI packaged for the creation: beside it nothing tells what was built.
        packaged = str(self._build / "deployed.json")
        package = ["deployment", "package", "--template", str(self.templates / "root.json"), "--bucket", BUCKET]
        run([*_PYTHON, *package, "--output", packaged], self.environment)
        deploy = ["deployment", "deploy", "--stack", self.stack, "--template", packaged]
        given = [word for value in values for word in ("--set", value)]
        return run([*_PYTHON, *deploy, *given], self.environment)

    def status(self) -> str:
        """The stack's."""
        return str(self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"][0]["StackStatus"])

    def client(self, service: str) -> Any:
        """A boto3 client of the local AWS, made once."""
        if service not in self._clients:
            self._clients[service] = self._session.client(service, endpoint_url=self.environment["AWS_ENDPOINT_URL"])
        return self._clients[service]

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One of the commands that act on real accounts too: how it ended, and what it said."""
        whole = [*_PYTHON, "deployment", *arguments]
        return subprocess.run(whole, env=self.environment, capture_output=True, text=True, check=False)

    def _watch(self, *arguments: str) -> None:
        """The same, with its progress."""
        done = subprocess.run([*_PYTHON, "deployment", *arguments], env=self.environment, check=False)
        if done.returncode:
            raise StepFailed(f"python -m deployment {' '.join(arguments)} failed")


def local_environment(endpoint: str, region: str) -> dict[str, str]:
    """The environment in which every AWS program talks to the local AWS, and cannot reach the caller's own account."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    reach_directly(environment)
    return environment | {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
    }
