"""The EBS CSI driver: its controller on control planes, its part on each worker, and the default StorageClass.

For clusters that ask for it. The controller has the credentials of its own role in AWS, which the agents of control
planes hand it (userdata.agent.handed_credentials); the part on workers has none, and asks no metadata service. Without
the snapshotter, whose kinds and controller no cluster has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from imagebuilder.addons import ebs_csi_rights
from imagebuilder.addons.ebs_csi_rights import CONTROLLER, DRIVER, NODE
from imagebuilder.addons.objects import (
    CONTROL_PLANE,
    RESTRICTED,
    HandedCredentials,
    Objects,
    from_config_map,
    on_control_planes,
    spread,
    user,
)
from imagebuilder.places import EBS_CSI_CREDENTIALS, EBS_CSI_UID

NAME = "ebs-csi"
STORAGE_CLASS = "gp3"
IMAGES: Mapping[str, str] = {
    "aws-ebs-csi-driver": "registry.k8s.io/provider-aws/aws-ebs-csi-driver",
    "csi-provisioner": "registry.k8s.io/sig-storage/csi-provisioner",
    "csi-attacher": "registry.k8s.io/sig-storage/csi-attacher",
    "csi-resizer": "registry.k8s.io/sig-storage/csi-resizer",
    "csi-node-driver-registrar": "registry.k8s.io/sig-storage/csi-node-driver-registrar",
    "livenessprobe": "registry.k8s.io/sig-storage/livenessprobe",
}
"""Repositories by the names of versions.json."""

_OBJECTS = Objects(NAME)
_CREDENTIALS = HandedCredentials(EBS_CSI_CREDENTIALS)
_HEALTH_PORT = 9808
_SOCKETS = "/csi"
_SOCKET = f"{_SOCKETS}/csi.sock"
_KUBELET = "/var/lib/kubelet"
_PLUGIN = f"{_KUBELET}/plugins/{DRIVER}"
# Upstream's.
_RESOURCES = {"requests": {"cpu": "10m", "memory": "40Mi"}, "limits": {"memory": "256Mi"}}


def objects(versions: Mapping[str, str]) -> list[dict[str, Any]]:
    """The driver and its sidecars, of versions by the names of IMAGES, each as `v1.66.0`."""
    images = {name: f"{repository}:{versions[name]}" for name, repository in IMAGES.items()}
    return [
        *ebs_csi_rights.objects(_OBJECTS),
        # Filled by the node program.
        _OBJECTS.own("v1", "ConfigMap", NAME, data={"cluster": "", "region": "", "tags": ""}),
        _OBJECTS.clusters(
            "storage.k8s.io/v1",
            "CSIDriver",
            DRIVER,
            spec={"attachRequired": True, "podInfoOnMount": False, "fsGroupPolicy": "File"},
        ),
        _OBJECTS.own("apps/v1", "Deployment", CONTROLLER, spec=_controller(images)),
        _OBJECTS.own("policy/v1", "PodDisruptionBudget", CONTROLLER, spec=_budget()),
        _OBJECTS.own("apps/v1", "DaemonSet", NODE, spec=_node(images)),
        _storage_class(),
    ]


def _storage_class() -> dict[str, Any]:
    made = _OBJECTS.clusters(
        "storage.k8s.io/v1",
        "StorageClass",
        STORAGE_CLASS,
        provisioner=DRIVER,
        # The key's ARN is the node program's to put in. No parameter of a StorageClass can be changed later.
        parameters={"type": "gp3", "encrypted": "true", "kmsKeyId": "", "csi.storage.k8s.io/fstype": "ext4"},
        # A volume is of one zone: that of the pod's node.
        volumeBindingMode="WaitForFirstConsumer",
        allowVolumeExpansion=True,
        reclaimPolicy="Delete",
    )
    made["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}
    return made


def _of(part: str) -> dict[str, str]:
    return {**_OBJECTS.labels, "app.kubernetes.io/component": part}


def _budget() -> dict[str, Any]:
    return {"maxUnavailable": 1, "selector": {"matchLabels": _of("controller")}}


def _controller(images: Mapping[str, str]) -> dict[str, Any]:
    labels = _of("controller")
    containers = [
        {
            **_driver(images, "controller", _CONTROLLER_ARGUMENTS),
            "env": [
                from_config_map("AWS_REGION", NAME, "region"),
                from_config_map("CLUSTER", NAME, "cluster"),
                from_config_map("TAGS", NAME, "tags"),
                *_CREDENTIALS.environment,
            ],
            "securityContext": RESTRICTED,
            "volumeMounts": [_mount("socket", _SOCKETS), *_CREDENTIALS.mounts],
        },
        _sidecar(images, "csi-provisioner", "--extra-create-metadata", *_ELECTED),
        _sidecar(images, "csi-attacher", *_ELECTED),
        # A volume grows while a pod uses it.
        _sidecar(images, "csi-resizer", "--handle-volume-inuse-error=false", *_ELECTED),
        _sidecar(images, "livenessprobe"),
    ]
    return {
        "replicas": 2,
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "serviceAccountName": CONTROLLER,
                "priorityClassName": "system-cluster-critical",
                # AWS's names are the VPC's to resolve.
                "dnsPolicy": "Default",
                **on_control_planes(),
                "topologySpreadConstraints": spread(labels),
                "securityContext": user(EBS_CSI_UID),
                "containers": containers,
                "volumes": [{"name": "socket", "emptyDir": {}}, *_CREDENTIALS.volumes],
            },
        },
    }


_CONTROLLER_ARGUMENTS = (
    # Kubernetes puts the variables in. The first is also what the agent finds the program by.
    "--k8s-tag-cluster-id=$(CLUSTER)",
    "--extra-tags=$(TAGS)",
    # Many volumes are asked about in one call.
    "--batching=true",
)
_NODE_ARGUMENTS = (
    f"--csi-mount-point-prefix={_KUBELET}/plugins/kubernetes.io/csi/{DRIVER}/",
    # Labels and providerID of the Node: pods are denied the metadata service.
    "--metadata-sources=kubernetes",
    # The root volume: the one that a worker has before it has pods.
    "--reserved-volume-attachments=1",
)
_ELECTED = ("--leader-election=true",)


def _node(images: Mapping[str, str]) -> dict[str, Any]:
    labels = _of("node")
    workers = {"nodeSelectorTerms": [{"matchExpressions": [{"key": CONTROL_PLANE, "operator": "DoesNotExist"}]}]}
    return {
        "selector": {"matchLabels": labels},
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "serviceAccountName": NODE,
                "priorityClassName": "system-node-critical",
                # Mounts of any pod, whatever the pool's taints are; no control plane has pods with volumes.
                "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": workers}},
                "tolerations": [{"operator": "Exists"}],
                # The driver waits for volumes to be detached from a node that is drained.
                "terminationGracePeriodSeconds": 30,
                "securityContext": {"runAsUser": 0, "runAsGroup": 0, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [_mounting(images), _registrar(images), _node_health(images)],
                "volumes": [
                    _host_path("kubelet", _KUBELET, "Directory"),
                    _host_path("plugin", _PLUGIN, "DirectoryOrCreate"),
                    _host_path("registration", f"{_KUBELET}/plugins_registry", "Directory"),
                    _host_path("devices", "/dev", "Directory"),
                ],
            },
        },
    }


def _mounting(images: Mapping[str, str]) -> dict[str, Any]:
    return {
        **_driver(images, "node", _NODE_ARGUMENTS),
        "env": [
            {"name": "CSI_NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            {"name": "AWS_EC2_METADATA_DISABLED", "value": "true"},
            # It may write no Node: one that may write its own could write any.
            {"name": "DISABLE_TAINT_WATCHER", "value": "true"},
        ],
        "lifecycle": {"preStop": {"exec": {"command": ["/bin/aws-ebs-csi-driver", "pre-stop-hook"]}}},
        # It makes filesystems, and mounts them where the kubelet and pods see them.
        "securityContext": {"privileged": True, "readOnlyRootFilesystem": True},
        "volumeMounts": [
            {**_mount("kubelet", _KUBELET), "mountPropagation": "Bidirectional"},
            _mount("plugin", _SOCKETS),
            _mount("devices", "/dev"),
        ],
    }


def _registrar(images: Mapping[str, str]) -> dict[str, Any]:
    arguments = (f"--kubelet-registration-path={_PLUGIN}/csi.sock",)
    made = _sidecar(images, "csi-node-driver-registrar", *arguments)
    return {**made, "volumeMounts": [_mount("plugin", _SOCKETS), _mount("registration", "/registration")]}


def _node_health(images: Mapping[str, str]) -> dict[str, Any]:
    made = _sidecar(images, "livenessprobe")
    return {**made, "volumeMounts": [_mount("plugin", _SOCKETS)]}


def _driver(images: Mapping[str, str], mode: str, arguments: Sequence[str]) -> dict[str, Any]:
    return {
        "name": "ebs-plugin",
        "image": images["aws-ebs-csi-driver"],
        "imagePullPolicy": "Never",
        "args": [mode, f"--endpoint=unix:{_SOCKET}", *arguments, "--v=2"],
        # The livenessprobe beside it answers there.
        "ports": [{"name": "healthz", "containerPort": _HEALTH_PORT, "protocol": "TCP"}],
        "livenessProbe": {
            "httpGet": {"path": "/healthz", "port": "healthz"},
            "initialDelaySeconds": 10,
            "timeoutSeconds": 3,
            "periodSeconds": 10,
            "failureThreshold": 5,
        },
        "resources": _RESOURCES,
    }


def _sidecar(images: Mapping[str, str], name: str, *arguments: str) -> dict[str, Any]:
    return {
        "name": name,
        "image": images[name],
        "imagePullPolicy": "Never",
        "args": [f"--csi-address={_SOCKET}", *arguments, "--v=2"],
        "resources": _RESOURCES,
        "securityContext": RESTRICTED,
        "volumeMounts": [_mount("socket", _SOCKETS)],
    }


def _mount(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "mountPath": path}


def _host_path(name: str, path: str, kind: str) -> dict[str, Any]:
    return {"name": name, "hostPath": {"path": path, "type": kind}}
