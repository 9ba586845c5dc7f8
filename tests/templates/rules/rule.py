"""The list of rules, filled by the modules beside this one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.templates.cluster import Cluster

Rule = Callable[[Cluster], Iterator[str]]

RULES: dict[str, Rule] = {}


def rule(check: Rule) -> Rule:
    """Register a rule under its function's name."""
    if check.__name__ in RULES:
        raise ValueError(f"two rules are called {check.__name__}")
    RULES[check.__name__] = check
    return check


def violations(name: str, cluster: Cluster) -> list[str]:
    """What in a cluster's templates breaks the rule, one line each."""
    return list(RULES[name](cluster))
