"""The policies that have a say in a request, as the services hold them."""

from __future__ import annotations

from rehearsal.aws.iam import policy
from rehearsal.aws.iam.policy import Policy
from rehearsal.aws.resource_facts import BUCKETS, IDENTITIES, KEYS, QUEUES, TABLES, Identity, ResourceFacts


class NoSuchIdentity(Exception):
    """Credentials of a role or a user that was deleted."""


class StoredPolicies:
    """Reads what services registered. Every method may raise PolicyError, which names the policy."""

    def __init__(self, facts: ResourceFacts) -> None:
        self._facts = facts

    def identity(self, arn: str) -> Identity:
        """A role or user as it is now. Raises NoSuchIdentity."""
        found = self._facts.of(IDENTITIES).find(arn)
        if found is None:
            raise NoSuchIdentity(arn)
        return found

    def of_identity(self, arn: str) -> tuple[Policy, ...]:
        """The inline and managed policies of a role or a user, those of its groups too. Raises NoSuchIdentity."""
        return tuple(policy.read(each.text, each.name) for each in self.identity(arn).policies)

    def boundary(self, arn: str) -> Policy | None:
        """The permissions boundary of a role or a user; a policy that allows nothing where the boundary was deleted.
        Raises NoSuchIdentity.
        """
        found = self.identity(arn)
        if found.boundary_arn is None:
            return None
        return policy.read(found.boundary.text, found.boundary_arn) if found.boundary else Policy(found.boundary_arn)

    def trust(self, role_arn: str) -> Policy | None:
        """A role's trust policy; None where there is no such role."""
        found = self._facts.of(IDENTITIES).find(role_arn)
        return policy.read(found.trust, f"trust policy of {role_arn}") if found and found.trust else None

    def of_resource(self, arn: str) -> Policy | None:
        """The policy of a KMS key, a bucket (also for an object in it), a queue or a table (also for its indexes); None
        where there is none."""
        _, _, service, region, _, resource = [*arn.split(":", 5), *[""] * 6][:6]
        text = self._resource_text(service, region, resource)
        return policy.read(text, f"policy of {arn}") if text else None

    def _resource_text(self, service: str, region: str, resource: str) -> str | None:
        if service == "kms":
            return self._facts.of(KEYS).policy(region, resource.removeprefix("key/"))
        if service == "s3":
            return self._facts.of(BUCKETS).policy(resource.partition("/")[0])
        if service == "dynamodb":
            _, _, name = resource.partition("/")
            # A stream has a policy of its own, which nobody sets here.
            return self._facts.of(TABLES).policy(region, name.partition("/")[0]) if "/stream/" not in name else None
        if service == "sqs":
            return self._facts.of(QUEUES).policy(region, resource)
        return None
