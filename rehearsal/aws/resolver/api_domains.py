"""The operations on domain lists of DNS Firewall."""

from __future__ import annotations

import re
from typing import Any

from rehearsal.aws.protocol import RequestContext
from rehearsal.aws.resolver.api_base import ResolverBase, conflict, find, invalid, made_before, moment, page
from rehearsal.aws.resolver.model import StoredDomains

DOMAIN = re.compile(r"(?=.{1,255}$)(\*|\*?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.?|\*(\.[A-Za-z0-9-]+)+\.?|\*\.)")
"""An asterisk at the start, where there is one, and labels of letters, digits and hyphens (Route 53 developer guide,
"Managing your own domain lists")."""
MOST_DOMAINS = 1000
"""In a request (API reference, UpdateFirewallDomains)."""


class DomainOperations(ResolverBase):
    """Domain lists; they are complete at once."""

    def create_firewall_domain_list(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        lists = self.held(context).lists
        made = made_before(lists, request)
        if made is None:
            made = self.make(context, request, "rslvr-fdl", "firewall-domain-list", StoredDomains)
            lists[made.identity] = made
        return {"FirewallDomainList": made.described()}

    def get_firewall_domain_list(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        return {"FirewallDomainList": self._list(context, request).described()}

    def list_firewall_domain_lists(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        shown, following = page([each.listed() for each in self.held(context).lists.values()], request)
        return {"FirewallDomainLists": shown, **following}

    def delete_firewall_domain_list(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        held, found = self.held(context), self._list(context, request)
        users = [
            group.identity for group in held.groups.values() if any(key[0] == found.identity for key in group.rules)
        ]
        if users:
            raise conflict(f"The domain list '{found.identity}' is used by rules of {', '.join(users)}.")
        del held.lists[found.identity]
        held.tags.pop(found.arn, None)
        return {"FirewallDomainList": {**found.described(), "Status": "DELETING"}}

    def update_firewall_domains(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        found, operation = self._list(context, request), request["Operation"]
        if len(request["Domains"]) > MOST_DOMAINS:
            raise invalid(f"A request has at most {MOST_DOMAINS} domains.")
        given = [_plain(domain) for domain in request["Domains"]]
        if operation == "REMOVE":
            unknown = [domain for domain in given if domain not in found.domains]
            if unknown:
                raise invalid(
                    f"[RSLVR-02502] The following domains don't exist in the DNS Firewall domain list "
                    f"'{found.identity}'. You can't delete a domain that isn't in a domain list. "
                    f"Example unknown domain: '{unknown[0]}'."
                )
            found.domains = tuple(domain for domain in found.domains if domain not in given)
        elif operation in ("ADD", "REPLACE"):
            found.domains = tuple(dict.fromkeys([*(found.domains if operation == "ADD" else ()), *given]))
        else:
            raise invalid(f"Operation must be ADD, REMOVE or REPLACE, not {operation}.")
        found.modified = moment()
        return {"Id": found.identity, "Name": found.name, "Status": "COMPLETE"}

    def list_firewall_domains(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        # Resolver shows every entry with the dot at its end (AWS CLI reference, list-firewall-domains).
        shown, following = page([f"{domain}." for domain in self._list(context, request).domains], request)
        return {"Domains": shown, **following}

    def _list(self, context: RequestContext, request: dict[str, Any]) -> StoredDomains:
        return find(self.held(context).lists, request["FirewallDomainListId"])


def _plain(domain: str) -> str:
    if not DOMAIN.fullmatch(domain):
        raise invalid(f"The domain '{domain}' is not valid.")
    return domain.lower().rstrip(".")
