"""The policies that have a say in a request, as the services hold them."""

from __future__ import annotations

from rehearsal.aws.iam import policy
from rehearsal.aws.iam.policy import Policy
from rehearsal.aws.resource_facts import BUCKETS, KEYS, QUEUES, ROLES, ResourceFacts, Role


class NoSuchRole(Exception):
    """Credentials of a role that was deleted."""


class StoredPolicies:
    """Reads what services registered. Every method may raise PolicyError, which names the policy."""

    def __init__(self, facts: ResourceFacts) -> None:
        self._facts = facts

    def of_role(self, role_arn: str) -> tuple[Policy, ...]:
        """A role's inline and managed policies. Raises NoSuchRole."""
        return tuple(policy.read(each.text, each.name) for each in self._role(role_arn).policies)

    def boundary(self, role_arn: str) -> Policy | None:
        """A role's permissions boundary; a policy that allows nothing where the boundary was deleted."""
        role = self._role(role_arn)
        if role.boundary_arn is None:
            return None
        return policy.read(role.boundary.text, role.boundary_arn) if role.boundary else Policy(role.boundary_arn)

    def role_facts(self, role_arn: str) -> tuple[str, dict[str, str]]:
        """A role's unique id and its tags. Raises NoSuchRole."""
        role = self._role(role_arn)
        return role.role_id, dict(role.tags)

    def of_resource(self, arn: str) -> Policy | None:
        """The policy of a KMS key, a bucket (also for an object in it) or a queue; None where there is none."""
        _, _, service, region, _, resource = [*arn.split(":", 5), *[""] * 6][:6]
        text = self._resource_text(service, region, resource)
        return policy.read(text, f"policy of {arn}") if text else None

    def _resource_text(self, service: str, region: str, resource: str) -> str | None:
        if service == "kms":
            return self._facts.of(KEYS).policy(region, resource.removeprefix("key/"))
        if service == "s3":
            return self._facts.of(BUCKETS).policy(resource.partition("/")[0])
        if service == "sqs":
            return self._facts.of(QUEUES).policy(region, resource)
        return None

    def _role(self, role_arn: str) -> Role:
        role = self._facts.of(ROLES).find(role_arn)
        if role is None:
            raise NoSuchRole(role_arn)
        return role
