"""The operations that have a rule group of DNS Firewall filter a VPC."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.protocol import RequestContext
from rehearsal.aws.resolver.api_base import ResolverBase, find, invalid, made_before, missing, moment, page
from rehearsal.aws.resolver.model import ResolverRegion, StoredAssociation

PRIORITIES = range(101, 9900)
"""Between 100 and 9900 (API reference, AssociateFirewallRuleGroup); the service refuses 100
(https://github.com/hashicorp/terraform-provider-aws/issues/43694), and here 9900, too."""
FILTERS = {"FirewallRuleGroupId": "group_id", "Priority": "priority", "VpcId": "vpc_id"}


class FirewallAssociations(ResolverBase):
    """Associations of rule groups and VPCs; they filter at once."""

    def associate_firewall_rule_group(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        held, vpc_id = self.held(context), request["VpcId"]
        group = find(held.groups, request["FirewallRuleGroupId"])
        self.require_vpc(context, vpc_id, missing)
        made = made_before(held.associations, request)
        if made is None:
            if any((each.vpc_id, each.group_id) == (vpc_id, group.identity) for each in held.associations.values()):
                raise invalid(
                    f"[RSLVR-02302] This DNS Firewall rule group can't be associated to a VPC: '{vpc_id}'. It is "
                    "already associated. Try again with another VPC or DNS Firewall rule group."
                )
            _require_free(held, vpc_id, request["Priority"])
            made = self.make(context, request, "rslvr-frgassoc", "firewall-rule-group-association", StoredAssociation)
            made.group_id, made.vpc_id, made.priority = group.identity, vpc_id, request["Priority"]
            made.protection = request.get("MutationProtection") or made.protection
            held.associations[made.identity] = made
        return {"FirewallRuleGroupAssociation": made.described()}

    def get_firewall_rule_group_association(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        return {"FirewallRuleGroupAssociation": self._association(context, request).described()}

    def list_firewall_rule_group_associations(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        wanted = {field: request[name] for name, field in FILTERS.items() if request.get(name) is not None}
        status = request.get("Status")
        chosen = [
            each.described()
            for each in self.held(context).associations.values()
            if all(getattr(each, field) == value for field, value in wanted.items()) and status in (None, "COMPLETE")
        ]
        shown, following = page(chosen, request)
        return {"FirewallRuleGroupAssociations": shown, **following}

    def update_firewall_rule_group_association(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        found = self._association(context, request)
        protection = request.get("MutationProtection") or found.protection
        priority = request.get("Priority", found.priority)
        name = request.get("Name") or found.name
        if protection == "ENABLED" and (priority, name) != (found.priority, found.name):
            _require_unprotected(found)
        if priority != found.priority:
            _require_free(self.held(context), found.vpc_id, priority)
        found.priority, found.protection, found.name, found.modified = priority, protection, name, moment()
        return {"FirewallRuleGroupAssociation": found.described()}

    def disassociate_firewall_rule_group(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        held, found = self.held(context), self._association(context, request)
        _require_unprotected(found)
        del held.associations[found.identity]
        held.tags.pop(found.arn, None)
        return {"FirewallRuleGroupAssociation": {**found.described(), "Status": "DELETING"}}

    def _association(self, context: RequestContext, request: dict[str, Any]) -> StoredAssociation:
        return find(self.held(context).associations, request["FirewallRuleGroupAssociationId"])


def _require_free(held: ResolverRegion, vpc_id: str, priority: int) -> None:
    if priority not in PRIORITIES:
        raise invalid(
            "[RSLVR-02017] The priority value you provided is reserved. Provide a number between '100' and '9900'."
        )
    if any((each.vpc_id, each.priority) == (vpc_id, priority) for each in held.associations.values()):
        raise invalid(f"The priority {priority} is used by another rule group of the VPC '{vpc_id}'.")


def _require_unprotected(found: StoredAssociation) -> None:
    # https://github.com/hashicorp/terraform-provider-aws/issues/21278
    if found.protection == "ENABLED":
        raise invalid(
            "[RSLVR-02307] The DNS Firewall rule group association is under mutation protection. Remove the mutation "
            "protection and try again."
        )
