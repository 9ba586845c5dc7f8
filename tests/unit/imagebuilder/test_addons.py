"""The manifests of add-ons in an image: what they hold, and what must never be in them."""

from __future__ import annotations

import copy
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from coordination.names import Addon, Encryption
from imagebuilder import addons, configure, places, versions
from imagebuilder.addons import cilium, cilium_policies, ebs_csi_rights, metadata, policies
from imagebuilder.addons.__main__ import main
from imagebuilder.addons.manifests import RENDERED, text
from imagebuilder.configure import File, Settings
from rehearsal.binaries import charts
from userdata.addons import places as installed
from userdata.addons.filling import Values, filled
from userdata.addons.places import AUTOSCALER, EBS_CSI, POLICIES, Recipient

FOUND = versions.read()
RELEASES = FOUND.releases
MADE = addons.documents(FOUND, FOUND.newest)
TEXT = "".join(text(each) for each in MADE.values())
REPOSITORIES = {
    "quay.io/cilium/cilium": FOUND.cilium,
    "quay.io/cilium/operator-generic": FOUND.cilium,
    "registry.k8s.io/autoscaling/cluster-autoscaler": FOUND.newest.cluster_autoscaler,
    **{FOUND.images[name].repository: version for name, version in FOUND.addons.items()},
}


def objects(kind: str) -> Iterator[dict[str, Any]]:
    for document in MADE.values():
        yield from (each for each in document["items"] if each["kind"] == kind)


def named(kind: str, name: str) -> dict[str, Any]:
    (found,) = [each for each in objects(kind) if each["metadata"]["name"] == name]
    return found


def pods() -> Iterator[dict[str, Any]]:
    for kind in ("DaemonSet", "Deployment"):
        yield from (each["spec"]["template"]["spec"] for each in objects(kind))


def hosts(written: str) -> set[str]:
    """What could be a host's name, and is not the name of an API group, a label or an annotation."""
    found = set(re.findall(r"(?:[a-z0-9-]+\.)+(?:com|dev|io|net|org)\b", written))
    names = re.compile(r"(?!registry\.k8s)(.+\.)?(cilium|k8s|kubernetes|prometheus)\.io|ebs\.csi\.aws\.com")
    return {each for each in found if not names.fullmatch(each)}


# rendering


def test_what_is_stored_is_what_the_chart_renders() -> None:
    if shutil.which("go") is None:
        pytest.skip("there is no go, which fetches the chart")
    if not charts.helm_place().is_file():
        pytest.skip("there is no Helm: make addons builds it")
    try:
        made = charts.rendered(FOUND, charts.helm(), charts.chart(FOUND.cilium))
    except charts.NotRendered as missing:
        pytest.skip(f"the chart cannot be rendered here: {missing}")
    assert text(made) == RENDERED.read_text(encoding="utf-8"), "if this is wanted: make addons"


def test_a_chart_of_unknown_content_is_not_rendered() -> None:
    with pytest.raises(charts.NotRendered, match=r"no checksum of Cilium v1\.0\.0 is known"):
        charts.chart("v1.0.0")


# content


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.minor)
def test_every_image_is_of_the_version_that_is_named_once(release: versions.Release) -> None:
    expected = {**REPOSITORIES, "registry.k8s.io/autoscaling/cluster-autoscaler": release.cluster_autoscaler}
    found = addons.references(addons.documents(FOUND, release))
    assert found == sorted(f"{repository}:{version}" for repository, version in expected.items())


def test_images_come_from_elsewhere_with_their_digests() -> None:
    digest = "sha256:" + "ab" * 32
    elsewhere = {
        f"{repository}:{version}": f"registry.example.com/{number}@{digest}"
        for number, (repository, version) in enumerate(REPOSITORIES.items())
    }
    made = addons.documents(FOUND, FOUND.newest, elsewhere)
    assert addons.references(made) == sorted(elsewhere.values())
    assert hosts("".join(text(each) for each in made.values())) == {"registry.example.com"}


def test_an_image_that_nobody_has_is_refused() -> None:
    with pytest.raises(addons.UnknownImages, match=r"no add-on has the image quay\.io/other:v1; there are quay\.io/"):
        addons.documents(FOUND, FOUND.newest, {"quay.io/other:v1": "registry.example.com/other:v1"})


