"""The node program's two units: one makes the machine a node, the other keeps it one."""

from __future__ import annotations

from pathlib import Path

from imagebuilder.configure.tree import Entry, File, Link
from imagebuilder.places import AGENT_UNIT, BOOT_UNIT, NODE_FILE, NODE_PROGRAM, PROGRAM_FOLDER, UNIT_FOLDER

# Type=exec: a boot takes minutes, and whoever starts it does not wait. In an instance's first boot the node file is not
# there yet, and the unit does nothing until user data starts it by its name. User data does not run again after a
# reboot; then the unit starts by itself.
_BOOT = f"""\
[Unit]
Description=Holdfast: found or join the cluster
Wants=network-online.target containerd.service
After=network-online.target containerd.service chronyd.service
ConditionPathExists={NODE_FILE}
# A cluster that cannot be joined for hours is no reason to give up.
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={NODE_PROGRAM} boot
Restart=on-failure
RestartSec=10
# It abandoned its launch: Auto Scaling launches a replacement instance.
RestartPreventExitStatus=3
# With the program end those that it waits for, such as kubeadm. kubelet and containerd are units of their own.
KillMode=control-group
TimeoutStopSec=20
LogsDirectory=holdfast
LogsDirectoryMode=0750
RuntimeDirectory=holdfast
RuntimeDirectoryMode=0700
# The agent's files are there, too.
RuntimeDirectoryPreserve=yes

[Install]
WantedBy=multi-user.target
"""

# Not enabled: the boot program starts it when the machine is a node.
# The capabilities are those over files of others and over processes; root needs none for its own.
_AGENT = f"""\
[Unit]
Description=Holdfast: keep this node and its cluster healthy
Wants=network-online.target
After=network-online.target
ConditionPathExists={NODE_FILE}
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={NODE_PROGRAM} agent
Restart=always
RestartSec=5
# It tells systemd that it is alive; one that hangs is started again. Stopping every container may take minutes.
WatchdogSec=300
TimeoutStartSec=120
TimeoutStopSec=20
KillMode=control-group
# The agent takes 75 MiB; kubeadm and kubectl, which it runs, come on top.
MemoryMax=320M
LogsDirectory=holdfast
LogsDirectoryMode=0750
RuntimeDirectory=holdfast
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=yes
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL
ProtectSystem=strict
ReadWritePaths=-/etc/kubernetes -/etc/holdfast -/var/lib/kubelet
ProtectHome=yes
PrivateTmp=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
"""


def entries() -> dict[str, Entry]:
    """The boot program starts with the machine, the agent with the boot program."""
    return {
        f"{UNIT_FOLDER}/{BOOT_UNIT}": File(_BOOT),
        f"{UNIT_FOLDER}/multi-user.target.wants/{BOOT_UNIT}": Link(f"../{BOOT_UNIT}"),
        f"{UNIT_FOLDER}/{AGENT_UNIT}": File(_AGENT),
        # For people in a shell: `holdfast-node status`.
        f"{PROGRAM_FOLDER}/{Path(NODE_PROGRAM).name}": Link(NODE_PROGRAM),
    }
