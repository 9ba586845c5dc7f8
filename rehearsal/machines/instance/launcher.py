"""The program that becomes an instance: `python -m rehearsal.machines.instance.launcher BOOT`.

It makes the namespaces, mounts the root, starts systemd in it, prints systemd's process id, and stays to keep the
console and to end as systemd ends. It is owned by the thread that started it: when that ends, so does the instance.
"""

from __future__ import annotations

import os
import pty
import select
import signal
import socket
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from rehearsal.machines.instance import syscalls
from rehearsal.machines.instance.plan import Boot
from rehearsal.machines.instance.syscalls import (
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    MS_SHARED,
)
from rehearsal.machines.instance.volumes import Node

SYSTEMD = "/lib/systemd/systemd"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
UNIT_PATH = "/etc/systemd/system:/run/systemd/system"
"""Where units come from: not from the base system's own folder, whose services belong to this computer."""
CONSOLE_LIMIT_BYTES = 8 * 1024 * 1024
"""A console file that grows to this size begins anew; the old one stays beside it, so at most two are kept."""
DEVICES = {
    "null": (0o666, 1, 3),
    "zero": (0o666, 1, 5),
    "full": (0o666, 1, 7),
    "random": (0o666, 1, 8),
    "urandom": (0o666, 1, 9),
    "tty": (0o666, 5, 0),
    "kmsg": (0o644, 1, 11),
    "fuse": (0o666, 10, 229),
    "net/tun": (0o666, 10, 200),
}
"""Mode, major and minor number of what an instance finds in /dev (Documentation/admin-guide/devices.txt)."""


def main(arguments: Sequence[str]) -> int:
    """Boot and wait. Ends as systemd ends: by SIGHUP for a reboot, by SIGINT for a power-off (reboot(2))."""
    boot = Boot.from_json(arguments[0])
    syscalls.die_with_parent()
    _join(boot.joining)
    # The others are the child's alone: this process goes on seeing the computer as it is.
    syscalls.unshare(syscalls.CLONE_NEWPID)
    screen, terminal = pty.openpty()
    # Closed by exec: what arrives before is why systemd could not be started.
    failure, failing = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        os.close(screen)
        try:
            _become_systemd(boot, terminal)
        except BaseException as error:
            os.write(failing, f"{type(error).__name__}: {error}".encode())
        os._exit(1)
    _join(boot.supervising)
    os.close(failing)
    # The terminal stays open here: without any reader of its other side a screen is at its end.
    message = os.read(failure, 4096)
    if message:
        print(message.decode(), file=sys.stderr)
        return 1
    print(pid, flush=True)
    return _end_like(_keep_console(pid, screen, Path(boot.console)))


def _join(groups: Sequence[str]) -> None:
    for file in groups:
        Path(file).write_text("0", encoding="ascii")


def _keep_console(pid: int, screen: int, file: Path) -> int:
    """Copy the console to its file until the process ends; returns its wait status."""
    ended = os.pidfd_open(pid)
    size = file.stat().st_size if file.exists() else 0
    copy = file.open("ab", buffering=0)
    while True:
        ready, _, _ = select.select([screen, ended], [], [])
        if screen not in ready:
            return os.waitpid(pid, 0)[1]
        size += copy.write(os.read(screen, 65536)) or 0
        if size > CONSOLE_LIMIT_BYTES:
            copy.close()
            file.replace(file.with_suffix(".old.log"))
            copy, size = file.open("ab", buffering=0), 0


def _end_like(status: int) -> int:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        signal.signal(number, signal.SIG_DFL) if number != signal.SIGKILL else None
        os.kill(os.getpid(), number)
    return os.waitstatus_to_exitcode(status)


