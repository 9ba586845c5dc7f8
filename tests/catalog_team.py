"""A team without any right of IAM's, which launches clusters as a page says, and whoever publishes for it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from generator.catalog import launch_role
from generator.catalog.actions import REPLACE_SLOT
from rehearsal.aws.cloudformation.invoked import INVOKED_PATH, Handler
from rehearsal.aws.iam.enforcement import REPORT_PATH
from rehearsal.cloud.operator import Operator
from rehearsal.local.surroundings import BUCKET
from tests.waiting import wait_for

STACK = "catalog"
PREFIX = "published"
NAME = "our-cluster"
"""Of the launched product, as the page has it."""
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
HELD = {"PermissionsBoundaryArn": BOUNDARY, "RolePath": "/holdfast/"}
"""The two values that the team is told."""
REPLACE = "execute-provisioned-product-service-action"
CLI_SECONDS = 300.0
LOOK_SECONDS = 0.4
MINUTES = 60 * 15.0
PAGE = (Path(__file__).parents[1] / "docs" / "how-to" / "use-the-product.md").read_text(encoding="utf-8")

_END_USER = {
    "Effect": "Allow",
    "Action": [
        f"servicecatalog:{name}"
        for name in "SearchProducts DescribeProduct DescribeProvisioningParameters ProvisionProduct DescribeRecord "
        "DescribeProvisionedProduct UpdateProvisionedProduct TerminateProvisionedProduct "
        "ListServiceActionsForProvisioningArtifact ExecuteProvisionedProductServiceAction".split()
    ],
    "Resource": "*",
}
_LAUNCH_ROLE = f"{STACK}-LaunchRole-"
_EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}

Json = dict[str, Any]


@dataclass(frozen=True)
class Team:
    """Who launches, and who publishes."""

    publisher: Mapping[str, str]
    """The environment in which programs act as the account's owner."""
    own: Mapping[str, str]
    """That in which they act as the team."""
    root: Path
    """The root template that is published."""

    @classmethod
    def made(cls, iam: Any, environment: Mapping[str, str], root: Path, **values: str) -> Team:
        """A user who may call Service Catalog alone, with the boundary of clusters and the catalog's version 1.0.0.

        `values` are for further parameters of the catalog stack.
        """
        iam.create_policy(PolicyName="boundary", PolicyDocument=_document(_EVERYTHING))
        user = Operator.made(iam, "team", environment)
        iam.put_user_policy(UserName=user.name, PolicyName="launch", PolicyDocument=_document(_END_USER))
        team = cls(environment, user.environment, root)
        given = {"PrincipalArn": user.arn, "PermissionsBoundaryArn": BOUNDARY, **values}
        team.publish("catalog", "1.0.0", *(word for pair in given.items() for word in ("--set", "=".join(pair))))
        return team

    def publish(self, command: str, version: str, *arguments: str) -> None:
        """What whoever publishes types."""
        whole = [sys.executable, "-m", "deployment", command, "--stack", STACK, "--version", version]
        where = ["--bucket", BUCKET, "--prefix", PREFIX, "--out", str(self.root.parent)]
        _done([*whole, *where, *arguments], self.publisher)

    def publish_changed(self, version: str, **defaults: object) -> None:
        """Another version: the same templates with other defaults of the root's parameters."""
        body = json.loads(self.root.read_text(encoding="utf-8"))
        for name, value in defaults.items():
            body["Parameters"][name]["Default"] = value
        self.root.write_text(json.dumps(body), encoding="utf-8")
        self.publish("publish", version)

    def type(self, operation: str, **words: str) -> str:
        """What the page has the team type, with these words in place of those that it leaves out."""
        found = re.search(rf"^    aws servicecatalog {operation} (?:.*\\\n)*.*$", PAGE, re.MULTILINE)
        assert found is not None, operation
        text = found[0].replace("\\\n", " ")
        for word, meant in words.items():
            text = re.sub(rf"{word}-…|file://{word}\.json", meant, text)
        return _done([sys.executable, "-m", "awscli", *shlex.split(text)[1:]], self.own)

    def begin(self, operation: str, **words: str) -> str:
        """Begin an operation; its record's ID."""
        return str(json.loads(self.type(operation, **words))["RecordDetail"]["RecordId"])

    def followed_to_its_end(self, record: str, what: str) -> Json:
        """A record once it has ended, well or not."""

        def look() -> Json | None:
            found: Json = json.loads(self.type("describe-record", rec=record))
            return found if found["RecordDetail"]["Status"] in ("SUCCEEDED", "FAILED") else None

        found = wait_for(look, f"{what} to end", MINUTES, LOOK_SECONDS)
        assert found is not None
        return found

    def followed(self, record: str, what: str) -> Json:
        """A record once it has ended, which has to be well."""
        found = self.followed_to_its_end(record, what)
        assert found["RecordDetail"]["Status"] == "SUCCEEDED", (found, self.denied(), self.failures())
        return found

    def ended(self, operation: str, **words: str) -> Json:
        """The record of an operation once it has ended, which has to be well."""
        return self.followed(self.begin(operation, **words), operation)

    def failed(self, record: str, what: str) -> str:
        """What the runbook found behind a record that failed."""
        found = self.followed_to_its_end(record, what)
        assert found["RecordDetail"]["Status"] == "FAILED", found
        return str(found["RecordDetail"]["RecordErrors"][0]["Description"]).partition("; found: ")[2]

    def replacing(self, table: str) -> Mapping[str, str]:
        """What the page has the team look up before it replaces slot 1 of the cluster with this table; for `begin`."""
        own, product, version = self.type("describe-provisioned-product").split()
        listed = self.type("list-service-actions-for-provisioning-artifact", prod=product, pa=version)
        action, name = listed.split()
        assert name == REPLACE_SLOT
        return {"pp": own, "act": action, "SC": table}

    def output(self, name: str) -> str:
        """An output of the catalog stack."""
        stacks = boto3.client("cloudformation", **_keys(self.publisher)).describe_stacks(StackName=STACK)["Stacks"]
        return next(str(each["OutputValue"]) for each in stacks[0]["Outputs"] if each["OutputKey"] == name)

    def client(self, service: str) -> Any:
        """A client by the team's own rights."""
        make: Any = boto3.client
        return make(service, **_keys(self.own))

    def failures(self) -> list[str]:
        """What CloudFormation says of resources that have failed, those of nested stacks that are gone included."""
        client = boto3.client("cloudformation", **_keys(self.publisher))
        stacks = [each["StackId"] for each in client.describe_stacks()["Stacks"]]
        said = []
        for stack in stacks:
            events = client.get_paginator("describe_stack_events").paginate(StackName=stack).build_full_result()
            for event in events["StackEvents"]:
                nested = event.get("PhysicalResourceId", "")
                if event["ResourceType"] == "AWS::CloudFormation::Stack" and nested and nested not in stacks:
                    stacks.append(nested)
                if event["ResourceStatus"].endswith("_FAILED"):
                    said.append(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}")
        return said

    def denied(self) -> list[Json]:
        """What the catalog's roles were refused."""
        return _of_roles(self._told(REPORT_PATH)["denied"])

    def used(self) -> set[str]:
        """The actions that were called by the launch role."""
        return {each["action"] for each in _of_roles(self._told(REPORT_PATH)["used"], _LAUNCH_ROLE)}

    def invoked(self) -> set[tuple[str, Handler]]:
        """The handlers of CloudFormation's that were invoked by the launch role's rights, with their types."""
        found = _of_roles(self._told(INVOKED_PATH), _LAUNCH_ROLE)
        return {(each["type_name"], Handler(each["handler"])) for each in found}

    def _told(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.publisher['AWS_ENDPOINT_URL']}{path}") as answer:
            return json.load(answer)


def written(path: Path, values: Mapping[str, str], kept: Mapping[str, str]) -> str:
    """A file of parameters as the AWS CLI takes it; those of `kept` that have no value stay as they are."""
    given: list[Json] = [{"Key": name, "Value": value} for name, value in values.items()]
    given += [{"Key": name, "UsePreviousValue": True} for name in kept if name not in values]
    path.write_text(json.dumps(given), encoding="utf-8")
    return f"file://{path}"


def _of_roles(found: list[Json], beginning: str = "") -> list[Json]:
    return [each for each in found if f":role{launch_role.PATH}{beginning}" in each["identity"]]


def _keys(environment: Mapping[str, str]) -> Json:
    return {
        "endpoint_url": environment["AWS_ENDPOINT_URL"],
        "region_name": environment["AWS_REGION"],
        "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
    }


def _document(statement: Json) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _done(command: list[str], environment: Mapping[str, str]) -> str:
    """What a program prints that has to succeed."""
    done = subprocess.run(
        command, env=dict(environment), capture_output=True, text=True, timeout=CLI_SECONDS, check=False
    )
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout
