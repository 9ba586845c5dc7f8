"""The kubelet's unit: installed, and not enabled, for the node program decides when a machine may be a node."""

from __future__ import annotations

from imagebuilder.configure.tree import Entry, File, Folder
from imagebuilder.places import PROGRAM_FOLDER, UNIT_FOLDER

# kubelet.service and 10-kubeadm.conf of Kubernetes' own packages in one file. kubeadm starts and stops it by its name.
_UNIT = f"""\
[Unit]
Description=kubelet: the Kubernetes node agent
Documentation=https://kubernetes.io/docs/
Wants=network-online.target containerd.service
After=network-online.target containerd.service
# An API that is down for hours is no reason to give up.
StartLimitIntervalSec=0

[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \
--kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
# Written by kubeadm init and join.
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart={PROGRAM_FOLDER}/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
"""


def entries() -> dict[str, Entry]:
    """The unit, and the folder that kubeadm's preflight wants to find empty or absent."""
    return {
        f"{UNIT_FOLDER}/kubelet.service": File(_UNIT),
        "/etc/kubernetes": Folder(),
    }
