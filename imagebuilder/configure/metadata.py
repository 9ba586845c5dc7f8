"""Instance metadata for the machine's own services only: firewall rules, and the unit that loads them.

The metadata service gives whoever asks it the credentials of the node's role. The hop limit keeps pods with a network
of their own away from it, and no pod in the host's network. What tells such a pod from the machine's services is its
control group: the kubelet makes those of all pods, static ones too, below /kubepods.slice (with cgroupfs /kubepods),
while units are below /system.slice. A credential provider is a child of the kubelet, and stays in its group.

No boundary for root: a privileged pod, or one in the host's network with CAP_NET_ADMIN, such as Cilium's agent, can
take the rules away. And one in the host's network with CAP_NET_RAW, which is among a container's capabilities unless
they are dropped, can write whole frames, which pass no chain of output (packet(7)).
"""

from __future__ import annotations

from imagebuilder.configure.tree import Entry, File, Link
from imagebuilder.places import METADATA_RULES, METADATA_UNIT, NFT, UNIT_FOLDER

ADDRESSES = ("169.254.169.254", "fd00:ec2::254")
"""EC2 guide, "Access instance metadata for an EC2 instance"; the second one on instances with IPv6."""
TABLE = "holdfast_metadata"
CHECK = (NFT, "--check", "--file", METADATA_RULES)
"""What an image's build runs when nftables is installed: the kernel is asked for each expression, and keeps nothing."""

_OWN_GROUPS = {
    "system.slice": "units: the node program, the kubelet with its credential providers, containerd, cloud-init",
    "user.slice": "whoever has logged in: holdfast-node status",
    "init.scope": "systemd itself",
}

# Not `destroy`, which came with nftables 1.0.7 and Linux 6.3, while Amazon Linux 2023 has nftables 1.0.4. A table that
# is added can be deleted, whether it was there or not. A file is one transaction: at no moment the table is missing.
_RULES = f"""\
add table inet {TABLE}
delete table inet {TABLE}
table inet {TABLE} {{
    chain output {{
        type filter hook output priority filter; policy accept;
        ip daddr {ADDRESSES[0]} jump own_services
        ip6 daddr {ADDRESSES[1]} jump own_services
    }}
    # Pods with a network of their own, where it is not past netfilter, as Cilium's is.
    chain forward {{
        type filter hook forward priority filter; policy accept;
        ip daddr {ADDRESSES[0]} counter reject
        ip6 daddr {ADDRESSES[1]} counter reject
    }}
    # By the group in which a socket was made. nft finds a group by its folder below /sys/fs/cgroup, and stores its
    # number: one that is made anew matches no more, and nothing else begins to.
    chain own_services {{
@groups@        counter reject
    }}
}}
"""

# Without the table there is neither kubelet nor containerd: their units require this one.
# user.slice has a folder only while it is active, and logind starts it for the first login.
_UNIT = f"""\
[Unit]
Description=Holdfast: instance metadata for the machine's own services only
Requires=user.slice
# One that somebody enables may flush all tables when it starts.
After=user.slice nftables.service
Before=containerd.service kubelet.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={NFT} --file {METADATA_RULES}
# Loads the table anew without a stop, which would stop kubelet and containerd.
ExecReload={NFT} --file {METADATA_RULES}
CapabilityBoundingSet=CAP_NET_ADMIN
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelTunables=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
UMask=0077

[Install]
WantedBy=multi-user.target
"""


def entries() -> dict[str, Entry]:
    """The rules, and the unit, which starts with the machine."""
    return {
        METADATA_RULES: File(rules()),
        f"{UNIT_FOLDER}/{METADATA_UNIT}": File(_UNIT),
        f"{UNIT_FOLDER}/multi-user.target.wants/{METADATA_UNIT}": Link(f"../{METADATA_UNIT}"),
    }


def rules() -> str:
    """The file that nft loads; loading it again replaces the table."""
    groups = [
        f'        # {who}\n        socket cgroupv2 level 1 "{name}" accept\n' for name, who in _OWN_GROUPS.items()
    ]
    return _RULES.replace("@groups@", "".join(groups))