def containers(found: object) -> Iterator[dict[str, Any]]:
    """Whatever names an image, in objects of any kind."""
    if isinstance(found, dict):
        if isinstance(found.get("image"), str):
            yield found
        found = list(found.values())
    if isinstance(found, list):
        for each in found:
            yield from containers(each)


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.minor)
def test_no_node_pulls_an_image_of_an_add_on(release: versions.Release) -> None:
    made = addons.documents(FOUND, release)
    found = {(each["name"], each.get("imagePullPolicy", "by default")) for each in containers(list(made.values()))}
    assert {policy for _, policy in found} == {"Never"}
    assert {"cilium-agent", "config", "cilium-operator", "cluster-autoscaler"} <= {name for name, _ in found}


def test_no_host_is_named_but_the_images_repositories() -> None:
    assert hosts(TEXT) == {"quay.io", "registry.k8s.io"}
    assert "://" not in TEXT


def test_there_is_no_key_and_no_secret() -> None:
    assert "PRIVATE KEY" not in TEXT
    assert "BEGIN CERTIFICATE" not in TEXT
    assert list(objects("Secret")) == []


def test_cilium_replaces_kube_proxy_and_finds_the_api_without_services() -> None:
    settings = named("ConfigMap", "cilium-config")["data"]
    expected = {
        "kube-proxy-replacement": "true",
        "routing-mode": "tunnel",
        "tunnel-protocol": "vxlan",
        "ipam": "cluster-pool",
        "enable-bpf-masquerade": "true",
        "enable-hubble": "false",
        "enable-l7-proxy": "false",
    }
    assert {key: settings.get(key) for key in expected} == expected
    assert {"host", "port"} == named("ConfigMap", "kubernetes-endpoint")["data"].keys()
    agent = named("DaemonSet", "cilium")["spec"]["template"]["spec"]["containers"][0]["env"]
    (host,) = [each for each in agent if each["name"] == "KUBERNETES_SERVICE_HOST"]
    assert host["valueFrom"]["configMapKeyRef"] == {"name": "kubernetes-endpoint", "key": "host"}


def settings_of_cilium(encryption: Encryption) -> dict[str, str]:
    """As a cluster's nodes fill them in."""
    values = Values("0b1c", "us-east-1", "api.holdfast.internal", "10.8.0.0/14", encryption, ())
    found: Any = filled({"20-cilium.json": text(MADE["20-cilium.json"])}, values)["20-cilium.json"]
    (settings,) = [each["data"] for each in found["items"] if each["metadata"]["name"] == "cilium-config"]
    return dict(settings)


ENCRYPTING = {"enable-wireguard", "enable-encryption-strict-mode-ingress", "enable-encryption-strict-mode-egress"}


def test_what_leaves_a_node_for_a_pod_is_encrypted_and_nothing_else_is_taken() -> None:
    settings = settings_of_cilium(Encryption.WIREGUARD)
    assert {settings[each] for each in ENCRYPTING} == {"true"}
    assert settings["encryption-strict-egress-cidr"] == settings["cluster-pool-ipv4-cidr"] == "10.8.0.0/14"
    # All of VXLAN goes through WireGuard. Encryption of the nodes' own traffic would reach the API as well, by which
    # a node tells the others its key.
    assert settings["tunnel-protocol"] == "vxlan"
    assert "encrypt-node" not in settings
    # Without the mark the agent's programs cannot tell what was decrypted from what never was encrypted.
    assert settings.get("enable-identity-mark", "true") == "true"


def test_a_cluster_without_encryption_has_nothing_that_asks_for_it() -> None:
    settings = settings_of_cilium(Encryption.NONE)
    asking = {key for key, value in settings.items() if value == "true" and re.search("wireguard|encrypt|ipsec", key)}
    # It says what a strict mode lets through, where there is one.
    assert asking == {"encryption-strict-egress-allow-remote-node-identities"}


