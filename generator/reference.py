"""Tables of the documentation that the code writes: who may do what in AWS, and who reaches whom on which port."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from coordination.names import Addon
from generator import image
from generator.config.model import Access, Addons, ClusterConfig, Lifecycle
from generator.grant import Grant
from generator.image.permissions import IMAGE_GRANTS
from generator.layers.network.security_groups import MAX_API_CLIENT_CIDRS
from generator.permissions import GRANTS
from generator.root import templates

_PERMISSIONS_HEADER = ["| role | may | on | only where | why | statement |", "| --- | --- | --- | --- | --- | --- |"]
_ROLE_POLICY = "AWS::IAM::RolePolicy"
_PEOPLES_POLICY = "AWS::IAM::ManagedPolicy"
_EGRESS = "AWS::EC2::SecurityGroupEgress"
_EVERYTHING = ClusterConfig(
    tags={"owner": "platform"},
    access=Access(ssm=True),
    addons=Addons(metrics_server=True, ebs_csi=True),
    lifecycle=Lifecycle(function_in_vpc=True),
)


def permissions_table() -> str:
    """A Markdown table of every statement of the roles' policies and of people's, as the templates of the default
    configuration have them, and of those that `access.ssm`, `tags`, `addons` and `lifecycle.functionInVpc` add."""
    grants = {(f"{each.role.value}Policy", each.sid): each for each in GRANTS}
    rows = [
        _permission(policy, grants.get((policy, each["Sid"])), each, layer)
        for layer, policy, each in _statements(_ROLE_POLICY)
    ]
    people = [_permission(policy, None, each, layer) for layer, policy, each in _statements(_PEOPLES_POLICY)]
    return "\n".join([*_PERMISSIONS_HEADER, *sorted(rows), *sorted(people)])


def image_permissions_table() -> str:
    """The same of the image stack's roles."""
    grants = {each.sid: each for each in IMAGE_GRANTS}
    rows = [
        _permission(grants[statement["Sid"]].role.value, grants[statement["Sid"]], statement, "image")
        for resource in json.loads(image.templates()[image.FILE])["Resources"].values()
        if resource["Type"] == _ROLE_POLICY
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]
    ]
    return "\n".join([*_PERMISSIONS_HEADER, *sorted(rows)])


def ports_table() -> str:
    """A Markdown table of every flow that the security groups let out of a group, and of the clients that they let in,
    in the default configuration and for a function in the VPC."""
    header = ["| from | to | protocol | port | for |", "| --- | --- | --- | --- | --- |"]
    rows = [_flow(each) for each in _resources(_EGRESS)]
    rows.append(_line("`ApiClientPrefixListId`", "Balancer", "tcp", "6443", "Kubernetes API"))
    rows.append(
        _line(f"`ApiClientCidrs` (at most {MAX_API_CLIENT_CIDRS} ranges)", "Balancer", "tcp", "6443", "Kubernetes API")
    )
    return "\n".join([*header, *sorted(dict.fromkeys(rows))])


def _resources(kind: str) -> Iterator[Mapping[str, Any]]:
    for body in templates(ClusterConfig(lifecycle=Lifecycle(function_in_vpc=True))).values():
        yield from (each for each in json.loads(body)["Resources"].values() if each["Type"] == kind)


def _flow(egress: Mapping[str, Any]) -> str:
    given = egress["Properties"]
    if "DestinationSecurityGroupId" in given:
        target = _group(given["DestinationSecurityGroupId"])
    else:
        target = _value(given.get("DestinationPrefixListId", given.get("CidrIp")))
    when = f" (if {egress['Condition']})" if "Condition" in egress else ""
    if given["GroupId"]["Ref"] == "FunctionGroup":
        when += " (with `lifecycle.functionInVpc`)"
    purpose = str(given["Description"])
    if target[0] != "`":
        # The other columns say the rest.
        purpose = purpose.partition(" to ")[0]
    return _line(_group(given["GroupId"]), target, given["IpProtocol"], _ports(given), f"{purpose}{when}")


def _group(reference: Mapping[str, str]) -> str:
    return reference["Ref"].removesuffix("Group")


def _statements(kind: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Layer, logical id of the policy, and each of its statements."""
    for name, body in templates(_EVERYTHING).items():
        for logical_id, resource in json.loads(body)["Resources"].items():
            if resource["Type"] == kind:
                for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                    yield name.removesuffix(".json"), logical_id, statement


def _permission(policy: str, grant: Grant | None, statement: Mapping[str, Any], layer: str) -> str:
    actions = ", ".join(f"`{each}`" for each in statement["Action"])
    conditions = "; ".join(
        f"`{key}` {_OPERATORS[operator]} {_value(value)}"
        for operator, keys in statement.get("Condition", {}).items()
        for key, value in keys.items()
    )
    on = _value(statement["Resource"]) if grant is None else grant.on.value
    reason = "" if grant is None else grant.reason
    only_with = "" if grant is None else _only_with(grant)
    return _line(
        policy.removesuffix("Policy"),
        actions,
        on.replace("*", r"\*"),
        conditions,
        reason,
        f"{layer}: {statement['Sid']}{only_with}",
    )


def _only_with(grant: Grant) -> str:
    """The setting without which there is no such grant."""
    if grant.sessions:
        return " (with `access.ssm`)"
    if grant.function_in_vpc:
        return " (with `lifecycle.functionInVpc`)"
    if grant.addon is not None:
        return f" (with `{_ADDONS[grant.addon]}`)"
    return " (with `tags`)" if grant.tags else ""


_ADDONS = {Addon.METRICS_SERVER: "addons.metricsServer", Addon.EBS_CSI: "addons.ebsCsi"}
_OPERATORS = {
    "StringEquals": "is",
    "StringEqualsIfExists": "is, where a call has it,",
    "StringNotEquals": "is not",
    "Bool": "is",
    "ArnLike": "is like",
    "StringLike": "is like",
    "BoolIfExists": "is",
    "ForAllValues:StringEquals": "are",
    "ForAllValues:StringLike": "are like",
    "ForAllValues:StringNotLike": "are not like",
    "Null": "is missing:",
}


def _value(value: Any) -> str:
    if isinstance(value, list):
        return " or ".join(map(_value, value))
    if not isinstance(value, Mapping):
        return f"`{value}`"
    ((function, argument),) = value.items()
    return f"`{argument}`" if isinstance(argument, str) else f"`{function} {json.dumps(argument)}`"


def _ports(given: Mapping[str, Any]) -> str:
    first, last = given["FromPort"], given["ToPort"]
    if given["IpProtocol"] == "icmp":
        return f"type {first}"
    return str(first) if first == last else f"{first}-{last}"


def _line(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
