"""What a node's program does to its own machine: kubelet, etcd and the other static pods, kubeadm."""

from __future__ import annotations

import time
from pathlib import Path

from userdata.host.commands import Finished, run
from userdata.kubeadm.places import BOOTSTRAP_FILE, KUBELET_FILE
from userdata.logs.lines import StageFailed

_UNIT = "kubelet.service"
_SYSTEMCTL_SECONDS = 120
_POWER_OFF_SECONDS = 10
_CTR_SECONDS = 60
_RESET_SECONDS = 180
# Of what kubeadm makes, what a join that did not end has left.
_LEFT_BEHIND = ("/etc/kubernetes/manifests", KUBELET_FILE, BOOTSTRAP_FILE)

_NAMESPACE = ("ctr", "--namespace", "k8s.io")


class SystemMachine:
    """The machine whose files are below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def kubernetes_version(self) -> str:
        """The version of the image's kubeadm, as `v1.37.2`. Raises StageFailed."""
        return self._needed(("kubeadm", "version", "-o", "short"), _CTR_SECONDS).strip()

    def start_kubelet(self) -> None:
        """Start the kubelet, and with it the static pods whose manifests are there. Raises StageFailed."""
        self._needed(("systemctl", "start", _UNIT), _SYSTEMCTL_SECONDS)

    def start(self, unit: str) -> None:
        """Start another unit of the image. Raises StageFailed."""
        self._needed(("systemctl", "start", "--no-block", unit), _SYSTEMCTL_SECONDS)

    def power_off(self) -> None:
        """Shut the machine down, once there was time to send what this program has logged. Raises StageFailed."""
        later = f"--on-active={_POWER_OFF_SECONDS}"
        self._needed(("systemd-run", "--quiet", "--collect", later, "systemctl", "poweroff"), _SYSTEMCTL_SECONDS)

    def stop(self) -> None:
        """Stop the kubelet, then every container, etcd among them. Nothing is removed. Raises StageFailed."""
        self._needed(("systemctl", "stop", _UNIT), _SYSTEMCTL_SECONDS)
        # A task may end between being listed and being killed; what is still listed in the end was not stopped.
        for _ in range(3):
            tasks = self._tasks()
            if not tasks:
                return
            for task in tasks:
                run((*_NAMESPACE, "tasks", "kill", "--all", "--signal", "SIGKILL", task), _CTR_SECONDS)
            time.sleep(0.5)
            for task in tasks:
                run((*_NAMESPACE, "tasks", "delete", "--force", task), _CTR_SECONDS)
        if left := self._tasks():
            raise StageFailed(f"{len(left)} containers do not stop")

    def is_clean(self) -> bool:
        """Whether no kubeadm has begun anything here."""
        for each in _LEFT_BEHIND:
            path = self._root / each.lstrip("/")
            if path.is_file() or (path.is_dir() and any(path.iterdir())):
                return False
        return True

    def reset(self) -> None:
        """Undo what kubeadm did on this machine, but for etcd's data and its membership. Raises StageFailed."""
        self._needed(("kubeadm", "reset", "--force", "--skip-phases=remove-etcd-member"), _RESET_SECONDS)
        # kubeadm stops the pods that containerd knows, and leaves what it could not stop.
        self.stop()

    def _tasks(self) -> list[str]:
        """The names of what containerd runs. Raises StageFailed."""
        lines = self._needed((*_NAMESPACE, "tasks", "list", "--quiet"), _CTR_SECONDS).splitlines()
        # ctr may warn, too, as of version 1 of control groups: a name is a line without blanks.
        return [line for line in lines if line and " " not in line]

    def _needed(self, command: tuple[str, ...], seconds: float) -> str:
        done = run(command, seconds)
        if not done.succeeded:
            raise StageFailed(f"{' '.join(command[:3])}: {_last(done)}")
        return done.output


def _last(done: Finished) -> str:
    lines = [line.strip() for line in done.output.splitlines() if line.strip()]
    return lines[-1][:200] if lines else f"it ended with {done.status}"