def _become_systemd(boot: Boot, terminal: int) -> None:
    syscalls.die_with_parent()
    # The kernel knows a reboot by its signal; Python's own handling of SIGINT would be inherited.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.setsid()
    syscalls.enter(boot.network, syscalls.CLONE_NEWNET)
    syscalls.unshare(syscalls.CLONE_NEWNS | syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWCGROUP)
    socket.sethostname(boot.hostname)
    syscalls.mount("", "/", flags=MS_REC | MS_PRIVATE)
    root = f"{boot.disk}/root"
    syscalls.mount("overlay", root, "overlay", data=boot.overlay_options())
    _mount_kernel(boot, root)
    _make_devices(root, os.ttyname(terminal))
    _make_disks(root, boot.devices)
    for here, there in boot.folders:
        os.makedirs(f"{root}/{there}", exist_ok=True)
        syscalls.mount(here, f"{root}/{there}", flags=MS_BIND)
    os.chdir(root)
    # With both names the same the old root lies over the new one, and is the one that is taken away (pivot_root(2)).
    syscalls.pivot_root(".", ".")
    syscalls.unmount(".", syscalls.MNT_DETACH)
    os.chdir("/")
    syscalls.mount("", "/", flags=MS_REC | MS_SHARED)
    for descriptor in (0, 1, 2):
        os.dup2(terminal, descriptor)
    environment = {
        "PATH": PATH,
        "container": "holdfast",
        "SYSTEMD_UNIT_PATH": UNIT_PATH,
        # Generators would make units of this computer's fstab and terminals.
        "SYSTEMD_GENERATOR_PATH": "/etc/systemd/system-generators",
        "SYSTEMD_ENVIRONMENT_GENERATOR_PATH": "/etc/systemd/system-environment-generators",
        "SYSTEMD_COLORS": "0",
    }
    os.execve(
        SYSTEMD, ["/sbin/init", "--unit=multi-user.target", "--log-target=journal", "--show-status=yes"], environment
    )


def _mount_kernel(boot: Boot, root: str) -> None:
    """The kernel's own file systems, as systemd expects them."""
    plain = MS_NOSUID | MS_NODEV | MS_NOEXEC
    syscalls.mount("proc", f"{root}/proc", "proc", plain)
    # Settings of the whole kernel are this computer's; those of the network are the instance's own.
    syscalls.mount(f"{root}/proc/sys", f"{root}/proc/sys", flags=MS_BIND)
    syscalls.mount(f"{root}/proc/sys/net", f"{root}/proc/sys/net", flags=MS_BIND)
    syscalls.mount("", f"{root}/proc/sys", flags=MS_BIND | MS_REMOUNT | MS_RDONLY | plain)
    syscalls.mount("sysfs", f"{root}/sys", "sysfs", plain)
    # Of the instance's own, where Cilium keeps maps and programs. systemd mounts it, but not in a container.
    syscalls.mount("bpf", f"{root}/sys/fs/bpf", "bpf", plain, "mode=700")
    if all(each.kind == "cgroup2" for each in boot.cgroup_mounts):
        # Only version 2; not proven: the computers that this ran on had the hybrid.
        syscalls.mount("cgroup2", f"{root}/sys/fs/cgroup", "cgroup2", plain)
    else:
        syscalls.mount("tmpfs", f"{root}/sys/fs/cgroup", "tmpfs", plain, "mode=755")
        for tree in boot.cgroup_mounts:
            os.makedirs(f"{root}/sys/fs/cgroup/{tree.path}")
            syscalls.mount(tree.kind, f"{root}/sys/fs/cgroup/{tree.path}", tree.kind, plain, tree.options)
    syscalls.mount("tmpfs", f"{root}/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    os.makedirs(f"{root}/run/lock")
    syscalls.mount("tmpfs", f"{root}/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")


def _make_devices(root: str, terminal: str) -> None:
    """A /dev of the instance's own: this computer's disks are not in it."""
    syscalls.mount("tmpfs", f"{root}/dev", "tmpfs", MS_NOSUID, "mode=755")
    os.umask(0)
    for folder in ("net", "pts", "shm", "mqueue"):
        os.mkdir(f"{root}/dev/{folder}", 0o755)
    for name, (mode, major, minor) in DEVICES.items():
        os.mknod(f"{root}/dev/{name}", mode | stat.S_IFCHR, os.makedev(major, minor))
    os.umask(0o022)
    options = "newinstance,ptmxmode=0666,mode=0620,gid=5"
    syscalls.mount("devpts", f"{root}/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, options)
    syscalls.mount("tmpfs", f"{root}/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    syscalls.mount("mqueue", f"{root}/dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    links = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
    for name, target in links.items():
        os.symlink(target, f"{root}/dev/{name}")
    Path(f"{root}/dev/console").touch(0o600)
    syscalls.mount(terminal, f"{root}/dev/console", flags=MS_BIND)


def _make_disks(root: str, devices: Sequence[Node]) -> None:
    """The volumes as an instance of Xen has them: named xvd…, with the links that Amazon Linux's udev makes."""
    for each in devices:
        os.mknod(f"{root}/dev/{each.name}", 0o660 | stat.S_IFBLK, os.makedev(each.major, each.minor))
        os.symlink(each.name, f"{root}/dev/sd{each.name.removeprefix('xvd')}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
