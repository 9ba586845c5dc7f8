"""Where things are in a machine image: the paths that its configuration, its programs and their tests agree on."""

from __future__ import annotations

PROGRAM_FOLDER = "/usr/local/bin"
PLUGIN_FOLDER = "/opt/cni/bin"
"""Where containerd, and an installed network such as Cilium, expect the CNI plugins."""
NETWORK_FOLDER = "/etc/cni/net.d"
"""Empty in the image of EC2: a node is not ready before its network has put a configuration here."""
SETTINGS_FOLDER = "/etc/holdfast"
NODE_PROGRAM_FOLDER = "/opt/holdfast/bin"
LIBRARY_FOLDER = "/opt/holdfast/lib"
"""The node program's Python libraries; it puts this folder on its path."""

PROGRAMS = (
    *("kubeadm", "kubelet", "kubectl"),
    *("etcdctl", "etcdutl"),
    *("containerd", "containerd-shim-runc-v2", "ctr", "runc"),
)
"""In PROGRAM_FOLDER. etcd and the control plane's other programs are in container images."""
PLUGINS = ("bridge", "host-local", "loopback", "portmap")
"""In PLUGIN_FOLDER. Every pod needs loopback; the others make a network where no other is installed."""
