"""The tables of permissions and ports have what the templates have, and nothing else."""

from __future__ import annotations

import re

from generator.config.model import ClusterConfig, Lifecycle
from generator.layers.network.security_groups import matrix
from generator.permissions import GRANTS
from generator.reference import permissions_table, ports_table

PEOPLES = ("ViewOperator", "EditOperator", "AdminOperator", "Session")
"""Whose policies are there for people."""


def cells(table: str) -> list[list[str]]:
    """The cells of each row, without the head."""
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table.splitlines()[2:]]


def test_every_grant_is_a_row_with_its_actions_and_its_reason() -> None:
    rows = {(row[0], row[5].rpartition(": ")[2].partition(" ")[0]): row for row in cells(permissions_table())}
    of_roles = {(role, sid) for role, sid in rows if role not in PEOPLES}
    assert of_roles - {("FlowLog", "DeliverFlowLogs")} == {(each.role.value, each.sid) for each in GRANTS}
    for grant in GRANTS:
        row = rows[grant.role.value, grant.sid]
        assert re.findall(r"`([^`]+)`", row[1]) == sorted(str(each.JSONrepr()) for each in grant.actions)
        assert row[2].replace("\\", "") == grant.on.value
        assert row[4] == grant.reason
        assert row[5].endswith("(with `access.ssm`)") is grant.sessions
        assert row[5].endswith("(with `tags`)") is grant.tags
        assert row[5].endswith("(with `addons.ebsCsi`)") is (grant.addon is not None)


def test_the_policies_of_people_are_rows_as_well() -> None:
    rows = {(row[0], row[5].rpartition(": ")[2]): row for row in cells(permissions_table())}
    assert "`dynamodb:LeadingKeys` are like `approval#*`" in rows["AdminOperator", "Approve"][3]
    assert ("ViewOperator", "Approve") not in rows
    assert {role for role, _ in rows} >= set(PEOPLES)


def test_what_narrows_a_statement_stands_beside_it() -> None:
    rows = {row[5]: row[3] for row in cells(permissions_table())}
    own_row = rows["database: WriteOwnBootRow"]
    assert "`dynamodb:LeadingKeys` are `boot#${ec2:SourceInstanceARN}`" in own_row
    assert "`aws:EC2InstanceSourceVPC` is `VpcId`" in own_row
    assert rows["lifecycle: StartSlots"].startswith("`aws:ResourceTag/holdfast:role` is `control-plane`")


def test_every_flow_is_a_row_and_so_are_clients_and_the_gateways() -> None:
    rows = cells(ports_table())
    config = ClusterConfig(lifecycle=Lifecycle(function_in_vpc=True))
    suffix = {"Function": " (with `lifecycle.functionInVpc`)"}
    flows = {
        (each.source, each.target, each.protocol, each.purpose + suffix.get(each.source, "")) for each in matrix(config)
    }
    gateways = [row for row in rows if row[1].startswith("`")]
    clients = [row for row in rows if row[0].startswith("`ApiClient")]
    between = [row for row in rows if row not in [*gateways, *clients]]
    assert {(row[0], row[1], row[2], row[4]) for row in between} == flows
    assert [row[1:] for row in clients] == [["Balancer", "tcp", "6443", "Kubernetes API"]] * 2
    assert ["ControlPlane", "ControlPlane", "tcp", "2379-2380", "etcd"] in rows
    # What is open to any address stands there, too.
    assert {(row[0], row[1], row[3]) for row in gateways} >= {
        (caller, "`0.0.0.0/0`", "443") for caller in ("ControlPlane", "Function", "Worker")
    }
