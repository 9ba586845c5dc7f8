"""What templates tell nodes, nodes understand: node.json, the cluster's settings, the pools'."""

from __future__ import annotations

import re

import pytest

from coordination.names import Setting
from tests.templates.cluster import EXAMPLES, example, substituted
from tests.templates.rules.machines import launch_templates
from userdata.config.node_file import NodeFile, node_file
from userdata.config.settings import cluster_settings, pool_settings
from userdata.kubeadm.cluster import kubelet_configuration
from userdata.kubeadm.node import Host, reserved

VALUES = {
    "AWS::Region": "eu-central-1",
    "AWS::StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/x/1",
    "ClusterUuid": "0b1c",
    "EbsCsiRoleArn": "arn:aws:iam::123456789012:role/ebs-csi",
    "ParameterPrefix": "/holdfast/0b1c",
    "TableName": "cluster-table",
}


def parameters(name: str) -> dict[str, str]:
    """Every SSM parameter of an example: its value, where that is text, by its name."""
    found = {}
    for resource in example(name).resources("AWS::SSM::Parameter"):
        value = resource.properties["Value"]
        text = substituted(value, VALUES) if isinstance(value, dict) and "Fn::Sub" in value else value
        found[substituted(resource.properties["Name"], VALUES)] = text
    return found


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_node_file_is_understood(name: str) -> None:
    found = [
        (template.layer, understood(substituted(data["UserData"]["Fn::Base64"], VALUES)))
        for template, data in launch_templates(example(name))
    ]
    assert {(node.cluster_uuid, node.region, node.table, node.parameters) for _, node in found} == {
        ("0b1c", "eu-central-1", "cluster-table", "/holdfast/0b1c")
    }
    assert all(node.is_control_plane == (layer == "controlplane") for layer, node in found)


def understood(user_data: str) -> NodeFile:
    """node.json as user data writes it."""
    written = re.search(r"<<'NODE'\n(.*)\nNODE\n", user_data, re.DOTALL)
    assert written is not None
    return node_file(written[1])


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_settings_that_nodes_read_are_the_ones_that_are_written(name: str) -> None:
    folder = "/holdfast/0b1c/settings/"
    written = {each.removeprefix(folder) for each in parameters(name) if each.startswith(folder)}
    assert written == set(Setting)


@pytest.mark.parametrize("name", EXAMPLES)
def test_nodes_learn_which_add_ons_the_configuration_has(name: str) -> None:
    chosen = example(name).config.addons
    # The others are text that is checked elsewhere, or values of AWS's.
    others = {"control-plane-slots": "3", "etcd-volume-gib": "20", "network-encryption": "none", "tags": "{}"}
    ranges = dict.fromkeys(("pod-cidr", "service-cidr"), "10.0.0.0/16")
    written = parameters(name)["/holdfast/0b1c/settings/addons"]
    read = cluster_settings({**dict.fromkeys(Setting, "x"), **others, **ranges, "addons": written})
    assert read.addons == frozenset(chosen.enabled)
    assert read.ebs_csi_role == (VALUES["EbsCsiRoleArn"] if chosen.ebs_csi else "")


def test_no_kubelet_keeps_more_of_its_volume_than_the_autoscaler_is_told() -> None:
    """The tags of groups take the kubelet's defaults for granted (generator/layers/workers.py)."""
    assert not {key for key in kubelet_configuration(Host()) if "eviction" in key.lower() or "reserved" in key.lower()}
    assert reserved(4, 16384).keys() == {"cpu", "memory"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_pool_is_understood(name: str) -> None:
    folder = "/holdfast/0b1c/pools/"
    pools = {each.removeprefix(folder): text for each, text in parameters(name).items() if each.startswith(folder)}
    assert pools.keys() == {pool.name for pool in example(name).config.pools}
    for pool in example(name).config.pools:
        settings = pool_settings(pools[pool.name])
        assert settings.labels == pool.labels
        assert [(taint.key, taint.value, taint.effect) for taint in (*settings.taints, *settings.startup_taints)] == [
            (taint.key, taint.value, taint.effect) for taint in pool.taints
        ]
        assert (settings.stack, settings.group) == (VALUES["AWS::StackId"], "Group")
