"""The shim between this computer and "the AMI": what of the base system is hidden, and what stands in for Amazon Linux.

An instance's root is an overlay of its own disk over three layers: `shim`, the parts of the operating system that an
image does not bring; the image's own layer; and `base`, this computer's root file system with a mask over what is its
own.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from rehearsal.machines.instance import syscalls
from rehearsal.machines.instance.plan import overlay_path

SHIM = Path(__file__).with_suffix("")
"""The files that are copied into the layer as they are."""
HIDDEN_FOLDERS = (
    # this computer's services and settings of its kernel
    "etc/systemd",
    "etc/sysctl.d",
    "usr/lib/sysctl.d",
    "usr/local/lib/sysctl.d",
    "etc/cron.d",
    # container engines and clusters that run here
    "etc/cni",
    "etc/containerd",
    "etc/docker",
    "etc/kubernetes",
    "opt/cni",
    "var/lib/cni",
    "var/lib/containerd",
    "var/lib/docker",
    "var/lib/etcd",
    "var/lib/kubelet",
    # what machines of a cloud remember, and logs
    "var/lib/cloud",
    "var/log",
    # who works here
    "root/.aws",
    "root/.cache",
    "root/.config",
    "root/.docker",
    "root/.kube",
    "root/.ssh",
)
HIDDEN_FILES = ("etc/sysctl.conf", "etc/crictl.yaml", "root/.netrc")
BASE_UNITS = (
    # the way up
    "sysinit.target",
    "local-fs-pre.target",
    "local-fs.target",
    "swap.target",
    "slices.target",
    "sockets.target",
    "paths.target",
    "timers.target",
    "basic.target",
    "network-pre.target",
    "network.target",
    "network-online.target",
    "nss-lookup.target",
    "remote-fs-pre.target",
    "remote-fs.target",
    "time-set.target",
    "time-sync.target",
    "multi-user.target",
    # the way down
    "shutdown.target",
    "umount.target",
    "final.target",
    "poweroff.target",
    "reboot.target",
    "halt.target",
    "systemd-poweroff.service",
    "systemd-reboot.service",
    "systemd-halt.service",
    # services
    "systemd-journald.service",
    "systemd-journald.socket",
    "systemd-journald-dev-log.socket",
    "systemd-sysctl.service",
)
"""Units of the base's systemd that an instance has; all others of the base stay out of sight."""
WANTED = {
    "sysinit.target": ("systemd-journald.service", "systemd-sysctl.service"),
    "sockets.target": ("systemd-journald.socket", "systemd-journald-dev-log.socket"),
    "multi-user.target": ("cloud-init.target",),
    "cloud-init.target": ("cloud-final.service",),
}
"""What each target starts, beside what the image's own units ask for."""
_UNITS = "etc/systemd/system"
_OPAQUE = "trusted.overlay.opaque"


@dataclass(frozen=True)
class Layers:
    """The two layers, shared by all instances of a local cloud."""

    shim: Path
    base: Path
    """This computer's files with the mask over them. An overlay of its own: the kernel refuses layers inside each
    other, and an image's layer is a folder of this computer."""

    @classmethod
    def make(cls, folder: Path, label: str) -> Layers:
        """Make them below a folder; `label` is the name that their mounts carry."""
        folder.mkdir()
        # In memory for the same reason: the mask would lie inside the base.
        syscalls.mount(label, str(folder), "tmpfs", data="mode=755")
        shim, mask, base = folder / "shim", folder / "mask", folder / "base"
        _make_shim(shim)
        _make_mask(mask)
        base.mkdir()
        syscalls.mount(label, str(base), "overlay", syscalls.MS_RDONLY, f"lowerdir={overlay_path(mask)}:/")
        return cls(shim, base)

    def remove(self) -> None:
        """Remove them, once no instance runs."""
        for path in (self.base, self.base.parent):
            if os.path.ismount(path):
                syscalls.unmount(str(path), syscalls.MNT_DETACH)


def _make_shim(layer: Path) -> None:
    shutil.copytree(SHIM, layer)
    units = layer / _UNITS
    for name in BASE_UNITS:
        (units / name).symlink_to(f"/lib/systemd/system/{name}")
    for target, names in WANTED.items():
        wants = units / f"{target}.wants"
        wants.mkdir()
        for name in names:
            (wants / name).symlink_to(f"../{name}")


def _make_mask(layer: Path) -> None:
    layer.mkdir()
    for name in HIDDEN_FOLDERS:
        (layer / name).mkdir(parents=True)
        os.setxattr(layer / name, _OPAQUE, b"y")
    # An overlay shows the attributes of the uppermost folder.
    (layer / "root").chmod(0o700)
    for name in HIDDEN_FILES:
        # An overlay takes a device with the number 0 for "there is no such file".
        os.mknod(layer / name, 0o600 | 0o020000, os.makedev(0, 0))
