"""Whom the stack's managed policies are attached to: IAM deletes none that is attached, so neither does CloudFormation.

The policies are those of people, which an administrator of the account attaches (generator/operators.py). The stack
names them in its outputs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from deployment import aws
from deployment.aws import Aws
from deployment.stacks import Stack

_POLICY = re.compile(r"arn:[a-z-]+:iam::\d{12}:policy/.+")


@dataclass(frozen=True)
class Attachment:
    """One policy of the stack, attached to one role, user or group."""

    kind: str
    """`role`, `user` or `group`."""
    name: str
    policy_arn: str

    def __str__(self) -> str:
        return f"{self.policy_arn.rpartition('/')[2]} of the {self.kind} {self.name}"

    def detach(self, iam: Any) -> None:
        """Take it back; nothing where somebody has done so. Raises ClientError."""
        call = getattr(iam, f"detach_{self.kind}_policy")
        try:
            call(**{f"{self.kind.capitalize()}Name": self.name, "PolicyArn": self.policy_arn})
        except ClientError as error:
            if aws.code(error) != "NoSuchEntity":
                raise


def find(account: Aws, stack: Stack) -> list[Attachment]:
    """All attachments of the policies that the stack's outputs name. Raises ClientError."""
    policies = [value for _, value in stack.outputs if _POLICY.fullmatch(value)]
    return [each for arn in policies for each in _of(account.client("iam"), arn)]


def take_back(account: Aws, found: list[Attachment], say: Callable[[str], None]) -> None:
    """Detach them, one after the other. Raises ClientError."""
    for each in found:
        each.detach(account.client("iam"))
        say(f"detached {each}")


def _of(iam: Any, arn: str) -> Iterator[Attachment]:
    try:
        for page in iam.get_paginator("list_entities_for_policy").paginate(PolicyArn=arn):
            for kind in ("role", "user", "group"):
                for entity in page[f"Policy{kind.capitalize()}s"]:
                    yield Attachment(kind, entity[f"{kind.capitalize()}Name"], arn)
    except ClientError as error:
        # A deletion before this one has come so far.
        if aws.code(error) != "NoSuchEntity":
            raise
