"""What differs from cluster to cluster is put where the image's manifests have room for it, and nowhere else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coordination.names import Encryption
from userdata.addons.filling import ManifestError, Values, filled
from userdata.addons.installing import manifests
from userdata.addons.places import FOLDER

VALUES = Values("0b1c", "us-east-1", "api.holdfast.internal", "100.64.0.0/14", Encryption.WIREGUARD, ())
CILIUM = (
    *("cluster-pool-ipv4-cidr", "cluster-pool-ipv4-mask-size", "routing-mode"),
    *("enable-wireguard", "enable-encryption-strict-mode-ingress"),
    *("enable-encryption-strict-mode-egress", "encryption-strict-egress-cidr"),
)


def config_map(name: str, *keys: str, namespace: str = "kube-system") -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict.fromkeys(keys, "")}


def listed(*items: object) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def data_of(item: dict[str, Any], values: Values = VALUES) -> dict[str, str]:
    document: Any = filled({"a.json": listed(item)}, values)["a.json"]
    return dict(document["items"][0]["data"])


def test_cilium_finds_the_api_by_the_balancers_name() -> None:
    found = data_of(config_map("kubernetes-endpoint", "host", "port"))
    assert found == {"host": "api.holdfast.internal", "port": "6443"}


@pytest.mark.parametrize(("pods", "mask"), [("100.64.0.0/14", "24"), ("10.8.0.0/23", "24"), ("10.8.0.0/25", "26")])
def test_every_node_gets_a_part_of_the_clusters_range(pods: str, mask: str) -> None:
    found = data_of(config_map("cilium-config", *CILIUM), replace(VALUES, pod_cidr=pods))
    wanted = {"cluster-pool-ipv4-cidr": pods, "cluster-pool-ipv4-mask-size": mask, "routing-mode": ""}
    assert {key: found[key] for key in wanted} == wanted


@pytest.mark.parametrize(("encryption", "on"), [(Encryption.WIREGUARD, "true"), (Encryption.NONE, "false")])
def test_cilium_encrypts_or_does_not_by_the_clusters_setting(encryption: Encryption, on: str) -> None:
    found = data_of(config_map("cilium-config", *CILIUM), replace(VALUES, encryption=encryption))
    wanted = {
        "enable-wireguard": on,
        # WireGuard is what an unencrypted packet is told by; with these alone the agents drop all packets.
        "enable-encryption-strict-mode-ingress": on,
        "enable-encryption-strict-mode-egress": on,
        "encryption-strict-egress-cidr": VALUES.pod_cidr,
    }
    assert {key: found[key] for key in wanted} == wanted


def test_the_autoscaler_learns_its_cluster_and_region() -> None:
    assert data_of(config_map("cluster-autoscaler", "cluster", "region")) == {
        "cluster": "0b1c",
        "region": "us-east-1",
    }


def test_volumes_get_the_clusters_tag_beside_the_organisations() -> None:
    values = replace(VALUES, tags={"owner": "Team Größe", "cost-center": "a=b"})
    assert data_of(config_map("ebs-csi", "cluster", "region", "tags"), values) == {
        "cluster": "0b1c",
        "region": "us-east-1",
        "tags": "owner=Team Größe,cost-center=a=b,holdfast:cluster=0b1c",
    }


def test_a_policy_knows_the_clusters_range_of_pods_and_nothing_else_of_it_is_changed() -> None:
    kept = {"name": "addresses", "expression": "[]"}
    policies = [
        one_of("ValidatingAdmissionPolicy", spec={"variables": [kept, {"name": "podRange", "expression": "''"}]}),
        one_of("ValidatingAdmissionPolicy", spec={"validations": []}),
    ]
    document: Any = filled({"a.json": listed(*policies)}, VALUES)["a.json"]
    told = [kept, {"name": "podRange", "expression": "'100.64.0.0/14'"}]
    assert document["items"] == [one_of("ValidatingAdmissionPolicy", spec={"variables": told}), policies[1]]


def one_of(kind: str, **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "it"}, **fields}


def test_volumes_are_encrypted_with_the_clusters_key_and_the_api_server_trusts_the_clusters_authority() -> None:
    items = one_of("StorageClass", parameters={"kmsKeyId": ""}), one_of("APIService", spec={"caBundle": ""})
    values = replace(VALUES, key_arn="arn:aws:kms:us-east-1:123456789012:key/1", authority="-----BEGIN")
    document: Any = filled({"a.json": listed(*items)}, values)["a.json"]
    assert document["items"] == [
        one_of("StorageClass", parameters={"kmsKeyId": "arn:aws:kms:us-east-1:123456789012:key/1"}),
        one_of("APIService", spec={"caBundle": "LS0tLS1CRUdJTg=="}),
    ]


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        (one_of("ValidatingAdmissionPolicy"), r"a\.json: it has variables that are none"),
        (one_of("StorageClass", parameters={}), r"a\.json: it has no parameters\.kmsKeyId"),
        (one_of("APIService"), r"a\.json: it has no spec\.caBundle"),
        (one_of("StorageClass", parameters={"kmsKeyId": ""}), r"nothing is known for parameters\.kmsKeyId"),
        # The API server would trust the authorities of its own node.
        (one_of("APIService", spec={"caBundle": ""}), r"nothing is known for spec\.caBundle"),
    ],
)
def test_no_class_is_without_its_key_and_no_api_without_its_authority(item: dict[str, Any], problem: str) -> None:
    with pytest.raises(ManifestError, match=problem):
        filled({"a.json": listed(item)}, VALUES)


def test_what_is_no_config_map_of_ours_stays_as_it_is() -> None:
    others = [
        config_map("cilium-config", "cluster-pool-ipv4-cidr", namespace="default"),
        config_map("coredns", "host"),
        {**config_map("cluster-autoscaler"), "kind": "Secret"},
    ]
    assert filled({"a.json": listed(*others)}, VALUES) == {"a.json": json.loads(listed(*others))}


def test_files_come_in_the_order_of_their_names() -> None:
    assert list(filled({"20.json": listed(), "10.json": listed(), "15.json": listed()}, VALUES)) == [
        "10.json",
        "15.json",
        "20.json",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", r"a\.json is no JSON: "),
        ("[]", r"a\.json is no List$"),
        ('{"kind": "ConfigMap"}', r"a\.json is no List$"),
        (listed("x"), r"a\.json holds something that is no object of Kubernetes"),
        (listed(config_map("kubernetes-endpoint", "host")), r"a\.json: kubernetes-endpoint has no key port"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_named(text: str, problem: str) -> None:
    with pytest.raises(ManifestError, match=problem):
        filled({"a.json": text}, VALUES)


def test_an_images_manifests_are_its_json_files(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be read: FileNotFoundError"):
        manifests(tmp_path)
    folder = tmp_path / FOLDER.lstrip("/")
    folder.mkdir(parents=True)
    (folder / "10.json").write_text("{}")
    (folder / "README.md").write_text("")
    assert manifests(tmp_path) == {"10.json": "{}"}


def autoscaler(*arguments: str) -> dict[str, Any]:
    metadata = {"name": "cluster-autoscaler", "namespace": "kube-system"}
    containers = [{"name": "cluster-autoscaler", "args": list(arguments)}]
    return {"kind": "Deployment", "metadata": metadata, "spec": {"template": {"spec": {"containers": containers}}}}


def test_the_autoscaler_is_told_of_each_taint_that_is_removed() -> None:
    values = replace(VALUES, startup_taints=("ebs.csi.aws.com/agent-not-ready", "example.com/disk"))
    document: Any = filled({"a.json": listed(autoscaler("--a"))}, values)["a.json"]
    assert document["items"] == [
        autoscaler("--a", "--startup-taint=ebs.csi.aws.com/agent-not-ready", "--startup-taint=example.com/disk")
    ]


def test_an_autoscaler_without_arguments_cannot_be_told() -> None:
    values = replace(VALUES, startup_taints=("example.com/disk",))
    without = {**autoscaler(), "spec": {}}
    with pytest.raises(ManifestError, match=r"a\.json: cluster-autoscaler has no arguments"):
        filled({"a.json": listed(without)}, values)
