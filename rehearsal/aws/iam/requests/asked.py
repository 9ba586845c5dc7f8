"""What a request asks for: the parsed request, the permissions that it needs, and what has to be known to tell them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from rehearsal.aws.iam.context import Values


@dataclass(frozen=True)
class Asked:
    """A request that was parsed with the service's model."""

    service: str
    """Botocore's name of the service, as `elbv2`."""
    operation: str
    parameters: Mapping[str, Any]
    region: str
    account_id: str
    partition: str

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource in the request's region and account."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"


@dataclass(frozen=True)
class Need:
    """One permission that a request needs: an action on a resource, with what the request says about it.

    With `via` a service asks for it on the caller's behalf, in a call that does not come from the caller's network.
    """

    action: str
    resource: str = "*"
    values: Mapping[str, Values] = field(default_factory=dict)
    via: str | None = None


class NotModelled(Exception):
    """It is not known here which resources a request is about; `action` is the permission that it certainly needs."""

    def __init__(self, action: str) -> None:
        super().__init__(f"the local AWS does not know which resources {action} is about")
        self.action = action


class State(Protocol):
    """What the resources say that a request names. KMS keys are ARNs of customer keys; AWS's own keys are None."""

    def partition_key(self, region: str, table: str) -> str | None:
        """The name of a table's partition key."""

    def table_key(self, region: str, table: str) -> str | None:
        """The KMS key of a table."""

    def parameter_keys(self, region: str, name: str, *, below: bool = False) -> Mapping[str, str]:
        """The KMS keys of SecureStrings by parameter name: the one with this name, or all below it."""

    def bucket_key(self, bucket: str) -> str | None:
        """The KMS key that new objects of a bucket are encrypted with."""

    def object_key(self, bucket: str, key: str) -> str | None:
        """The KMS key of an object."""

    def object_tags(self, bucket: str, key: str) -> Mapping[str, str]:
        """The tags of an object; empty where there is none."""

    def queue_key(self, region: str, queue: str) -> str | None:
        """The KMS key of a queue."""

    def kms_key(self, region: str, key_id: str) -> str | None:
        """The ARN of a customer key, by id, ARN, or alias."""

    def ciphertext_key(self, region: str, ciphertext: bytes) -> str | None:
        """The ARN of the customer key that something was encrypted with."""

    def group(self, region: str, name: str) -> str | None:
        """The ARN of an Auto Scaling group."""

    def group_of(self, region: str, instance_id: str) -> str | None:
        """The ARN of the Auto Scaling group that an instance is in."""

    def stack(self, region: str, name: str) -> str | None:
        """The id of a stack, by its name or by the ARN of a change set that is of it."""

    def identity(self, partition: str, kind: str, name: str) -> str | None:
        """The ARN of a `role`, `user`, `group` or `instance-profile`, by its name."""

    def profile_role(self, partition: str, profile: str) -> str | None:
        """The ARN of the role in an instance profile, by the profile's name or ARN."""

    def boundary(self, arn: str) -> str | None:
        """The ARN of the permissions boundary of a role or a user."""

    def launch_template(self, region: str, wanted: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
        """The id of the launch template that a request names, and the data of the version that it names."""


def pass_role(role_arn: str, service: str) -> Need:
    """What handing a role over to a service needs (IAM guide, "Grant permissions to pass a role to a service")."""
    return Need("iam:PassRole", role_arn, {"iam:PassedToService": service})


def behalf(service: str, action: str, key: str | None, context: Mapping[str, str]) -> list[Need]:
    """What a service needs of a customer's KMS key on the caller's behalf; nothing for AWS's own keys.

    Those have a policy that lets everyone in the account use them through the service (KMS guide, "AWS managed keys").
    """
    return [] if key is None else [Need(f"kms:{action}", key, encryption_context(context), via=service)]


def granted(service: str, key: str | None) -> list[Need]:
    """What a service needs on the caller's behalf to give itself grants of a customer's key; nothing for AWS's keys."""
    if key is None:
        return []
    grant: dict[str, Values] = {"kms:GrantIsForAWSResource": "true"}
    return [Need("kms:DescribeKey", key, via=service), Need("kms:CreateGrant", key, grant, via=service)]


def encryption_context(context: Mapping[str, str]) -> dict[str, Values]:
    """The condition keys of an encryption context."""
    values: dict[str, Values] = {f"kms:EncryptionContext:{name}": value for name, value in context.items()}
    if context:
        values["kms:EncryptionContextKeys"] = tuple(context)
    return values