def test_ciliums_agents_deny_every_pod_the_instance_metadata_service_and_nothing_else() -> None:
    pod = named("DaemonSet", "cilium")["spec"]["template"]["spec"]
    (agent,) = pod["containers"]
    folder = named("ConfigMap", "cilium-config")["data"]["static-cnp-path"]
    (mount,) = [each for each in agent["volumeMounts"] if each["mountPath"] == folder]
    (volume,) = [each for each in pod["volumes"] if each["name"] == mount["name"]]
    # Not optional: an agent without the policy is none.
    assert volume.keys() == {"name", "configMap"}
    assert volume["configMap"].keys() == {"name"}
    found = named("ConfigMap", volume["configMap"]["name"])["data"]
    # Others are passed over by the agent.
    assert [Path(name).suffix for name in found] == [".yaml"]
    (policy,) = [yaml.safe_load(each) for each in found.values()]
    assert "namespace" not in policy["metadata"], "or it would be a policy of that namespace"
    assert policy["spec"] == {
        "endpointSelector": {},
        "egressDeny": [{"toCIDR": ["169.254.169.254/32", "fd00:ec2::254/128"]}],
        "enableDefaultDeny": {"egress": False, "ingress": False},
    }


def test_another_policy_makes_other_agents() -> None:
    """An agent reads the files when it starts, and does not notice that a ConfigMap has others."""
    annotations = named("DaemonSet", "cilium")["spec"]["template"]["metadata"]["annotations"]
    (content,) = named("ConfigMap", metadata.STATIC_POLICIES)["data"].values()
    assert annotations["holdfast-static-policies"] == hashlib.sha256(content.encode()).hexdigest()


def test_no_add_on_may_change_the_policy_that_denies_it() -> None:
    changing = [
        (name, rule.get("resourceNames", ["any"]))
        for kind in ("Role", "ClusterRole")
        for name, rule in rules(kind)
        if "configmaps" in rule["resources"] and {*rule["verbs"]} - READS - {"create"}
    ]
    assert changing
    assert not [each for each in changing if {metadata.STATIC_POLICIES, "any"} & {*each[1]}]


def test_nothing_but_ciliums_agent_and_operator_is_in_the_network_of_its_node() -> None:
    """Which is where the metadata service gives the node's credentials. Both run before there is a network of pods."""
    shared = {
        (kind, each["metadata"]["name"])
        for kind in ("DaemonSet", "Deployment", "StatefulSet")
        for each in objects(kind)
        if each["spec"]["template"]["spec"].get("hostNetwork")
    }
    assert shared == {("DaemonSet", "cilium"), ("Deployment", "cilium-operator")}


@pytest.mark.parametrize(
    ("deployment", "recipient"),
    [("cluster-autoscaler", AUTOSCALER), ("ebs-csi-controller", EBS_CSI)],
    ids=["autoscaler", "EBS CSI"],
)
def test_an_add_on_has_the_credentials_that_the_agent_writes_and_no_others(
    deployment: str, recipient: Recipient
) -> None:
    pod = named("Deployment", deployment)["spec"]["template"]["spec"]
    container, *others = pod["containers"]
    assert not [each["name"] for each in others for mount in each["volumeMounts"] if mount["name"] == "credentials"]
    # What the agent tells the program by that has read older ones, and to end.
    assert any("$(CLUSTER)" in argument for argument in container["args"])
    environment = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    mounts = {each["name"]: each for each in container["volumeMounts"]}
    (volume,) = [each for each in pod["volumes"] if each["name"] == "credentials"]
    folder, _, file = recipient.file.rpartition("/")
    assert volume["hostPath"] == {"path": folder, "type": "Directory"}
    assert mounts["credentials"]["readOnly"] is True
    assert environment["AWS_SHARED_CREDENTIALS_FILE"] == f"{mounts['credentials']['mountPath']}/{file}"
    assert environment["AWS_EC2_METADATA_DISABLED"] == "true"
    assert pod["securityContext"]["runAsUser"] == recipient.user


def test_the_autoscalers_health_is_asked_where_it_answers() -> None:
    (container,) = named("Deployment", "cluster-autoscaler")["spec"]["template"]["spec"]["containers"]
    asked = container["livenessProbe"]["httpGet"]
    assert "host" not in asked, "a pod's own address is not known before it runs"
    assert f"--address=:{asked['port']}" in container["args"]


