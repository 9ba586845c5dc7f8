"""Where things are in a machine image: the paths that its configuration, its programs and their tests agree on."""

from __future__ import annotations

PROGRAM_FOLDER = "/usr/local/bin"
PLUGIN_FOLDER = "/opt/cni/bin"
"""Where containerd, and an installed network such as Cilium, expect the CNI plugins."""
NETWORK_FOLDER = "/etc/cni/net.d"
"""Empty in the image of EC2: a node is not ready before its network has put a configuration here."""
SETTINGS_FOLDER = "/etc/holdfast"
NODE_FILE = f"{SETTINGS_FOLDER}/node.json"
"""Written by user data; without it a machine is no node."""
IMAGE_FILE = f"{SETTINGS_FOLDER}/image.json"
"""What the node program should know of the image and of the computer under it; absent where that is nothing."""
NODE_PROGRAM_FOLDER = "/opt/holdfast/bin"
NODE_PROGRAM = f"{NODE_PROGRAM_FOLDER}/holdfast-node"
LIBRARY_FOLDER = "/opt/holdfast/lib"
"""The node program's modules and its Python libraries; it puts this folder on its path."""
ADDON_FOLDER = "/opt/holdfast/addons"
"""Manifests that a control plane applies, in the order of their names."""
POLICY_MANIFEST = "15-policies.json"
"""That of the manifests in ADDON_FOLDER which every cluster gets, whichever network it has."""
AUTOSCALER_CREDENTIALS = "/run/holdfast/autoscaler/credentials"
"""Of its role in AWS: a file of AWS's SDKs, which the agents of control planes write for it."""
AUTOSCALER_UID = 65534
"""The user that the autoscaler runs as, and alone reads them."""
SOURCE_FOLDER = "/var/lib/holdfast-build"
"""Of this project's sources while an image is built; not in the finished image."""
UNIT_FOLDER = "/etc/systemd/system"
BOOT_UNIT = "holdfast-boot.service"
AGENT_UNIT = "holdfast-agent.service"
METADATA_UNIT = "holdfast-metadata.service"
"""Without it there is neither kubelet nor containerd."""
METADATA_RULES = "/etc/nftables/holdfast-metadata.nft"
NFT = "/usr/sbin/nft"
"""Of the package nftables, in Amazon Linux 2023 as in Debian."""
LOGS_UNIT = "holdfast-logs.service"
SESSION_AGENT_UNIT = "amazon-ssm-agent.service"
"""Of the package amazon-ssm-agent, and of no use without SESSIONS_FILE."""
SESSIONS_FILE = f"{SETTINGS_FOLDER}/session-manager"
"""Written by user data where a cluster has `access.ssm`."""
SESSION_AGENT_FILE = "/etc/amazon/ssm/amazon-ssm-agent.json"
"""The agent's settings; it takes its defaults for what is not in it."""

PROGRAMS = (
    *("kubeadm", "kubelet", "kubectl"),
    *("etcdctl", "etcdutl"),
    *("containerd", "containerd-shim-runc-v2", "ctr", "runc"),
)
"""In PROGRAM_FOLDER. etcd and the control plane's other programs are in container images."""
PLUGINS = ("bridge", "host-local", "loopback", "portmap")
"""In PLUGIN_FOLDER. Every pod needs loopback; the others make a network where no other is installed."""
