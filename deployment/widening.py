"""What an update would open: policies, security groups and what is attached to roles, before and after. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coordination.names import ACCESS_SETTINGS, SETTINGS
from deployment import firewalls, issuers, people, policies
from deployment.changes import Change
from deployment.firewalls import Rule
from deployment.policies import Document
from deployment.told import told

_Properties = Mapping[str, Any]

_RULES = {"AWS::EC2::SecurityGroupIngress": "ingress", "AWS::EC2::SecurityGroupEgress": "egress"}
_ENDPOINT = "AWS::EC2::VPCEndpoint"
_RESOLVER = "AWS::Route53Resolver::"
# Types of which a change that CloudFormation does not describe may open anything; those that end with Policy, too.
_DECISIVE = (
    *("AWS::IAM::", "AWS::KMS::", "AWS::EC2::SecurityGroup", _ENDPOINT, "AWS::Lambda::Permission"),
    *("AWS::DynamoDB::Table", _RESOLVER),
)
# Lists in which every further entry gives somebody more.
_ATTACHED = ("ManagedPolicyArns", "Roles", "Users", "Groups")
_BOUNDARY = "PermissionsBoundary"
_PARAMETER = "AWS::SSM::Parameter"
_WHO_MAY = tuple(f"/{SETTINGS}/{setting}" for setting in ACCESS_SETTINGS.values())
_LAUNCH_TEMPLATE, _DATA = "AWS::EC2::LaunchTemplate", "LaunchTemplateData"
# Of one entry each: to whom a policy is given, and as whom a machine or a function acts.
_GIVEN = {
    "AWS::IAM::RolePolicy": ("RoleName",),
    "AWS::IAM::UserPolicy": ("UserName",),
    "AWS::IAM::GroupPolicy": ("GroupName",),
    "AWS::Lambda::Function": ("Role",),
    _LAUNCH_TEMPLATE: (_DATA, "IamInstanceProfile"),
}
# What an endpoint lets through that has no policy.
# https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html
_EVERYTHING: Document = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}


@dataclass(frozen=True)
class Widening:
    """One thing that an update would open. `path` names the nested stacks above the resource: "Iam/WorkerRole"."""

    path: str
    resource_type: str
    what: str

    @property
    def line(self) -> str:
        """The widening for a person."""
        return f"{self.path} ({self.resource_type}): {self.what}"


def found(changes: Sequence[Change]) -> list[Widening]:
    """Everything that the changes open; what they close is left out."""
    return [
        Widening(change.path, change.resource_type, what)
        for change in changes
        for what in dict.fromkeys(_opened(change))
    ]


def _opened(change: Change) -> Iterator[str]:
    kind, before, after = change.resource_type, change.before, change.after
    described = change.action == "Remove" or (after is not None and (change.action == "Add" or before is not None))
    if not described and (kind.startswith(_DECISIVE) or kind.endswith("Policy")):
        yield "changes, and CloudFormation does not say how"
        return
    yield from firewalls.widenings(_rules(kind, before), _rules(kind, after, is_made=before is None or change.replaced))
    if kind == _PARAMETER:
        yield from issuers.widenings(before, after)
    old, new = _documents(kind, before), _documents(kind, after)
    for name in sorted(old.keys() | new.keys()):
        for line in policies.widenings(old.get(name, []), new.get(name, [])):
            yield f"{name} {line}"
    was, becomes = before or {}, after or {}
    for name in _ATTACHED:
        added = [str(each) for each in _list(becomes.get(name)) if each not in _list(was.get(name))]
        if added and kind.startswith("AWS::IAM::"):
            yield f"{name} gains {told(added)}"
    if kind in _GIVEN:
        path, known = _GIVEN[kind], _at(was, _GIVEN[kind])
        given = _at(becomes, path)
        # What is not known yet may be the one in whose place it stands, as with the resource of a policy.
        if known and given and known != given and policies.UNKNOWN not in given:
            yield f"{path[-1]} is {given} instead of {known}"
    if after is not None and was.get(_BOUNDARY) and was[_BOUNDARY] != becomes.get(_BOUNDARY):
        yield f"{_BOUNDARY} is no longer {was[_BOUNDARY]}"
    if before is not None and after is not None and kind == _LAUNCH_TEMPLATE:
        yield from _machine(before.get(_DATA) or {}, after.get(_DATA) or {})
    if kind == _PARAMETER and str(becomes.get("Name", "")).endswith(_WHO_MAY):
        before_it = people.arns_in(str(was.get("Value", "")))
        added = [arn for arn in people.arns_in(str(becomes.get("Value", ""))) if arn not in before_it]
        if added:
            yield f"{becomes['Name'].rpartition('/')[2]} gain {told(added)}"
    if before is not None and kind.startswith(_RESOLVER):
        yield from _names(kind.removeprefix(_RESOLVER), before, after)


def _machine(before: _Properties, after: _Properties) -> Iterator[str]:
    """What opens the machines of a launch template: groups, and metadata for whoever is asked in their name."""
    added = [each for each in _groups(after) if each not in _groups(before) and policies.UNKNOWN not in each]
    if added:
        yield f"gains the security groups {told(added)}"
    was, becomes = before.get("MetadataOptions") or {}, after.get("MetadataOptions") or {}
    if was.get("HttpTokens") == "required" and becomes.get("HttpTokens") != "required":
        yield "gives metadata without a token"
    hops, more = (str(each.get("HttpPutResponseHopLimit", "")) for each in (was, becomes))
    if hops.isdigit() and not (more.isdigit() and int(more) <= int(hops)):
        yield f"gives metadata over {more or 'any number of'} hops instead of {hops}"


def _names(kind: str, before: _Properties, after: _Properties | None) -> Iterator[str]:
    """What opens the names that a VPC's resolver answers, or ends their log."""
    if after is None:
        if kind == "FirewallRuleGroupAssociation":
            yield "the VPC resolves every name"
        elif kind == "ResolverQueryLoggingConfigAssociation":
            yield "what the VPC resolves is not logged"
        return
    added = [str(each) for each in _list(after.get("Domains")) if each not in _list(before.get("Domains"))]
    if added:
        yield f"Domains gains {told(added)}"
    # By their order they decide together, so no change of one can be told to close.
    if before.get("FirewallRules") != after.get("FirewallRules"):
        yield "FirewallRules changes"


