"""The policies that have a say in a request, as the local services hold them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rehearsal.aws.iam import policy
from rehearsal.aws.iam.policy import Policy
from rehearsal.aws.protocol import partition_of

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws


class NoSuchRole(Exception):
    """Credentials of a role that was deleted."""


class StoredPolicies:
    """Reads policies from moto's backends. Every method may raise PolicyError, which names the policy."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws

    def of_role(self, role_arn: str) -> tuple[Policy, ...]:
        """A role's inline and managed policies. Raises NoSuchRole."""
        with self._aws.lock:
            role = self._role(role_arn)
            texts = [(f"{role.name}/{name}", text) for name, text in role.policies.items()]
            texts += [(managed.name, _current(managed)) for managed in role.managed_policies.values()]
        return tuple(policy.read(_text(text), name) for name, text in texts)

    def boundary(self, role_arn: str) -> Policy | None:
        """A role's permissions boundary; a policy that allows nothing where the boundary was deleted."""
        with self._aws.lock:
            role = self._role(role_arn)
            arn = role.permissions_boundary_arn
            if not arn:
                return None
            managed = self._iam(role_arn).managed_policies.get(arn)
            text = _current(managed) if managed is not None else None
        return policy.read(_text(text), arn) if text is not None else Policy(arn)

    def role_facts(self, role_arn: str) -> tuple[str, dict[str, str]]:
        """A role's unique id and its tags. Raises NoSuchRole."""
        with self._aws.lock:
            role = self._role(role_arn)
            tags = role.tags.values() if isinstance(role.tags, dict) else role.tags or ()
            return str(role.id), {tag["Key"]: tag["Value"] for tag in tags}

    def of_resource(self, arn: str) -> Policy | None:
        """The policy of a KMS key, a bucket (also for an object in it) or a queue; None where there is none."""
        _, _, service, region, _, resource = [*arn.split(":", 5), *[""] * 6][:6]
        with self._aws.lock:
            text = self._resource_text(service, region, resource)
        return policy.read(_text(text), f"policy of {arn}") if text else None

    def _resource_text(self, service: str, region: str, resource: str) -> Any:
        from moto.kms.models import kms_backends
        from moto.s3.models import s3_backends
        from moto.sqs.models import sqs_backends

        account = self._aws.account_id
        if service == "kms":
            found = kms_backends[account][region].keys.get(resource.removeprefix("key/"))
            return found.policy if found is not None else None
        if service == "s3":
            bucket = s3_backends[account][partition_of(self._aws.region)].buckets.get(resource.partition("/")[0])
            return bucket.policy if bucket is not None else None
        if service == "sqs":
            queue = sqs_backends[account][region].queues.get(resource)
            return queue.policy if queue is not None else None
        return None

    def _role(self, role_arn: str) -> Any:
        for role in self._iam(role_arn).roles.values():
            if role.arn == role_arn:
                return role
        raise NoSuchRole(role_arn)

    def _iam(self, role_arn: str) -> Any:
        from moto.iam.models import iam_backends

        return iam_backends[self._aws.account_id][role_arn.split(":")[1]]


def _current(managed: Any) -> Any:
    """The version of a managed policy that is in force."""
    return next(each.document for each in managed.versions if each.version_id == managed.default_version_id)


def _text(document: Any) -> str:
    if isinstance(document, bytes):
        return document.decode()
    return document if isinstance(document, str) else json.dumps(document)
