"""The unit that formats and mounts etcd's own disk, before anything that could write etcd's data."""

from __future__ import annotations

from imagebuilder.configure.tree import Entry, File
from imagebuilder.places import BOOT_UNIT, ETCD_DISK_UNIT, NODE_FILE, NODE_PROGRAM, UNIT_FOLDER

# No WantedBy: boot unit and kubelet ask for it, the one so that it says why there is no disk, the other so that it does
# not start without.
# Whatever gives a unit mounts of its own (ProtectSystem=, PrivateTmp= and the like) would keep the disk to itself. So
# what is left is to take capabilities, sockets and system calls. CAP_SYS_ADMIN mounts and asks NVMe devices who they
# are, CAP_LINUX_IMMUTABLE locks the folder under the mount; the others are for the folder's owner and mode.
_UNIT = f"""\
[Unit]
Description=Holdfast: etcd's own disk
Before={BOOT_UNIT} kubelet.service
ConditionPathExists={NODE_FILE}
# A volume may be attached hours later.
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={NODE_PROGRAM} etcd-disk
Restart=on-failure
RestartSec=15
TimeoutStartSec=600
KillMode=control-group
UMask=0077
RuntimeDirectory=holdfast
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=yes
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_SYS_ADMIN CAP_LINUX_IMMUTABLE CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER
KeyringMode=private
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX
IPAddressDeny=any
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service @mount
SystemCallErrorNumber=EPERM
"""


def entries() -> dict[str, Entry]:
    """The unit alone."""
    return {f"{UNIT_FOLDER}/{ETCD_DISK_UNIT}": File(_UNIT)}
