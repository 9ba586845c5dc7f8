"""Tables of the documentation that the code writes: who may do what in AWS, and who reaches whom on which port."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from generator.config.model import ClusterConfig
from generator.layers.network.security_groups import MAX_API_CLIENT_CIDRS, matrix
from generator.permissions import GRANTS, Grant
from generator.root import templates

_ROLE_POLICY = "AWS::IAM::RolePolicy"


def permissions_table() -> str:
    """A Markdown table of every statement of the roles' policies, as the templates of the default configuration have
    them."""
    header = ["| role | may | on | only where | why | statement |", "| --- | --- | --- | --- | --- | --- |"]
    grants = {(f"{each.role.value}Policy", each.sid): each for each in GRANTS}
    rows = [
        _permission(policy, grants.get((policy, each["Sid"])), each, layer) for layer, policy, each in _statements()
    ]
    return "\n".join([*header, *sorted(rows)])


def ports_table() -> str:
    """A Markdown table of every flow between security groups in the default configuration, and of the clients."""
    header = ["| from | to | protocol | port | for |", "| --- | --- | --- | --- | --- |"]
    rows = [
        _line(each.source, each.target, each.protocol, _ports(each), each.purpose) for each in matrix(ClusterConfig())
    ]
    rows.append(_line(f"`ApiClientCidrs` (at most {MAX_API_CLIENT_CIDRS} ranges)", "Balancer", "tcp", "6443", "api"))
    return "\n".join([*header, *dict.fromkeys(rows)])


def _statements() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Layer, logical id of the policy, and each of its statements."""
    for name, body in templates(ClusterConfig()).items():
        for logical_id, resource in json.loads(body)["Resources"].items():
            if resource["Type"] == _ROLE_POLICY:
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
    return _line(
        policy.removesuffix("Policy"),
        actions,
        on.replace("*", r"\*"),
        conditions,
        reason,
        f"{layer}: {statement['Sid']}",
    )


_OPERATORS = {
    "StringEquals": "is",
    "StringNotEquals": "is not",
    "Bool": "is",
    "ArnLike": "is like",
    "ForAllValues:StringEquals": "are",
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


def _ports(flow: Any) -> str:
    if flow.protocol == "icmp":
        return f"type {flow.from_port}"
    return str(flow.from_port) if flow.from_port == flow.to_port else f"{flow.from_port}-{flow.to_port}"


def _line(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