def _groups(data: _Properties) -> list[str]:
    interfaces = [each for each in _list(data.get("NetworkInterfaces")) if isinstance(each, Mapping)]
    named = [*_list(data.get("SecurityGroupIds")), *_list(data.get("SecurityGroups"))]
    return [str(each) for each in (*named, *(group for one in interfaces for group in _list(one.get("Groups"))))]


def _at(properties: _Properties, path: Sequence[str]) -> str:
    """The value at a path within properties, as a text; empty where there is none."""
    value: Any = properties
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _rules(kind: str, properties: _Properties | None, *, is_made: bool = False) -> list[Rule]:
    if properties is None:
        return []
    if kind == "AWS::EC2::SecurityGroup":
        return list(firewalls.rules_of_group(properties, is_made=is_made))
    return [firewalls.rule(_RULES[kind], properties)] if kind in _RULES else []


def _documents(kind: str, properties: _Properties | None) -> dict[str, list[Document]]:
    """Every policy document of a resource, by the property that holds it."""
    if properties is None:
        return {}
    documents: dict[str, list[Document]] = {}
    for name, value in properties.items():
        within = list(_within(value))
        if within:
            documents[name] = within
    if kind == _ENDPOINT and "PolicyDocument" not in documents:
        documents["PolicyDocument"] = [_EVERYTHING]
    if kind == "AWS::Lambda::Permission":
        documents["Permission"] = [_permission(properties)]
    return documents


def _within(value: Any) -> Iterator[Document]:
    """Policy documents in a value, as objects or as texts of JSON."""
    # Not by the word: a text of JSON may spell it with escapes.
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return
    if isinstance(value, Mapping):
        if "Statement" in value:
            yield value
            return
        for each in value.values():
            yield from _within(each)
    elif isinstance(value, list):
        for each in value:
            yield from _within(each)


def _permission(properties: _Properties) -> Document:
    """What a permission of a function says, as the policy that Lambda makes of it."""
    conditions = {
        name: {"is": properties[name]}
        for name in ("SourceArn", "SourceAccount", "EventSourceToken", "PrincipalOrgID", "FunctionUrlAuthType")
        if name in properties
    }
    return {
        "Statement": {
            "Effect": "Allow",
            "Principal": str(properties.get("Principal")),
            "Action": properties.get("Action"),
            "Resource": properties.get("FunctionName"),
            "Condition": conditions,
        }
    }


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
