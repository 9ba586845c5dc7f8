"""What every generated cluster obeys: one function per rule, its name says the rule, it yields what breaks it."""

from __future__ import annotations

# Imported for their rules, which register themselves.
from tests.templates.rules import (  # noqa: F401
    encryption,
    endpoints,
    function,
    groups,
    identities,
    limits,
    machines,
    monitoring,
    network,
    parameters,
    partition,
    permissions,
    reach,
    reading,
    resolver,
    sessions,
    stacks,
    storage,
    tags,
    timing,
    volumes,
)
from tests.templates.rules.rule import RULES, violations

__all__ = ["RULES", "violations"]
