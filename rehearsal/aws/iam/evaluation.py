"""Whether policies together allow a request (IAM guide, "Policy evaluation logic"). Everything is in one account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from rehearsal.aws.iam.context import Context
from rehearsal.aws.iam.policy import Policy, Principals, Statement


@dataclass(frozen=True)
class RolePrincipal:
    """A role's session."""

    account_id: str
    role_arn: str
    session_arn: str

    @property
    def identity_arn(self) -> str:
        """Whose policies count."""
        return self.role_arn

    def __str__(self) -> str:
        return self.session_arn


@dataclass(frozen=True)
class UserPrincipal:
    """A user of IAM."""

    account_id: str
    user_arn: str

    @property
    def identity_arn(self) -> str:
        """Whose policies count."""
        return self.user_arn

    def __str__(self) -> str:
        return self.user_arn


@dataclass(frozen=True)
class ServicePrincipal:
    """A service of AWS that acts by itself, such as `events.amazonaws.com`."""

    name: str

    def __str__(self) -> str:
        return self.name


IdentityPrincipal = RolePrincipal | UserPrincipal
Principal = IdentityPrincipal | ServicePrincipal


@dataclass(frozen=True)
class Access:
    """What somebody wants to do, to what, and how it looks to condition keys."""

    principal: Principal
    action: str
    resource: str
    context: Context


@dataclass(frozen=True)
class Policies:
    """All policies that have a say. None means that there is none of this kind, and nothing is required of it."""

    identity: tuple[Policy, ...] = ()
    boundary: Policy | None = None
    session: tuple[Policy, ...] | None = None
    """Policies that were given when the session began: one of them has to allow, too."""
    resource: Policy | None = None
    endpoint: Policy | None = None
    resource_decides: bool = False
    """The resource's policy has to allow, too, or hand the decision to the account's policies: true for KMS keys, and
    for roles that are to be assumed."""
    resource_kind: str = "resource-based policy"
    """What errors call the resource's policy, and the article that they put before it."""
    resource_article: str = "a"


@dataclass(frozen=True)
class Decision:
    """The answer; `reason` is worded as AWS words it, `decided_by` names policy and statement where one decided."""

    allowed: bool
    reason: str
    decided_by: str = ""


class _Named(Enum):
    """How a resource's policy names the caller; what follows from an Allow differs."""

    NOT = "not"
    BY_ACCOUNT = "by account"
    BY_ROLE = "by role"
    ITSELF = "itself"


def decide(access: Access, policies: Policies) -> Decision:
    """Whether the policies allow it. Raises UnknownKey where a condition asks for something that nobody knows."""
    denied = _explicit_deny(access, policies)
    if denied is not None:
        return denied
    if policies.endpoint is not None and _allowing(access, [policies.endpoint]) is None:
        return _refusal(access, "VPC endpoint policy")
    if isinstance(access.principal, ServicePrincipal):
        named, by = _granted(access, policies.resource)
        return _allowed(by) if named is not _Named.NOT else _refusal(access, policies.resource_kind)
    return _decide_for_identity(access, policies)


def _decide_for_identity(access: Access, policies: Policies) -> Decision:
    named, by = _granted(access, policies.resource)
    if policies.resource_decides and named is _Named.NOT:
        return _refusal(access, policies.resource_kind)
    if named is _Named.ITSELF:
        # Neither boundary nor session policies limit what is granted to a session, to a user, or to everyone.
        return _allowed(by)
    if policies.boundary is not None and _allowing(access, [policies.boundary]) is None:
        return _refusal(access, "permissions boundary")
    if policies.session is not None and _allowing(access, policies.session) is None:
        return _refusal(access, "session policy")
    if named is _Named.BY_ROLE:
        return _allowed(by)
    identity = _allowing(access, policies.identity)
    return _refusal(access, "identity-based policy") if identity is None else _allowed(identity)


def _explicit_deny(access: Access, policies: Policies) -> Decision | None:
    kinds: tuple[tuple[str, Sequence[Policy | None]], ...] = (
        ("an identity-based policy", policies.identity),
        ("a permissions boundary", (policies.boundary,)),
        ("a session policy", policies.session or ()),
        (f"{policies.resource_article} {policies.resource_kind}", (policies.resource,)),
        ("a VPC endpoint policy", (policies.endpoint,)),
    )
    for kind, each in kinds:
        for policy in each:
            for statement in policy.statements if policy is not None else ():
                if not statement.allows and _speaks(statement, access):
                    assert policy is not None
                    return Decision(False, f"with an explicit deny in {kind}", _place(policy, statement))
    return None


def _allowing(access: Access, policies: Iterable[Policy]) -> str | None:
    """Policy and statement that allow it; None when none does."""
    for policy in policies:
        for statement in policy.statements:
            if statement.allows and _speaks(statement, access):
                return _place(policy, statement)
    return None


def _granted(access: Access, policy: Policy | None) -> tuple[_Named, str]:
    """The most direct way in which a resource's policy grants it, and the statement."""
    best, by = _Named.NOT, ""
    order = list(_Named)
    for statement in policy.statements if policy is not None else ():
        named = _named(statement.principals, access.principal)
        if statement.allows and order.index(named) > order.index(best) and _speaks(statement, access):
            assert policy is not None
            best, by = named, _place(policy, statement)
    return best, by


def _speaks(statement: Statement, access: Access) -> bool:
    about_caller = statement.principals is None or _named(statement.principals, access.principal) is not _Named.NOT
    return about_caller and statement.is_about(access.action, access.resource, access.context)


def _named(principals: Principals | None, caller: Principal) -> _Named:
    if principals is None:
        return _Named.NOT
    named = _listed(principals, caller)
    if principals.inverted:
        return _Named.ITSELF if named is _Named.NOT else _Named.NOT
    return named


def _listed(principals: Principals, caller: Principal) -> _Named:
    everyone = "*" in principals.names.get("AWS", ())
    if isinstance(caller, ServicePrincipal):
        return _Named.ITSELF if everyone or caller.name in principals.names.get("Service", ()) else _Named.NOT
    names = principals.names.get("AWS", ())
    # To be named as a user is to be named oneself; as a role it is not (IAM guide, "Permissions boundaries").
    if everyone or str(caller) in names:
        return _Named.ITSELF
    if caller.identity_arn in names:
        return _Named.BY_ROLE
    partition = caller.identity_arn.split(":")[1]
    if caller.account_id in names or f"arn:{partition}:iam::{caller.account_id}:root" in names:
        return _Named.BY_ACCOUNT
    return _Named.NOT


def _place(policy: Policy, statement: Statement) -> str:
    return f"{policy.name}/{statement.sid}" if statement.sid else policy.name


def _allowed(by: str) -> Decision:
    return Decision(True, f"allowed by {by}", by)


def _refusal(access: Access, kind: str) -> Decision:
    return Decision(False, f"because no {kind} allows the {access.action} action")
