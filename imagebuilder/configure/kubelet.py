"""The kubelet's unit: installed, and not enabled, for the node program decides when a machine may be a node."""

from __future__ import annotations

from imagebuilder.configure.tree import Entry, File, Folder
from imagebuilder.places import ETCD_DISK_UNIT, ETCD_FOLDER, METADATA_UNIT, PROGRAM_FOLDER, UNIT_FOLDER

# kubelet.service and 10-kubeadm.conf of Kubernetes' own packages in one file. kubeadm starts and stops it by its name.
_UNIT = f"""\
[Unit]
Description=kubelet: the Kubernetes node agent
Documentation=https://kubernetes.io/docs/
Wants=network-online.target containerd.service
# No pod before the firewall rules that keep pods from the metadata service, and no etcd without its own disk.
Requires={METADATA_UNIT} {ETCD_DISK_UNIT}
After=network-online.target containerd.service {METADATA_UNIT} {ETCD_DISK_UNIT}
# Where it is mounted, it is unmounted after the kubelet has stopped.
RequiresMountsFor={ETCD_FOLDER}
# An API that is down for hours is no reason to give up.
StartLimitIntervalSec=0

[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \
--kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
# Set beside the unit, where there is a provider.
Environment="KUBELET_CREDENTIAL_ARGS="
# Written by kubeadm init and join.
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart={PROGRAM_FOLDER}/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_CREDENTIAL_ARGS \
$KUBELET_KUBEADM_ARGS
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
"""


SHUTDOWN_SECONDS = 60
"""How long the kubelet may keep the machine from going down while it ends its pods: `shutdownGracePeriod`."""
# Where logind allows less, the kubelet writes such a file itself, and reloads logind (pkg/kubelet/nodeshutdown).
_LOGIND = f"""\
[Login]
InhibitDelayMaxSec={SHUTDOWN_SECONDS}
"""


def entries() -> dict[str, Entry]:
    """The unit, how long it may delay a shutdown, and the folder that kubeadm's preflight wants empty or absent."""
    return {
        # Not secret; the CIS benchmark wants it so.
        f"{UNIT_FOLDER}/kubelet.service": File(_UNIT, 0o600),
        "/etc/systemd/logind.conf.d/90-holdfast.conf": File(_LOGIND),
        "/etc/kubernetes": Folder(),
    }
