"""What DNS Firewall decides about a name, as a function of the rules of a VPC. Names are lower case, undotted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class Verdict(StrEnum):
    """The action of a rule."""

    ALLOW = "ALLOW"
    ALERT = "ALERT"
    """As ALLOW; the query log names the rule."""
    BLOCK = "BLOCK"


class Blocking(StrEnum):
    """What a blocked question is answered."""

    NODATA = "NODATA"
    NXDOMAIN = "NXDOMAIN"
    OVERRIDE = "OVERRIDE"
    """A CNAME record."""


@dataclass(frozen=True)
class DomainNames:
    """A domain list. An entry matches its own name alone; with an asterisk, whatever ends in the rest of it."""

    exact: frozenset[str]
    endings: tuple[str, ...]

    def __contains__(self, name: str) -> bool:
        return name in self.exact or name.endswith(self.endings)


@dataclass(frozen=True)
class FilterRule:
    """One rule of a rule group."""

    group_id: str
    list_id: str
    names: DomainNames
    verdict: Verdict
    blocking: Blocking = Blocking.NODATA
    override_name: str = ""
    override_ttl_seconds: int = 0
    kind: str = ""
    """The type of question that it is about; empty: every type."""
    trusts_redirection: bool = False
    """Whether what the name's CNAME records lead to is not looked at."""

    def matches(self, name: str, kind: str) -> bool:
        """Whether the rule is about a question."""
        return self.kind in ("", kind) and name in self.names


@lru_cache(maxsize=256)
def domain_names(entries: tuple[str, ...]) -> DomainNames:
    """A domain list from its entries.

    `*.example.com` does not match example.com, and `*` matches every name (Route 53 developer guide, "Managing your own
    domain lists").
    """
    endings = tuple(entry[1:] for entry in entries if entry.startswith("*"))
    return DomainNames(frozenset(entry for entry in entries if not entry.startswith("*")), endings)


def judge(rules: Sequence[FilterRule], name: str, kind: str) -> FilterRule | None:
    """The rule that decides: the first one that matches. A name that none matches is allowed."""
    return next((rule for rule in rules if rule.matches(name, kind)), None)
