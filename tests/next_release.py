"""Templates as a later release may have them: each type that has something to update is updated by it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Json = dict[str, Any]
DESCRIPTION = "of a later release"


def _policy(name: str) -> Callable[[Json], None]:
    """Another name of the policy's first statement."""

    def change(properties: Json) -> None:
        properties[name]["Statement"][0]["Sid"] = "OfALaterRelease"

    return change


def _described(properties: Json) -> None:
    properties["Description"] = DESCRIPTION


def _asked_once(properties: Json) -> None:
    properties["MaximumRetryAttempts"] = 1


CHANGES: dict[str, Callable[[Json], None]] = {
    "AWS::EC2::SecurityGroupEgress": _described,
    "AWS::EC2::SecurityGroupIngress": _described,
    "AWS::IAM::ManagedPolicy": _policy("PolicyDocument"),
    "AWS::IAM::RolePolicy": _policy("PolicyDocument"),
    "AWS::Lambda::EventInvokeConfig": _asked_once,
    "AWS::Lambda::Function": _described,
    "AWS::S3::BucketPolicy": _policy("PolicyDocument"),
    "AWS::SQS::QueuePolicy": _policy("PolicyDocument"),
}
"""By type, beside other tags, which reach every type that takes tags: what an update changes where it is."""


def change(templates: Path) -> None:
    """Make the templates in a folder those of a later release."""
    for file in templates.glob("*.json"):
        body = json.loads(file.read_text(encoding="utf-8"))
        for resource in body["Resources"].values():
            if alter := CHANGES.get(resource["Type"]):
                alter(resource["Properties"])
        file.write_text(json.dumps(body), encoding="utf-8")
