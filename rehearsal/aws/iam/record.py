"""What roles did in a run: every permission that was asked for, and what their policies grant."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from rehearsal.aws.iam import patterns
from rehearsal.aws.iam.policy import Policy


@dataclass(frozen=True)
class Use:
    """One permission that a role asked for, with the answer."""

    role_arn: str
    action: str
    resource: str
    allowed: bool
    reason: str


@dataclass(frozen=True)
class Grant:
    """An action, or a pattern of actions, that a statement of a role's policy allows."""

    role_arn: str
    policy: str
    sid: str
    action: str


class Record:
    """All uses with their numbers, and all grants that were in force when they were asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._uses: dict[Use, int] = {}
        self._policies: dict[str, dict[int, Policy]] = {}

    def saw(self, role_arn: str, policies: Iterable[Policy]) -> None:
        """Remember a role's policies, which may be gone when the report is written."""
        with self._lock:
            known = self._policies.setdefault(role_arn, {})
            # By identity: the same text is read once.
            known.update({id(policy): policy for policy in policies})

    def used(self, use: Use) -> int:
        """Count a permission that was asked for; returns how often it was by now."""
        with self._lock:
            self._uses[use] = self._uses.get(use, 0) + 1
            return self._uses[use]

    @property
    def uses(self) -> dict[Use, int]:
        """All uses so far, and how often each was."""
        with self._lock:
            return dict(self._uses)

    @property
    def denied(self) -> dict[Use, int]:
        """The uses that were not allowed."""
        return {use: count for use, count in self.uses.items() if not use.allowed}

    @property
    def unused(self) -> list[Grant]:
        """Grants of which no allowed use made anything, in the order of roles and actions."""
        with self._lock:
            policies = {role: list(known.values()) for role, known in self._policies.items()}
        done: dict[str, set[str]] = {}
        for use in self.uses:
            if use.allowed:
                done.setdefault(use.role_arn, set()).add(use.action.lower())
        grants = {grant for role, known in policies.items() for policy in known for grant in _grants(role, policy)}
        unused = [grant for grant in grants if not _made_use_of(grant, done.get(grant.role_arn, set()))]
        return sorted(unused, key=lambda grant: (grant.role_arn, grant.action, grant.policy, grant.sid))


def _grants(role_arn: str, policy: Policy) -> Iterable[Grant]:
    for statement in policy.statements:
        if statement.allows and not statement.actions.inverted:
            for action in statement.actions.patterns:
                yield Grant(role_arn, policy.name, statement.sid, action)


def _made_use_of(grant: Grant, actions: set[str]) -> bool:
    pattern = patterns.literal(grant.action.lower())
    return any(patterns.matches(pattern, action) for action in actions)
