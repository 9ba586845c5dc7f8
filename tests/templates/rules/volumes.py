"""The EBS CSI driver's role: there with `addons.ebsCsi` alone, for volumes of its own, encrypted, at workers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.templates.cluster import Cluster, Statement
from tests.templates.rules.permissions import EBS_CSI
from tests.templates.rules.rule import rule

_VOLUMES, _INSTANCES = (
    {"Fn::Sub": f"arn:${{AWS::Partition}}:ec2:${{AWS::Region}}:${{AWS::AccountId}}:{kind}/*"}
    for kind in ("volume", "instance")
)
_DESCRIBES = ("ec2:Describe",)
_ATTACHES = {"ec2:AttachVolume", "ec2:DetachVolume"}
_TAG = "holdfast:cluster"
_DRIVERS = "ebs.csi.aws.com/cluster"


@rule
def the_ebs_csi_driver_has_a_role_with_its_setting_only(cluster: Cluster) -> Iterator[str]:
    wanted = cluster.config.addons.ebs_csi
    found = sorted({statement.resource.layer for statement in cluster.role_statements(EBS_CSI)})
    if found != (["iam", "services"] if wanted else []):
        yield f"addons.ebsCsi is {wanted}: {EBS_CSI} has policies in {found}"
    for statement in cluster.statements("AWS::KMS::Key"):
        if not wanted and EBS_CSI in str(statement.body):
            yield f"{statement}: the driver's, which is not there"


@rule
def the_ebs_csi_driver_touches_encrypted_volumes_of_its_own_in_this_cluster_only(cluster: Cluster) -> Iterator[str]:
    """By the cluster's tag alone it would reach etcd's."""
    for statement in cluster.role_statements(EBS_CSI):
        actions = [each for each in statement.actions if each.startswith("ec2:") and not each.startswith(_DESCRIBES)]
        if not actions or statement.resources == [_INSTANCES]:
            continue
        if statement.resources != [_VOLUMES]:
            yield f"{statement}: {actions} on {statement.resources}"
        if actions == ["ec2:CreateTags"]:
            if statement.condition("StringEquals", "ec2:CreateAction") != "CreateVolume":
                yield f"{statement}: tags what is there already"
            continue
        creates = actions == ["ec2:CreateVolume"]
        if creates and statement.condition("Bool", "ec2:Encrypted") != "true":
            yield f"{statement}: volumes that are not encrypted"
        yield from _tagged(cluster, statement, "aws:RequestTag" if creates else "aws:ResourceTag", {_DRIVERS: "true"})


@rule
def the_ebs_csi_driver_attaches_to_workers_only(cluster: Cluster) -> Iterator[str]:
    for statement in cluster.role_statements(EBS_CSI):
        if _INSTANCES not in statement.resources:
            continue
        if not set(statement.actions) <= _ATTACHES:
            yield f"{statement}: {statement.actions} on instances"
        yield from _tagged(cluster, statement, "aws:ResourceTag", {"holdfast:role": "worker"})


def _tagged(cluster: Cluster, statement: Statement, key: str, tags: dict[str, Any]) -> Iterator[str]:
    for name, value in tags.items():
        if statement.condition("StringEquals", f"{key}/{name}") != value:
            yield f"{statement}: {key}/{name} is not {value}"
    ours = statement.condition("StringEquals", f"{key}/{_TAG}")
    if ours is None or not cluster.is_cluster_uuid(statement.resource.layer, ours):
        yield f"{statement}: without the cluster's tag"


@rule
def the_key_serves_the_ebs_csi_driver_through_ec2_only(cluster: Cluster) -> Iterator[str]:
    for statement in [*cluster.statements("AWS::KMS::Key"), *cluster.role_statements(EBS_CSI)]:
        of_key = statement.resource.type == "AWS::KMS::Key"
        who = statement.condition("StringEquals", "aws:PrincipalArn")
        if of_key and who != {"Fn::GetAtt": [EBS_CSI, "Arn"]}:
            continue
        if not any(action.startswith("kms:") for action in statement.actions):
            continue
        services = statement.condition("StringEquals", "kms:ViaService")
        if not services or not all(str(each.get("Fn::Sub")).startswith("ec2.") for each in services):
            yield f"{statement}: through {services}"
        if "kms:CreateGrant" in statement.actions:
            if statement.actions != ["kms:CreateGrant"]:
                yield f"{statement}: {statement.actions} under one condition"
            if statement.condition("Bool", "kms:GrantIsForAWSResource") != "true":
                yield f"{statement}: grants to anybody"
