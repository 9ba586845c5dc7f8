"""The manifests of add-ons that a cluster has by its configuration."""

from __future__ import annotations

from coordination.names import EBS_CSI_TAG
from imagebuilder.addons.ebs_csi_rights import DRIVER
from imagebuilder.addons.metrics_server import API_SERVICE
from tests.unit.imagebuilder.test_addons import named, objects
from userdata.addons import places as installed


def test_the_api_server_verifies_metrics_server_and_metrics_server_the_kubelets() -> None:
    served = named("APIService", API_SERVICE)["spec"]
    assert served["caBundle"] == "", "the node program fills it"
    assert "insecureSkipTLSVerify" not in served
    service = served["service"]
    assert f"{service['name']}.{service['namespace']}.svc" == installed.METRICS_SERVER_NAME
    assert named("Service", service["name"])["metadata"]["namespace"] == service["namespace"]
    pod = named("Deployment", "metrics-server")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    arguments = dict(each.partition("=")[::2] for each in container["args"])
    (mount,) = container["volumeMounts"]
    (volume,) = pod["volumes"]
    for flag, file in (
        ("--tls-cert-file", installed.METRICS_SERVER_CERTIFICATE),
        ("--tls-private-key-file", installed.METRICS_SERVER_KEY),
    ):
        folder, _, name = file.rpartition("/")
        assert volume["hostPath"] == {"path": folder, "type": "Directory"}
        assert arguments[flag] == f"{mount['mountPath']}/{name}"
    assert pod["securityContext"]["runAsUser"] == installed.METRICS_SERVER_USER
    assert "--kubelet-insecure-tls" not in arguments
    assert arguments["--kubelet-certificate-authority"].endswith("/serviceaccount/ca.crt")


def test_the_one_default_class_makes_encrypted_volumes_where_the_pod_is() -> None:
    (found,) = objects("StorageClass")
    assert found["metadata"]["annotations"] == {"storageclass.kubernetes.io/is-default-class": "true"}
    assert found["provisioner"] == named("CSIDriver", DRIVER)["metadata"]["name"]
    assert found["parameters"] == {
        "type": "gp3",
        "encrypted": "true",
        "kmsKeyId": "",
        "csi.storage.k8s.io/fstype": "ext4",
    }
    assert (found["volumeBindingMode"], found["allowVolumeExpansion"], found["reclaimPolicy"]) == (
        "WaitForFirstConsumer",
        True,
        "Delete",
    )


def test_the_part_of_the_ebs_csi_driver_on_workers_asks_no_metadata_service_and_writes_no_node() -> None:
    made = named("DaemonSet", "ebs-csi-node")["spec"]["template"]["spec"]
    driver, *others = made["containers"]
    assert "--metadata-sources=kubernetes" in driver["args"]
    environment = {each["name"]: each.get("value") for each in driver["env"]}
    assert (environment["AWS_EC2_METADATA_DISABLED"], environment["DISABLE_TAINT_WATCHER"]) == ("true", "true")
    assert "AWS_SHARED_CREDENTIALS_FILE" not in environment
    # On workers alone, and privileged is what mounts, alone.
    (term,) = made["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term["matchExpressions"] == [{"key": "node-role.kubernetes.io/control-plane", "operator": "DoesNotExist"}]
    assert driver["securityContext"]["privileged"] is True
    for each in others:
        assert each["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_volumes_carry_the_clusters_tag_from_the_config_map_that_is_filled() -> None:
    container = named("Deployment", "ebs-csi-controller")["spec"]["template"]["spec"]["containers"][0]
    taken = {each["name"]: each["valueFrom"]["configMapKeyRef"] for each in container["env"] if "valueFrom" in each}
    assert taken == {
        name: {"name": "ebs-csi", "key": key}
        for name, key in (("AWS_REGION", "region"), ("CLUSTER", "cluster"), ("TAGS", "tags"))
    }
    assert named("ConfigMap", "ebs-csi")["data"].keys() == {"region", "cluster", "tags"}
    assert "--extra-tags=$(TAGS)" in container["args"]
    assert f"{DRIVER}/cluster" == EBS_CSI_TAG


def test_what_is_chosen_starts_nowhere_without_a_user_of_its_own_but_where_it_mounts() -> None:
    for name in ("ebs-csi-controller", "metrics-server"):
        pod = named("Deployment", name)["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, container["name"]
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, container["name"]
            assert container["resources"]["requests"], container["name"]
        budget = named("PodDisruptionBudget", name)["spec"]["selector"]["matchLabels"]
        labels = named("Deployment", name)["spec"]["template"]["metadata"]["labels"]
        assert budget.items() <= labels.items()