@pytest.mark.parametrize("deployment", ["cluster-autoscaler", "ebs-csi-controller", "metrics-server"])
def test_what_the_agent_hands_something_runs_on_control_planes(deployment: str) -> None:
    pod = named("Deployment", deployment)["spec"]["template"]["spec"]
    assert pod["priorityClassName"] == "system-cluster-critical"
    (term,) = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term["matchExpressions"] == [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}]
    assert {each["key"] for each in pod["tolerations"]} == {"node-role.kubernetes.io/control-plane"}


def test_the_autoscaler_has_its_region_and_cluster_from_its_config_map() -> None:
    (container,) = named("Deployment", "cluster-autoscaler")["spec"]["template"]["spec"]["containers"]
    taken = {
        each["name"]: each["valueFrom"]["configMapKeyRef"]["key"] for each in container["env"] if "valueFrom" in each
    }
    assert taken == {"AWS_REGION": "region", "CLUSTER": "cluster"}
    assert named("ConfigMap", "cluster-autoscaler")["data"].keys() == set(taken.values())
    assert "k8s.io/cluster-autoscaler/$(CLUSTER)" in "".join(container["args"])


def test_the_autoscaler_knows_the_taint_that_ciliums_agent_removes() -> None:
    (container,) = named("Deployment", "cluster-autoscaler")["spec"]["template"]["spec"]["containers"]
    settings = named("ConfigMap", "cilium-config")["data"]
    assert f"--startup-taint={settings['agent-not-ready-taint-key']}" in container["args"]


def test_the_autoscaler_changes_no_workload_and_reads_no_secret() -> None:
    rules = [*named("ClusterRole", "cluster-autoscaler")["rules"], *named("Role", "cluster-autoscaler")["rules"]]
    assert not [rule for rule in rules if {"*", "secrets"} & {*rule["resources"], *rule["verbs"], *rule["apiGroups"]}]
    changing = {"update", "patch", "delete", "create", "deletecollection"}
    changed = {resource for rule in rules if changing & set(rule["verbs"]) for resource in rule["resources"]}
    assert changed == {"nodes", "pods/eviction", "pods/status", "events", "leases", "configmaps"}


# rights

READS = {"get", "list", "watch"}
EXPECTED_WRITES = {
    # It cordons and taints what it removes, and evicts what runs there.
    ("cluster-autoscaler", "nodes"),
    ("cluster-autoscaler", "pods/eviction"),
    ("cluster-autoscaler", "pods/status"),
}
POWERFUL = {"nodes", "nodes/status", "nodes/proxy", "pods", "pods/exec", "pods/eviction", "pods/status", "leases"}
WORKLOADS = {"daemonsets", "deployments", "statefulsets", "replicasets", "jobs", "cronjobs", "serviceaccounts/token"}


