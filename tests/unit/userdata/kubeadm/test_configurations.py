"""What the configurations say, and that the kubeadm of every minor accepts them."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.programs import MINORS, RELEASES, program
from tests.unit.userdata.kubeadm.examples import CLUSTER, CONTROL_PLANE, TOKEN, WORKER
from tests.unit.userdata.secrecy import leaks, texts
from userdata.kubeadm import certs_config, discovery, init_config, join_config
from userdata.kubeadm.cluster import Lifetimes
from userdata.kubeadm.documents import Timeouts
from userdata.kubeadm.node import Host
from userdata.kubeadm.places import DISCOVERY_FILE
from userdata.kubeadm.tokens import bootstrap_token, new_token
from userdata.pki.issuing import Leaf, Subject, issue, new_authority, new_key

EC2 = Host()
RESTRICTED = Host(cgroup_v1=True, fixed_conntrack=True)
LIMITS = Timeouts()


def founder(cluster: Any = CLUSTER, host: Host = EC2) -> str:
    return init_config.configuration(cluster, CONTROL_PLANE, TOKEN, 86400, host, LIMITS)


def documents(text: str) -> dict[str, Any]:
    """The documents of a file by their kinds."""
    parsed = [json.loads(part) for part in text.split("---\n")]
    return {each["kind"]: each for each in parsed}


def named(arguments: list[dict[str, str]]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in arguments}


@pytest.mark.parametrize("host", [EC2, RESTRICTED])
@pytest.mark.parametrize("minor", MINORS)
def test_kubeadm_accepts_what_a_founder_is_told(tmp_path: Path, minor: str, host: Host) -> None:
    version = next(release.version for release in RELEASES if release.minor == minor)
    for cluster in (replace(CLUSTER, version=version), replace(CLUSTER, version=version, kube_proxy=False)):
        assert complaints(tmp_path, minor, founder(cluster, host)) == "ok\n"


@pytest.mark.parametrize("host", [EC2, RESTRICTED])
@pytest.mark.parametrize("minor", MINORS)
def test_kubeadm_accepts_what_joiners_are_told(tmp_path: Path, minor: str, host: Host) -> None:
    # kubeadm looks for the discovery file, and reads it.
    authority = new_authority("kubernetes", datetime.now(UTC))
    now = datetime.now(UTC)
    joiner = discovery.for_control_plane(authority, CLUSTER.server, CONTROL_PLANE.name, now)
    leaf = issue(authority, Subject("system:node:worker", "system:nodes"), ["clientAuth"], now, timedelta(hours=1))
    worker = discovery.with_certificate(authority.bundle, CLUSTER.server, leaf)
    for configuration, found_by in (
        (join_config.control_plane(CONTROL_PLANE, host, LIMITS), joiner),
        (join_config.control_plane(CONTROL_PLANE, host, LIMITS, again=True), joiner),
        (join_config.worker(WORKER, host, LIMITS), worker),
    ):
        place = tmp_path / "discovery.json"
        place.write_text(found_by)
        assert DISCOVERY_FILE in configuration
        assert complaints(tmp_path, minor, configuration.replace(DISCOVERY_FILE, str(place))) == "ok\n"


def test_kubeadm_refuses_what_is_wrong(tmp_path: Path) -> None:
    misspelt = founder().replace("skipPhases", "skipPhase")
    assert 'unknown field "skipPhase"' in complaints(tmp_path, MINORS[0], misspelt)


def complaints(folder: Path, minor: str, configuration: str) -> str:
    """Every error and warning of `kubeadm config validate`; it says ok where there is none."""
    place = folder / "kubeadm.json"
    place.write_text(configuration)
    command = [str(program("kubeadm", minor)), "config", "validate", "--config", str(place)]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout


@pytest.mark.parametrize("minor", MINORS)
def test_kubeadm_starts_etcd_with_the_token_of_the_epoch(tmp_path: Path, minor: str) -> None:
    version = next(release.version for release in RELEASES if release.minor == minor)
    told, made = tmp_path / "init.json", tmp_path / "made"
    told.write_text(founder(replace(CLUSTER, version=version, etcd_token="uuid-7")))
    made.mkdir()
    command = [str(program("kubeadm", minor)), "init", "phase", "etcd", "local", "--dry-run", "--config", str(told)]
    environment = {**os.environ, "KUBEADM_INIT_DRYRUN_DIR": str(made)}
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert "    - --initial-cluster-token=uuid-7\n" in (made / "etcd.yaml").read_text()


def test_founders_and_those_who_renew_certificates_say_the_same_of_the_cluster() -> None:
    founded, renewed = documents(founder()), documents(certs_config.configuration(CLUSTER, CONTROL_PLANE.address))
    assert founded["ClusterConfiguration"] == renewed["ClusterConfiguration"]


def test_the_same_values_give_the_same_text_whatever_their_order() -> None:
    turned = replace(WORKER, labels=dict(reversed(list(WORKER.labels.items()))))
    assert join_config.worker(WORKER, EC2, LIMITS) == join_config.worker(turned, EC2, LIMITS)


def test_a_cgroup_v1_machine_is_asked_for_and_never_assumed() -> None:
    plain, restricted = documents(founder()), documents(founder(host=RESTRICTED))
    assert "failCgroupV1" not in plain["KubeletConfiguration"]
    assert "ignorePreflightErrors" not in plain["InitConfiguration"]["nodeRegistration"]
    assert "conntrack" not in plain["KubeProxyConfiguration"]
    assert restricted["KubeletConfiguration"]["failCgroupV1"] is False
    assert restricted["InitConfiguration"]["nodeRegistration"]["ignorePreflightErrors"] == ["SystemVerification"]
    assert restricted["KubeProxyConfiguration"]["conntrack"] == {"maxPerCore": 0, "min": 0}


def test_the_api_server_encrypts_writes_down_and_believes_no_stranger() -> None:
    api_server = documents(founder())["ClusterConfiguration"]["apiServer"]
    arguments = named(api_server["extraArgs"])
    assert arguments["encryption-provider-config"] == "/etc/kubernetes/api-server/encryption.json"
    assert arguments["authentication-config"] == "/etc/kubernetes/api-server/authentication.json"
    assert arguments["kubelet-certificate-authority"] == "/etc/kubernetes/pki/ca.crt"
    # With the authentication file this flag must not be there at all.
    assert "anonymous-auth" not in arguments
    mounts = {mount["mountPath"]: mount["readOnly"] for mount in api_server["extraVolumes"]}
    assert mounts == {"/etc/kubernetes/api-server": True, "/var/log/kubernetes/audit": False}
    files = [value for value in arguments.values() if value.startswith("/") and "pki" not in value]
    assert all(any(value.startswith(folder) for folder in mounts) for value in files)


@pytest.mark.parametrize(("volume_gib", "quota_gib"), [(8, 3.5), (10, 4.5), (17, 8), (20, 8), (1024, 8)])
def test_etcds_database_fits_twice_beside_its_log_and_is_never_larger_than_etcd_suggests(
    volume_gib: int, quota_gib: float
) -> None:
    told = documents(founder(replace(CLUSTER, etcd_volume_gib=volume_gib)))["ClusterConfiguration"]["etcd"]["local"]
    assert named(told["extraArgs"])["quota-backend-bytes"] == str(int(quota_gib * 2**30))
    assert quota_gib == 8 or 2 * quota_gib + 1 == volume_gib


def test_every_server_speaks_tls_1_2_with_authenticated_encryption_or_newer() -> None:
    found = documents(founder())
    cluster, kubelet = found["ClusterConfiguration"], found["KubeletConfiguration"]
    for component in ("apiServer", "controllerManager", "scheduler"):
        told = named(cluster[component]["extraArgs"])
        assert told["tls-min-version"] == "VersionTLS12"
        assert all(
            suite.startswith("TLS_ECDHE_") and "_GCM_" in suite for suite in told["tls-cipher-suites"].split(",")
        )
    assert kubelet["tlsMinVersion"] == "VersionTLS12"
    assert kubelet["tlsCipherSuites"] == told["tls-cipher-suites"].split(",")
    assert named(cluster["etcd"]["local"]["extraArgs"])["tls-min-version"] == "TLS1.3"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("podPidsLimit", 4096),
        ("seccompDefault", True),
        ("protectKernelDefaults", True),
        ("enableDebugFlagsHandler", False),
        ("enableProfilingHandler", False),
    ],
)
def test_an_ordinary_pod_cannot_take_its_node_along(field: str, value: object) -> None:
    assert documents(founder())["KubeletConfiguration"][field] == value


def test_a_node_that_goes_down_ends_its_pods_and_last_those_that_it_cannot_be_without() -> None:
    kubelet = documents(founder())["KubeletConfiguration"]
    whole, critical = (
        int(kubelet[each].removesuffix("s")) for each in ("shutdownGracePeriod", "shutdownGracePeriodCriticalPods")
    )
    # What is critical has as long as the kubelet gives a static pod, and the rest no less.
    assert critical >= 30
    assert whole - critical >= 30


def test_the_api_is_reached_by_its_name_and_by_further_names() -> None:
    configuration = documents(founder())["ClusterConfiguration"]
    assert configuration["controlPlaneEndpoint"] == "api.holdfast.internal:6443"
    assert configuration["apiServer"]["certSANs"] == ["api.holdfast.internal", "kubernetes.example.com"]


def test_kubelets_ask_for_certificates_on_both_sides() -> None:
    kubelet = documents(founder())["KubeletConfiguration"]
    assert (kubelet["serverTLSBootstrap"], kubelet["rotateCertificates"]) == (True, True)


def test_lifetimes_may_be_tiny() -> None:
    short = documents(founder(replace(CLUSTER, lifetimes=Lifetimes(leaf=600, kubelet=700))))["ClusterConfiguration"]
    assert short["certificateValidityPeriod"] == "600s"
    assert named(short["controllerManager"]["extraArgs"])["cluster-signing-duration"] == "700s"


def test_a_network_that_replaces_kube_proxy_leaves_it_out() -> None:
    found = documents(founder(replace(CLUSTER, kube_proxy=False)))
    assert found["ClusterConfiguration"]["proxy"] == {"disabled": True}
    assert "KubeProxyConfiguration" not in found


def test_the_founders_token_opens_no_public_door() -> None:
    (token,) = documents(founder())["InitConfiguration"]["bootstrapTokens"]
    assert token["usages"] == ["authentication"]
    assert token["ttl"] == "86400s"
    assert "--skip-token-print" in init_config.COMMAND


def test_a_control_plane_joins_with_a_file_and_without_a_token() -> None:
    (joiner,) = documents(join_config.control_plane(CONTROL_PLANE, EC2, LIMITS)).values()
    assert joiner["discovery"] == {"file": {"kubeConfigPath": DISCOVERY_FILE}}
    assert joiner["controlPlane"] == {"localAPIEndpoint": {"advertiseAddress": "10.0.0.5", "bindPort": 6443}}
    assert joiner["timeouts"]["etcdAPICall"] == "20s"


@pytest.mark.parametrize("host", [EC2, RESTRICTED])
def test_a_join_that_goes_on_leaves_out_the_checks_that_its_first_half_fails_and_no_other(host: Host) -> None:
    first, again = (
        documents(join_config.control_plane(CONTROL_PLANE, host, LIMITS, again=again))["JoinConfiguration"]
        for again in (False, True)
    )
    before = first["nodeRegistration"].pop("ignorePreflightErrors", [])
    assert again["nodeRegistration"].pop("ignorePreflightErrors") == [*before, *join_config.AGAIN]
    assert first == again


def test_a_join_that_goes_on_is_not_stopped_by_what_runs_by_then() -> None:
    pods = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
    # The kubelet, etcd for clients and peers, API server, controller manager, scheduler.
    ports = {f"Port-{port}" for port in (10250, 2379, 2380, 6443, 10257, 10259)}
    manifests = {f"FileAvailable--etc-kubernetes-manifests-{pod}.yaml" for pod in pods}
    assert ports | manifests < set(join_config.AGAIN)


def test_a_node_registers_with_where_it_is_and_with_what_its_pool_says() -> None:
    (worker,) = documents(join_config.worker(WORKER, EC2, LIMITS)).values()
    registration = worker["nodeRegistration"]
    assert "controlPlane" not in worker
    assert registration["name"] == "i-0fedcba9876543210"
    assert named(registration["kubeletExtraArgs"]) == {
        "kube-reserved": "cpu=80m,memory=2662Mi",
        "node-ip": "10.0.64.7",
        "node-labels": "example.com/disk=ssd,node.kubernetes.io/instance-type=m7i.xlarge,tier=,"
        "topology.kubernetes.io/region=us-east-1,topology.kubernetes.io/zone=us-east-1b",
        "provider-id": "aws:///us-east-1b/i-0fedcba9876543210",
    }
    assert registration["taints"] == [
        {"key": "example.com/gpu", "value": "true", "effect": "NoSchedule"},
        {"key": "spot", "effect": "PreferNoSchedule"},
    ]


def test_a_pool_cannot_move_its_nodes_to_another_zone() -> None:
    liar = replace(WORKER, labels={"topology.kubernetes.io/zone": "elsewhere"})
    assert "elsewhere" not in join_config.worker(liar, EC2, LIMITS)


def test_a_worker_without_taints_says_so_for_kubeadm_would_put_its_own() -> None:
    (worker,) = documents(join_config.worker(replace(WORKER, taints=()), EC2, LIMITS)).values()
    assert worker["nodeRegistration"]["taints"] == []


def test_only_the_discovery_file_of_a_joiner_is_secret() -> None:
    leaf = Leaf("certificate", new_key())
    found_by = discovery.with_certificate("CA", CLUSTER.server, leaf)
    configuration = join_config.worker(WORKER, EC2, LIMITS)
    assert leaks({"key": leaf.key}, texts(discovery=found_by, join=configuration)) == ["key is in discovery"]


def test_tokens_have_the_form_of_kubernetes_and_no_two_are_equal() -> None:
    tokens = {new_token().text for _ in range(100)}
    assert len(tokens) == 100
    assert {bootstrap_token(text).text for text in tokens} == tokens


@pytest.mark.parametrize("text", ["", "abcdef", "ABCDEF.0123456789abcdef", "abcdef.0123456789abcdeg\n", "a.b"])
def test_what_is_no_token_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ValueError, match="this is no bootstrap token") as raised:
        bootstrap_token(text)
    assert not text or text not in str(raised.value)


def test_a_token_is_not_in_its_representation() -> None:
    assert TOKEN.secret not in repr(TOKEN)
