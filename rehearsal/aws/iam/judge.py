"""Whether a role or a user may have the permissions that something needs: gathered, decided, recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from rehearsal.aws.iam import caller, patterns, policy
from rehearsal.aws.iam.caller import Caller, Endpoint
from rehearsal.aws.iam.context import Context, Values
from rehearsal.aws.iam.evaluation import Access, Decision, Policies, Principal, ServicePrincipal, decide
from rehearsal.aws.iam.policy import Choice, Policy, Statement
from rehearsal.aws.iam.record import Record, Use
from rehearsal.aws.iam.requests.asked import Need
from rehearsal.aws.iam.state import LocalState
from rehearsal.aws.iam.stored import StoredPolicies

if TYPE_CHECKING:
    from rehearsal.aws.sessions import Session


ASSUME_ROLE = "sts:AssumeRole"
TRUST_POLICY = "role trust policy"
_EVERYTHING = Policy("another account's", (Statement(allows=True, actions=Choice(("*",))),))


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
        if TRUST_POLICY in self.reason:
            # Whoever is not trusted is not told of the role (IAM guide, "Troubleshoot access denied error messages").
            what = self.need.action
        return f"User: {self.principal} is not authorized to perform: {what} {self.reason}"


class Judge:
    """Judges by the policies that the local AWS holds now."""

    def __init__(self, state: LocalState, stored: StoredPolicies, record: Record) -> None:
        self._state = state
        self._stored = stored
        self._record = record

    def caller(self, session: Session, region: str, now: datetime, network: Mapping[str, Values]) -> Caller:
        """A session in a region, with what is known of its request's way. Raises NoSuchIdentity."""
        found = caller.caller(session, self._stored.identity(session.identity_arn), region, now)
        limits = None
        if session.policies is not None:
            limits = tuple(policy.read(each.text, each.name) for each in session.policies)
        return replace(found, network={**found.network, **network}, session_policies=limits)

    def judge(self, who: Caller, needs: Iterable[Need], endpoint: Endpoint | None = None) -> Denial | None:
        """The first need that is not allowed, or None. Raises NoSuchIdentity, PolicyError and UnknownKey."""
        arn = who.principal.identity_arn
        identity = self._stored.of_identity(arn)
        boundary = self._stored.boundary(arn)
        self._record.saw(arn, identity)
        for need in needs:
            assumes = need.action == ASSUME_ROLE
            policies = Policies(
                identity=identity,
                boundary=boundary,
                session=who.session_policies,
                resource=self._stored.trust(need.resource) if assumes else self._stored.of_resource(need.resource),
                # A service that acts on the caller's behalf does not come through the caller's endpoint.
                endpoint=_endpoint_policy(endpoint) if need.via is None and not who.called_via else None,
                resource_decides=assumes or (need.action.startswith("kms:") and ":key/" in need.resource),
                resource_kind=TRUST_POLICY if assumes else Policies.resource_kind,
                resource_article="the" if assumes else Policies.resource_article,
            )
            access = Access(who.principal, need.action, need.resource, caller.context(who, need, self._state))
            decision = decide(access, policies)
            times = self._record.used(Use(arn, need.action, need.resource, decision.allowed, decision.reason))
            if not decision.allowed:
                return Denial(who.principal, need, decision.reason, times)
        return None

    def endpoint_lets_through(self, endpoint: Endpoint, who: Caller, need: Need) -> Decision:
        """What an endpoint's policy says to a request of another account's, which may do there what it does. Raises
        PolicyError and UnknownKey.
        """
        access = Access(who.principal, need.action, need.resource, caller.context(who, need, self._state))
        return decide(access, Policies(identity=(_EVERYTHING,), endpoint=_endpoint_policy(endpoint)))

    def may_never(self, who: Caller, action: str) -> Denial | None:
        """The denial of an action that no statement of role or user allows on anything; None when one might. May raise
        NoSuchIdentity and PolicyError.
        """
        arn = who.principal.identity_arn
        identity = self._stored.of_identity(arn)
        if any(_may_allow(each, action) for each in identity):
            return None
        self._record.saw(arn, identity)
        reason = f"because no identity-based policy allows the {action} action"
        times = self._record.used(Use(arn, action, "*", False, reason))
        return Denial(who.principal, Need(action), reason, times)

    def service_may(self, service: str, action: str, resource: str, values: Mapping[str, Values]) -> Decision:
        """Whether a resource's policy lets a service of AWS act on it, such as EventBridge on a queue."""
        access = Access(ServicePrincipal(service), action, resource, Context(values))
        return decide(access, Policies(resource=self._stored.of_resource(resource)))

    def service_may_assume(
        self, service: str, role_arn: str, values: Mapping[str, Values] = MappingProxyType({})
    ) -> Decision:
        """Whether a role's trust policy lets a service of AWS have sessions of it; `values` are condition keys."""
        access = Access(ServicePrincipal(service), ASSUME_ROLE, role_arn, Context(values))
        return decide(access, Policies(resource=self._stored.trust(role_arn), resource_kind=TRUST_POLICY))


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
