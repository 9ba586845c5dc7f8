"""The task that keeps the join data good."""

from __future__ import annotations

from userdata.agent.tasks import Task
from userdata.join.tokens import JoinTokens

_PERIODS = 48
_LONGEST_PERIOD_SECONDS = 300.0


def task(tokens: JoinTokens) -> Task:
    """Looking often enough that a token is renewed soon after half of its lifetime."""
    period = min(_LONGEST_PERIOD_SECONDS, tokens.lifetime_seconds / _PERIODS)
    return Task("join-token", period, tokens.run, leader_only=True)