def rules(kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for each in objects(kind):
        yield from ((each["metadata"]["name"], rule) for rule in each["rules"])


def cluster_rules() -> dict[str, list[dict[str, Any]]]:
    """By ClusterRole."""
    return {each["metadata"]["name"]: each["rules"] for each in objects("ClusterRole")}


def test_no_add_on_reads_secrets_or_writes_nodes_pods_or_leases_of_the_whole_cluster() -> None:
    written = set()
    for name, rule in rules("ClusterRole"):
        resources = {*rule["resources"]}
        assert not resources & {"secrets", "*"}, name
        assert "*" not in {*rule["verbs"], *rule["apiGroups"]}, name
        if {*rule["verbs"]} - READS:
            written |= {(name, each) for each in resources & (POWERFUL | WORKLOADS)}
    assert written == EXPECTED_WRITES


def test_in_its_own_namespace_an_add_on_writes_its_own_lease_and_reads_secrets_of_no_other() -> None:
    for each in objects("Role"):
        name = each["metadata"]["name"]
        for rule in each["rules"]:
            if "leases" in rule["resources"] and {*rule["verbs"]} != {"create"}:
                # The EBS CSI driver's controller has three programs of which one works.
                assert len(rule["resourceNames"]) == (3 if name == "ebs-csi-controller" else 1), name
            if "secrets" in rule["resources"]:
                # Cilium's own, in which nothing is: there are no policies of L7.
                assert each["metadata"]["namespace"] == "cilium-secrets", name


def test_no_add_on_starts_pods_of_its_own_choice() -> None:
    for name, rule in rules("Role"):
        assert not {*rule["resources"]} & ({"pods", "pods/exec"} | WORKLOADS) or not {*rule["verbs"]} - READS, name


def test_what_has_rights_in_the_whole_cluster_runs_on_control_planes_but_for_the_agent_of_each_node() -> None:
    accounts = {subject["name"] for each in objects("ClusterRoleBinding") for subject in each["subjects"]}
    control_plane = "node-role.kubernetes.io/control-plane"
    elsewhere = set()
    for pod in pods():
        wanted = (
            pod.get("affinity", {}).get("nodeAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution", {})
        )
        keys = {
            each["key"]
            for term in wanted.get("nodeSelectorTerms", [])
            for each in term.get("matchExpressions", [])
            if each["operator"] == "Exists"
        }
        if pod["serviceAccountName"] in accounts and control_plane not in {*pod.get("nodeSelector", {}), *keys}:
            elsewhere.add(pod["serviceAccountName"])
    assert elsewhere == {"cilium", "ebs-csi-node"}


def test_what_has_rights_in_the_whole_cluster_on_each_worker_reads_alone_but_for_ciliums_agent() -> None:
    (found,) = [rules for name, rules in cluster_rules().items() if name == "ebs-csi-node"]
    assert {verb for rule in found for verb in rule["verbs"]} <= READS
    assert {resource for rule in found for resource in rule["resources"]} == {"nodes", "csinodes", "volumeattachments"}


def test_ciliums_operator_listens_on_its_own_host_alone() -> None:
    (container,) = named("Deployment", "cilium-operator")["spec"]["template"]["spec"]["containers"]
    assert [each["containerPort"] for each in container["ports"]] == [9234]
    settings = named("ConfigMap", "cilium-config")["data"]
    assert settings["operator-api-serve-addr"] == "127.0.0.1:9234"
    assert "operator-prometheus-serve-addr" not in settings


def test_ciliums_agent_has_the_capabilities_that_the_images_kernel_settings_ask_for() -> None:
    (agent,) = [
        each
        for each in named("DaemonSet", "cilium")["spec"]["template"]["spec"]["containers"]
        if "agent" in each["name"]
    ]
    held = set(agent["securityContext"]["capabilities"]["add"])
    entry = configure.entries(Settings("pause"))["/etc/sysctl.d/90-holdfast.conf"]
    assert isinstance(entry, File)
    lines = set(entry.text.splitlines())
    # Programs of BPF; their instructions, which it reads back, and which nobody could with 2; the kernel's log.
    for setting, capability in (
        ("kernel.unprivileged_bpf_disabled = 1", "SYS_ADMIN"),
        ("kernel.kptr_restrict = 1", "SYSLOG"),
        ("kernel.dmesg_restrict = 1", "SYSLOG"),
    ):
        assert setting in lines
        assert capability in held


def test_a_chart_that_gives_other_rights_is_noticed() -> None:
    rule = {"resources": ["leases"]}
    role: Any = {"kind": "ClusterRole", "metadata": {"name": "cilium-operator"}, "rules": [rule]}
    others: list[Any] = [
        {"kind": kind, "metadata": {"name": "cilium-operator-ztunnel"}} for kind in ("Role", "RoleBinding")
    ]
    assert len(cilium.narrowed([copy.deepcopy(role), *others])) == 3
    for changed in ([*others], [copy.deepcopy(role)], [{**role, "rules": []}, *others]):
        with pytest.raises(LookupError, match="the chart"):
            cilium.narrowed(copy.deepcopy(changed))


@pytest.mark.parametrize(
    "policy",
    [*policies.POLICIES, *cilium_policies.POLICIES, *ebs_csi_rights.POLICIES],
    ids=lambda each: each.name,
)
def test_a_policy_is_in_force_and_refuses_what_it_cannot_judge(policy: policies.Policy) -> None:
    made, binding = policy.objects()
    assert named("ValidatingAdmissionPolicy", f"holdfast-{policy.name}") == made
    assert binding["spec"]["policyName"] == made["metadata"]["name"]
    assert binding["spec"]["validationActions"] == ["Deny"]
    assert made["spec"]["failurePolicy"] == "Fail"
    assert len(made["spec"]["matchConditions"]) == 1


def test_no_policy_keeps_an_aggregated_api_server_from_being_ready() -> None:
    """It would wait for objects of Kubernetes' own kinds, which it may not read."""
    specs = [each["spec"] for each in objects("ValidatingAdmissionPolicy")]
    kinds = {each["paramKind"]["apiVersion"] for each in specs if "paramKind" in each}
    assert kinds == {"cilium.io/v2"}


def test_a_policy_lets_nothing_pass_before_it_knows_the_range_of_pods() -> None:
    def told(document: Any) -> list[str]:
        variables = [variable for each in document["items"] for variable in each["spec"].get("variables", ())]
        return [each["expression"] for each in variables if each["name"] == policies.POD_RANGE]

    name = "25-cilium-policies.json"
    values = Values("uuid", "us-east-1", "api.example", "10.8.0.0/14", Encryption.NONE, ())
    assert told(MADE[name]) == [policies.UNKNOWN_RANGE] * 2
    assert told(filled({name: text(MADE[name])}, values)[name]) == ["'10.8.0.0/14'"] * 2


def test_a_cluster_with_another_network_gets_the_policies_that_are_for_every_cluster() -> None:
    assert places.POLICY_MANIFEST == POLICIES
    assert len(MADE[POLICIES]["items"]) == 2 * len(policies.POLICIES)


def test_the_image_and_the_node_program_agree_on_places() -> None:
    assert (AUTOSCALER.file, AUTOSCALER.user) == (places.AUTOSCALER_CREDENTIALS, places.AUTOSCALER_UID)
    assert (EBS_CSI.file, EBS_CSI.user) == (places.EBS_CSI_CREDENTIALS, places.EBS_CSI_UID)
    assert (places.METRICS_SERVER_CERTIFICATE, places.METRICS_SERVER_KEY, places.METRICS_SERVER_UID) == (
        installed.METRICS_SERVER_CERTIFICATE,
        installed.METRICS_SERVER_KEY,
        installed.METRICS_SERVER_USER,
    )
    assert installed.CHOSEN == {
        Addon.METRICS_SERVER: places.METRICS_SERVER_MANIFEST,
        Addon.EBS_CSI: places.EBS_CSI_MANIFEST,
    }
    assert set(installed.CHOSEN.values()) <= MADE.keys()


# writing


def test_manifests_are_written_where_the_node_program_reads_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    minor = FOUND.newest.minor
    digest = f"sha256:{'0' * 64}"
    elsewhere = [
        f"--image={name}:{version}=registry.example.com/{name}@{digest}" for name, version in REPOSITORIES.items()
    ]
    assert main(["--root", str(tmp_path), "--minor", minor, *elsewhere]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed == sorted(f"registry.example.com/{name}@{digest}" for name in REPOSITORIES)
    folder = tmp_path / places.ADDON_FOLDER.lstrip("/")
    assert sorted(path.name for path in folder.iterdir()) == sorted(MADE)
    written = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in folder.iterdir()}
    assert addons.references(written) == printed


def test_an_image_for_ec2_names_every_container_by_its_digest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tagged = f"--image=quay.io/cilium/cilium:{FOUND.cilium}=registry.example.com/cilium:{FOUND.cilium}"
    arguments = ["--root", str(tmp_path), "--minor", FOUND.newest.minor, tagged]
    assert main(arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("--image: no digest for quay.io/cilium/operator-generic:")
    assert "registry.example.com/cilium" in line
    assert not list(tmp_path.iterdir())
    assert main([*arguments, "--without-digests"]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--minor", "1.20"], "kubernetes: '1.20' is no minor"),
        (["--minor", RELEASES[0].minor, "--image", "cilium"], "--image: ['cilium']; allowed: REFERENCE=REFERENCE"),
        (["--minor", RELEASES[0].minor, "--image", "a=b"], "no add-on has the image a; there are "),
    ],
)
def test_what_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["--root", str(tmp_path), *arguments]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(said)


def test_entries_are_the_same_each_time() -> None:
    entries = addons.entries(addons.documents(FOUND, FOUND.newest))
    assert entries == addons.entries(MADE)
    assert all(isinstance(each, File) for path, each in entries.items() if path.endswith(".json"))
