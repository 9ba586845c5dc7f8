"""A cluster as its owner sees it: deployed by the AWS CLI as the README says, looked at through public APIs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.local import stacks, surroundings
from tests.integration.harness import CLI_SECONDS, LocalAwsHarness, wait_for

STACK = "AWS::CloudFormation::Stack"
Resource = Mapping[str, Any]


@dataclass(frozen=True)
class Package:
    """Uploaded templates of one configuration, and a value for each parameter that has no default."""

    template: Path
    unpackaged: Path
    values: Mapping[str, str]


def package(harness: LocalAwsHarness, config: Path, root: Path) -> Package:
    """Make what the cluster finds in an account, then `aws cloudformation package`."""
    declared = json.loads(root.read_text())["Parameters"]
    harness.make_bucket()
    values = surroundings.prepare(harness.client, surroundings.facts(config), declared)
    packaged = root.parent / f"packaged-{harness.region}.json"
    packaging = harness.start(
        "cloudformation", "package", "--template-file", str(root), "--s3-bucket", surroundings.BUCKET,
        "--use-json", "--output-template-file", str(packaged),
    )  # fmt: skip
    said, _ = packaging.communicate(timeout=CLI_SECONDS)
    assert packaging.returncode == 0, said
    return Package(packaged, root, values)


class Cluster:
    """A root stack and everything below it."""

    def __init__(self, harness: LocalAwsHarness, name: str, package: Package) -> None:
        self.harness = harness
        self.name = name
        self._package = package
        self._stacks = harness.client("cloudformation")

    # deploying

    def start_deploy(self, *flags: str, **parameters: str) -> subprocess.Popen[str]:
        """The README's `aws cloudformation deploy`; an update names only the parameters that it changes."""
        pairs = [f"{key}={value}" for key, value in parameters.items()]
        return self.harness.start(
            "cloudformation", "deploy", "--template-file", str(self._package.template), "--stack-name", self.name,
            "--s3-bucket", surroundings.BUCKET, "--capabilities", "CAPABILITY_IAM", *flags,
            *(["--parameter-overrides", *pairs] if pairs else []),
        )  # fmt: skip

    def start_create(self) -> subprocess.Popen[str]:
        """Create the stack, without waiting for its end."""
        return self.start_deploy(**self.values)

    def create(self) -> None:
        """Create the stack; it has to succeed."""
        self.finish(self.start_create())

    def finish(self, deploy: subprocess.Popen[str]) -> None:
        """Wait for a deploy; it has to succeed."""
        said, _ = deploy.communicate(timeout=CLI_SECONDS)
        assert deploy.returncode == 0, [said, *self.failures()]

    def update(self, *flags: str, **parameters: str) -> str:
        """Change parameters; returns the status that the stack ends in."""
        deploy = self.start_deploy(*flags, **parameters)
        said, _ = deploy.communicate(timeout=CLI_SECONDS)
        if deploy.returncode:
            # A test that expected something else shows it.
            print(said, *self.failures(), sep="\n")
        return str(self.stack()["StackStatus"])

    def start_delete(self) -> str:
        """Delete the stack, without waiting for its end; returns its id."""
        stack_id = self.stack_id
        self.harness.aws("cloudformation", "delete-stack", "--stack-name", self.name)
        return stack_id

    def delete(self) -> str:
        """Delete the stack; returns the status that it ends in."""
        return self.settled(self.start_delete())

    def settled(self, stack_id: str = "", seconds: float = 240.0) -> str:
        """The root's status, once nothing is in progress any more."""

        def rest() -> str:
            status = str(self.stack(stack_id)["StackStatus"])
            return "" if status.endswith("_IN_PROGRESS") else status

        return wait_for(rest, f"the stack {self.name} comes to rest", seconds)

    # looking

    def exists(self) -> bool:
        """Whether there is a stack of this name, or a change set that is to make it."""
        return self.name in {each["StackName"] for each in self._stacks.describe_stacks()["Stacks"]}

    @property
    def values(self) -> Mapping[str, str]:
        """The parameters that name what the cluster found."""
        return self._package.values

    @property
    def stack_id(self) -> str:
        """The root stack's id, which is the cluster's."""
        return str(self.stack()["StackId"])

    @property
    def uuid(self) -> str:
        """What the cluster's things are told apart by."""
        return self.stack_id.rsplit("/", 1)[1]

    def stack(self, stack_id: str = "") -> Resource:
        """The description of the root, or of a stack by its id."""
        found: Resource = self._stacks.describe_stacks(StackName=stack_id or self.name)["Stacks"][0]
        return found

    def outputs(self) -> dict[str, str]:
        """The root's outputs."""
        return {output["OutputKey"]: output["OutputValue"] for output in self.stack().get("Outputs", [])}

    def resources(self) -> dict[str, Resource]:
        """Every resource of the tree by its path, such as `Controlplane/Slot0`."""
        return dict(self._resources(self.stack_id, ""))

    def physical_ids(self) -> dict[str, str]:
        """The physical id of every resource of the tree, by its path."""
        made = {path: each.get("PhysicalResourceId") for path, each in self.resources().items()}
        return {path: str(physical_id) for path, physical_id in made.items() if physical_id}

    def physical_id(self, path: str) -> str:
        """The physical id of one resource."""
        return self.physical_ids()[path]

    def events(self, path: str = "", stack_id: str = "") -> list[Resource]:
        """What happened to the root, or to the nested stack at `path`, the oldest first."""
        named = self.physical_id(path) if path else stack_id or self.stack_id
        pages = self._stacks.get_paginator("describe_stack_events").paginate(StackName=named)
        return [event for page in pages for event in page["StackEvents"]][::-1]

    def kept(self) -> set[str]:
        """The physical ids of what the templates keep when the stack is deleted."""
        return stacks.kept(self._stacks, self.name, self._package.unpackaged)

    def failures(self) -> list[str]:
        """What failed in the tree, and why; for messages of tests."""
        made = self.physical_ids()
        nested = [path for path, each in self.resources().items() if each["ResourceType"] == STACK and path in made]
        return [
            f"{path}/{event['LogicalResourceId']} {event['ResourceStatus']}: {event.get('ResourceStatusReason')}"
            for path in ["", *nested]
            for event in self.events(path)
            if event["ResourceStatus"].endswith("_FAILED")
        ]

    def _resources(self, stack_id: str, prefix: str) -> Iterator[tuple[str, Resource]]:
        pages = self._stacks.get_paginator("list_stack_resources").paginate(StackName=stack_id)
        for page in pages:
            for each in page["StackResourceSummaries"]:
                path = f"{prefix}{each['LogicalResourceId']}"
                yield path, each
                if each["ResourceType"] == STACK and each.get("PhysicalResourceId"):
                    yield from self._resources(each["PhysicalResourceId"], f"{path}/")
