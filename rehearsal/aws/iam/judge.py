"""Whether a role may have the permissions that something needs: policies and context gathered, decided, recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from rehearsal.aws.iam import caller, patterns, policy
from rehearsal.aws.iam.caller import Caller, Endpoint
from rehearsal.aws.iam.context import Context, Values
from rehearsal.aws.iam.evaluation import Access, Decision, Policies, Principal, ServicePrincipal, decide
from rehearsal.aws.iam.policy import Policy
from rehearsal.aws.iam.record import Record, Use
from rehearsal.aws.iam.requests.asked import Need
from rehearsal.aws.iam.state import LocalState
from rehearsal.aws.iam.stored import StoredPolicies

if TYPE_CHECKING:
    from rehearsal.aws.sessions import Session


@dataclass(frozen=True)
class Denial:
    """A permission that the caller does not have."""

    principal: Principal
    need: Need
    reason: str
    times: int
    """How often the record holds it by now."""

    def __str__(self) -> str:
        what = f"{self.need.action} on resource: {self.need.resource}"
        return f"User: {self.principal} is not authorized to perform: {what} {self.reason}"


class Judge:
    """Judges by the policies that the local AWS holds now."""

    def __init__(self, state: LocalState, stored: StoredPolicies, record: Record) -> None:
        self._state = state
        self._stored = stored
        self._record = record

    def caller(self, session: Session, region: str, now: datetime, network: Mapping[str, Values]) -> Caller:
        """A session in a region, with what is known of its request's way. Raises NoSuchRole."""
        role_id, tags = self._stored.role_facts(session.role_arn)
        found = caller.caller(session, role_id, tags, region, now)
        return replace(found, network={**found.network, **network})

    def judge(self, who: Caller, needs: Iterable[Need], endpoint: Endpoint | None = None) -> Denial | None:
        """The first need that is not allowed, or None. Raises NoSuchRole, PolicyError and UnknownKey."""
        role_arn = who.principal.role_arn
        identity = self._stored.of_role(role_arn)
        boundary = self._stored.boundary(role_arn)
        self._record.saw(role_arn, identity)
        for need in needs:
            policies = Policies(
                identity=identity,
                boundary=boundary,
                resource=self._stored.of_resource(need.resource),
                # A service that acts on the caller's behalf does not come through the caller's endpoint.
                endpoint=_endpoint_policy(endpoint) if need.via is None else None,
                resource_decides=need.action.startswith("kms:") and need.resource != "*",
            )
            access = Access(who.principal, need.action, need.resource, caller.context(who, need, self._state))
            decision = decide(access, policies)
            times = self._record.used(Use(role_arn, need.action, need.resource, decision.allowed, decision.reason))
            if not decision.allowed:
                return Denial(who.principal, need, decision.reason, times)
        return None

    def may_never(self, who: Caller, action: str) -> Denial | None:
        """The denial of an action that no statement of the role allows on anything; None when one might. May raise
        NoSuchRole and PolicyError.
        """
        identity = self._stored.of_role(who.principal.role_arn)
        if any(_may_allow(each, action) for each in identity):
            return None
        self._record.saw(who.principal.role_arn, identity)
        reason = f"because no identity-based policy allows the {action} action"
        times = self._record.used(Use(who.principal.role_arn, action, "*", False, reason))
        return Denial(who.principal, Need(action), reason, times)

    def service_may(self, service: str, action: str, resource: str, values: Mapping[str, Values]) -> Decision:
        """Whether a resource's policy lets a service of AWS act on it, such as EventBridge on a queue."""
        access = Access(ServicePrincipal(service), action, resource, Context(values))
        return decide(access, Policies(resource=self._stored.of_resource(resource)))


def _may_allow(held: Policy, action: str) -> bool:
    return any(
        statement.allows
        and statement.actions.inverted
        is not any(
            patterns.matches(patterns.literal(each.lower()), action.lower()) for each in statement.actions.patterns
        )
        for statement in held.statements
    )


def _endpoint_policy(endpoint: Endpoint | None) -> Policy | None:
    if endpoint is None or not endpoint.policy:
        return None
    return policy.read(endpoint.policy, f"policy of {endpoint.endpoint_id}")
