"""What roles and people did in a run: every permission that was asked for, and what their policies grant."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from rehearsal.aws.iam import patterns
from rehearsal.aws.iam.policy import Policy


@dataclass(frozen=True)
class Use:
    """One permission that a role or a user asked for, with the answer."""

    identity_arn: str
    action: str
    resource: str
    allowed: bool
    reason: str


@dataclass(frozen=True)
class Grant:
    """An action, or a pattern of actions, that a statement of its policy allows."""

    identity_arn: str
    policy: str
    sid: str
    action: str


class Record:
    """All uses with their numbers, and all grants that were in force when they were asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._uses: dict[Use, int] = {}
        self._policies: dict[str, dict[int, Policy]] = {}

    def saw(self, identity_arn: str, policies: Iterable[Policy]) -> None:
        """Remember the policies of a role or a user, which may be gone when the report is written."""
        with self._lock:
            known = self._policies.setdefault(identity_arn, {})
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
        """Grants of which no allowed use made anything, in the order of identities and actions."""
        with self._lock:
            policies = {arn: list(known.values()) for arn, known in self._policies.items()}
        done: dict[str, set[str]] = {}
        for use in self.uses:
            if use.allowed:
                done.setdefault(use.identity_arn, set()).add(use.action.lower())
        grants = {grant for arn, known in policies.items() for policy in known for grant in _grants(arn, policy)}
        unused = [grant for grant in grants if not _made_use_of(grant, done.get(grant.identity_arn, set()))]
        return sorted(unused, key=lambda grant: (grant.identity_arn, grant.action, grant.policy, grant.sid))


def _grants(identity_arn: str, policy: Policy) -> Iterable[Grant]:
    for statement in policy.statements:
        if statement.allows and not statement.actions.inverted:
            for action in statement.actions.patterns:
                yield Grant(identity_arn, policy.name, statement.sid, action)


def _made_use_of(grant: Grant, actions: set[str]) -> bool:
    pattern = patterns.literal(grant.action.lower())
    return any(patterns.matches(pattern, action) for action in actions)
