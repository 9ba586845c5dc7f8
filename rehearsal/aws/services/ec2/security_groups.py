"""What plain moto gets wrong about security groups."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.services.patching import around, given


def user_of(backend: Any, group_id: str) -> str | None:
    """Return what still uses a group: a network interface, a rule of another group or a balancer. None when free."""
    from moto.elbv2.models import elbv2_backends

    for interface in backend.enis.values():
        if any(group.id == group_id for group in interface.group_set):
            return str(interface.id)
    for groups in backend.groups.values():
        for group in groups.values():
            rules = [*group.ingress_rules, *group.egress_rules]
            if group.id != group_id and any(rule.source_group.get("GroupId") == group_id for rule in rules):
                return str(group.id)
    for balancer in elbv2_backends[backend.account_id][backend.region_name].load_balancers.values():
        if group_id in (balancer.security_groups or []):
            return str(balancer.arn)
    return None


@correction("ec2", "A network interface with a security group that does not exist makes that group")
def an_unknown_security_group_is_refused() -> None:
    from moto.ec2.exceptions import InvalidSecurityGroupNotFoundError
    from moto.ec2.models import EC2Backend

    @around(EC2Backend, "create_network_interface")
    def create_network_interface(plain: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        for group_id in given(plain, self, *args, **kwargs).get("group_ids") or []:
            if self.get_security_group_from_id(group_id) is None:
                raise InvalidSecurityGroupNotFoundError(group_id)
        return plain(self, *args, **kwargs)


@correction("ec2", "DeleteSecurityGroup deletes a group that an interface, a balancer or another group's rule uses")
def a_used_security_group_is_not_deleted() -> None:
    from moto.ec2.exceptions import DependencyViolationError
    from moto.ec2.models import EC2Backend

    @around(EC2Backend, "delete_security_group")
    def delete_security_group(plain: Any, self: Any, name: str | None = None, group_id: str | None = None) -> None:
        if group_id and user_of(self, group_id):
            raise DependencyViolationError(f"resource {group_id} has a dependent object")
        plain(self, name, group_id)


@correction(
    "ec2", "A rule that names a group or a prefix list shows no description, and no description can change by id"
)
def every_rule_has_its_description() -> None:
    from moto.ec2.models.security_groups import SecurityGroupRule
    from moto.ec2.responses.security_groups import SecurityGroups

    @around(SecurityGroupRule, "__init__")
    def init(plain: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        plain(self, *args, **kwargs)
        prefix_list = given(plain, self, *args, **kwargs).get("prefix_list_id") or {}
        own = (self.ip_range.get("Description"), self.source_group.get("Description"), prefix_list.get("Description"))
        self.described = next((text for text in own if text), None)

    @around(SecurityGroupRule, "__eq__")
    def equal(plain: Any, self: Any, other: Any) -> bool:
        # moto compares peers with their descriptions; to EC2 two rules that differ only in that are the same rule.
        mine, theirs = self.source_group, other.source_group
        try:
            for rule in (self, other):
                rule.source_group = {key: value for key, value in rule.source_group.items() if key != "Description"}
            return bool(plain(self, other))
        finally:
            self.source_group, other.source_group = mine, theirs

    @around(SecurityGroupRule, "description")
    def description(plain: Any, self: Any) -> Any:
        return self.described

    @around(SecurityGroups, "update_security_group_rule_descriptions_ingress")
    @around(SecurityGroups, "update_security_group_rule_descriptions_egress")
    def describe(plain: Any, self: Any) -> Any:
        for change in self._get_param("SecurityGroupRuleDescriptions", []):
            rule = _rule(self.ec2_backend, self._get_param("GroupId"), change["SecurityGroupRuleId"])
            rule.described = change.get("Description")
        return plain(self)


def _rule(backend: Any, group_id: str, rule_id: str) -> Any:
    from moto.ec2.exceptions import InvalidSecurityGroupNotFoundError, InvalidSecurityGroupRuleIdNotFoundError

    group = backend.get_security_group_from_id(group_id)
    if group is None:
        raise InvalidSecurityGroupNotFoundError(group_id)
    found = [rule for rule in [*group.ingress_rules, *group.egress_rules] if rule.id == rule_id]
    if not found:
        raise InvalidSecurityGroupRuleIdNotFoundError(rule_id)
    return found[0]
