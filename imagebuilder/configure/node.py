"""The node program's three units: one makes the machine a node, one keeps it one, one ships what it writes."""

from __future__ import annotations

from pathlib import Path

from imagebuilder.configure.tree import Entry, File, Link
from imagebuilder.places import (
    AGENT_UNIT,
    BOOT_UNIT,
    ETCD_DISK_UNIT,
    LOGS_UNIT,
    NODE_FILE,
    NODE_PROGRAM,
    PROGRAM_FOLDER,
    UNIT_FOLDER,
)

FLUSH_SECONDS = 15
"""How long logs are shipped while the machine goes down, as the program has it (userdata.shipping.running)."""
# What neither the agent nor the shipping of logs needs.
_FENCE = """\
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateMounts=yes
DevicePolicy=closed
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
KeyringMode=private
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
"""

# Type=exec: a boot takes minutes, and whoever starts it does not wait. In an instance's first boot the node file is not
# there yet, and the unit does nothing until user data starts it by its name. User data does not run again after a
# reboot; then the unit starts by itself.
_BOOT = f"""\
[Unit]
Description=Holdfast: found or join the cluster
Wants=network-online.target containerd.service {LOGS_UNIT} {ETCD_DISK_UNIT}
After=network-online.target containerd.service chronyd.service {ETCD_DISK_UNIT}
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
# What kubeadm writes is root's alone.
UMask=0077
LogsDirectory=holdfast
LogsDirectoryMode=0750
RuntimeDirectory=holdfast
RuntimeDirectoryMode=0700
# The agent's files are there, too.
RuntimeDirectoryPreserve=yes
# kubeadm runs here, which writes wherever it likes and unmounts what pods have left, so this takes away only what it
# has no use for. What is mounted here is not mounted for the machine.
CapabilityBoundingSet=~CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_BOOT CAP_SYS_TIME CAP_SYS_PACCT CAP_SYS_TTY_CONFIG CAP_MKNOD
CapabilityBoundingSet=~CAP_SYSLOG CAP_AUDIT_CONTROL CAP_AUDIT_READ CAP_AUDIT_WRITE CAP_MAC_ADMIN CAP_MAC_OVERRIDE
CapabilityBoundingSet=~CAP_BPF CAP_PERFMON CAP_CHECKPOINT_RESTORE CAP_BLOCK_SUSPEND CAP_WAKE_ALARM CAP_LEASE
CapabilityBoundingSet=~CAP_LINUX_IMMUTABLE CAP_IPC_LOCK CAP_IPC_OWNER CAP_NET_RAW CAP_NET_BROADCAST CAP_SETFCAP
ProtectHome=yes
PrivateTmp=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
LockPersonality=yes
KeyringMode=private
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
"""

# Not enabled: the boot program starts it when the machine is a node.
# The capabilities are those over files of others and over processes; root needs none for its own. Processes are not
# hidden from it: it sees by them when static pods have started.
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
UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL
ProtectSystem=strict
ReadWritePaths=-/etc/kubernetes -/etc/holdfast -/var/lib/kubelet
{_FENCE}"""

# Not enabled: it starts with the boot program, once there is a node file. It starts before what it ships, and so it
# stops after that, and before the network does: its last seconds are for the last lines.
# Files of root are read without any capability. It may be slow, for nobody waits for it.
_LOGS = f"""\
[Unit]
Description=Holdfast: ship this node's logs
Wants=network-online.target
After=network-online.target
Before={BOOT_UNIT} {AGENT_UNIT} containerd.service kubelet.service
ConditionPathExists={NODE_FILE}
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={NODE_PROGRAM} logs
Restart=always
RestartSec=5
# The program flushes for {FLUSH_SECONDS} s at most. Its journalctl is not told to end: it still has lines to print.
TimeoutStopSec={FLUSH_SECONDS + 10}
KillMode=mixed
MemoryMax=256M
CPUWeight=20
IOWeight=20
LogsDirectory=holdfast
LogsDirectoryMode=0750
RuntimeDirectory=holdfast
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=yes
StateDirectory=holdfast
StateDirectoryMode=0700
UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
{_FENCE}"""


def entries() -> dict[str, Entry]:
    """The boot program starts with the machine, the agent with the boot program, the shipping of logs before it."""
    return {
        f"{UNIT_FOLDER}/{BOOT_UNIT}": File(_BOOT),
        f"{UNIT_FOLDER}/multi-user.target.wants/{BOOT_UNIT}": Link(f"../{BOOT_UNIT}"),
        f"{UNIT_FOLDER}/{AGENT_UNIT}": File(_AGENT),
        f"{UNIT_FOLDER}/{LOGS_UNIT}": File(_LOGS),
        # For people in a shell: `holdfast-node status`.
        f"{PROGRAM_FOLDER}/{Path(NODE_PROGRAM).name}": Link(NODE_PROGRAM),
    }
