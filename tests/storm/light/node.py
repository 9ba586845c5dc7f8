"""The node program on one instance of the light world: the real `boot` and `agent`, with stand-ins at their edges.

Real are the programs' own wiring, decisions, tasks, leases, keys, etcd clients, and everything that they ask AWS. What
stands in: the metadata service (a file), kubeadm (`kubeadm`), systemd and the kubelet (files that `hypervisor` obeys),
containerd (etcd's process is killed), the API servers (one is ready while its etcd has a majority and no fault holds
it, the balancer's name leads to whatever is registered there; it knows no Nodes), CloudWatch Logs. Left out are what
asks the API server: approvals, join tokens, add-ons, rights, and the renewal of certificates.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import userdata.agent.context
import userdata.agent.task_list
import userdata.agent.wiring
import userdata.boot.activation
import userdata.boot.readiness
import userdata.boot.wiring
import userdata.etcd.view
from coordination.outcomes import Done, Known, Reading, Unknown
from tests.storm.light import clock, faulty, pace, traps
from tests.storm.light.kubeadm import Kubeadm, credentials
from tests.storm.light.shared import (
    AGENT_WANTED,
    BAD_TYPE,
    BOOT_ENDED,
    ETCD_PID,
    IDENTITY_FILE,
    KUBELET_WANTED,
    LOCK,
    MANIFEST,
    Places,
)
from userdata.agent.tasks import Task
from userdata.boot.end import End
from userdata.etcd.client import Etcd
from userdata.etcd.model import Status
from userdata.etcd.refusals import EtcdRefused
from userdata.host import files
from userdata.host.commands import Finished
from userdata.host.files import private
from userdata.host.https import Credentials
from userdata.host.instance import InstanceIdentity
from userdata.kube.outcomes import NotFound
from userdata.kubeadm.machine import SystemMachine
from userdata.kubeadm.places import KUBELET_FILE
from userdata.pki.material import Pki

VERSION = "v1.37.0"
_WITHOUT_API = frozenset({"join-token", "add-ons", "certificates"})
_NOT_SERVING = Unknown("the API: connection refused", "ConnectionRefusedError")
_JOINER_CREDENTIALS = "run/holdfast/etcd"


class Instance:
    """One instance: its root, who it is, and what runs on it."""

    def __init__(self, places: Places, instance_id: str) -> None:
        self.places = places
        self.root = places.instances / instance_id
        found = json.loads((self.root / IDENTITY_FILE).read_text())
        self.slot = str(found.pop("slot"))
        self.identity = InstanceIdentity(**found)
        self.kubeadm = Kubeadm(
            self.root, instance_id, self.identity.address, self.api_servers, self.is_bad, self._comes_to
        )

    def _comes_to(self, step: str) -> None:
        traps.spring(self.places, traps.boot_trap(step), self.identity.instance_id, step)

    def is_bad(self) -> bool:
        """Whether joining fails here: of a bad image, or since a fault wants the next boot of the slot to fail."""
        mark = self.root / "run" / "bad"
        trapped = self.places.take(traps.failing_boot(self.slot))
        if trapped is not None:
            self.places.tell("fails", instance=self.identity.instance_id, fault=trapped["fault"])
        if self.identity.instance_type == BAD_TYPE or trapped is not None:
            files.write(self.root, {"/run/bad": private("")})
        return mark.exists()

    def run(
        self,
        command: Sequence[str],
        seconds: float,
        *,
        stdin: str = "",
        ended: Callable[[], bool] = lambda: False,
    ) -> Finished:
        """Instead of programs."""
        if command[0] == "kubectl":
            ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
            return Finished(0, json.dumps(ready)) if self.serves(self.identity.address) else Finished(1, "refused")
        self.places.tell("kubeadm", instance=self.identity.instance_id, command=" ".join(command[:2]))
        done = self.kubeadm.run(tuple(command), seconds, ended)
        self.places.tell(
            "kubeadm-ended", instance=self.identity.instance_id, status=done.status, said=done.output[-200:]
        )
        return done

    def api_servers(self) -> list[str]:
        """The addresses that the balancer reaches, whose API servers answer."""
        return [each for each in self.places.state.targets if self.serves(each)]

    def serves(self, address: str) -> bool:
        """Whether the API server at an address is ready: no fault holds it, and its etcd serves consistent reads."""
        if address in self.places.state.without_api:
            return False
        own = credentials(self.root)
        if not os.path.exists(own.certificate):
            folder = self.root / _JOINER_CREDENTIALS
            own = Credentials(str(folder / "ca.crt"), str(folder / "client.crt"), str(folder / "client.key"))
        health = Etcd(address, own, seconds=3.0).health()
        return isinstance(health, Known) and health.value.healthy


class _Metadata:
    def __init__(self, instance: Instance) -> None:
        self._identity = instance.identity

    def identity(self) -> Reading[InstanceIdentity]:
        return Known(self._identity)


class _Machine(SystemMachine):
    """systemd, the kubelet and containerd, as far as a node program tells them what to do."""

    def __init__(self, instance: Instance) -> None:
        super().__init__(instance.root)
        self._instance = instance

    def kubernetes_version(self) -> str:
        return VERSION

    def start_kubelet(self) -> None:
        files.write(self._root, {f"/{KUBELET_WANTED}": private("")})

    def start(self, unit: str) -> None:
        files.write(self._root, {f"/{AGENT_WANTED}": private("")})

    def stop(self) -> None:
        with locked(self._root):
            (self._root / KUBELET_WANTED).unlink(missing_ok=True)
            pid = running(self._root)
            if pid:
                os.kill(pid, signal.SIGKILL)
                self._instance.places.tell("stopped", instance=self._instance.identity.instance_id)
        while pid and alive(pid):
            clock.sleep_really(0.01)

    def reset(self) -> None:
        self.stop()
        for each in (MANIFEST, KUBELET_FILE.lstrip("/")):
            (self._root / each).unlink(missing_ok=True)


class _Servers:
    """The servers of this node, and the API at the balancer's name."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def etcd(self) -> Reading[Status] | EtcdRefused:
        return self._instance.kubeadm.own.status()

    def api(self) -> Done | Unknown:
        return Done() if self._instance.serves(self._instance.identity.address) else _NOT_SERVING

    def endpoint(self, pki: Pki) -> Done | Unknown:
        return Done() if self._instance.api_servers() else _NOT_SERVING


class _Api:
    """An API server that knows no Nodes and no Pods."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def get(self, *_: object) -> object:
        return NotFound("there is no such object")

    def list(self, *_: object, **__: object) -> object:
        return Known(())


class _Nowhere:
    """CloudWatch Logs that nobody reads."""

    def __init__(self, *_: object) -> None:
        pass

    def write(self, line: str) -> None:
        pass

    def close(self, seconds: float) -> int:
        return 0


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """While it lasts, nobody else starts or stops this instance's etcd."""
    (root / "run").mkdir(exist_ok=True)
    with (root / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def running(root: Path) -> int:
    """The process id of the instance's etcd, 0 for none."""
    try:
        pid = int((root / ETCD_PID).read_text())
    except (FileNotFoundError, ValueError):
        return 0
    return pid if alive(pid) else 0


def alive(pid: int) -> bool:
    """Whether a process runs, or is stopped; one that has ended and was not waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def boot(places: Places, instance_id: str) -> None:
    """Boot an instance, as holdfast-boot.service does."""
    instance = Instance(places, instance_id)
    _prepare(instance)
    wiring: Any = userdata.boot.wiring
    wiring.Metadata = lambda: _Metadata(instance)
    wiring.SystemMachine = lambda root: _Machine(instance)
    wiring.NodeServers = lambda *_: _Servers(instance)
    wiring.run = instance.run
    wiring.Api = _Api
    wiring.Mirror = _Nowhere
    wiring.join_tokens = lambda *_: SimpleNamespace(run=lambda: "there are no workers here")
    activation: Any = userdata.boot.activation
    activation.Activation._give_rights = lambda self, told: None
    activation.Activation._install_addons = lambda self, told: None
    traps.watch_boot(places, instance.identity.instance_id)
    end = wiring.boot(instance.root)
    if end is not End.FAILED:
        # systemd starts a boot that failed once more, and none that ended.
        files.write(instance.root, {f"/{BOOT_ENDED}": private(end.value)})
    places.tell("boot-ended", instance=instance_id, end=end.value)


def agent(places: Places, instance_id: str) -> None:
    """Run the agent of an instance, as holdfast-agent.service does."""
    instance = Instance(places, instance_id)
    _prepare(instance)
    context: Any = userdata.agent.context
    context.Metadata = lambda: _Metadata(instance)
    context.SystemMachine = lambda root: _Machine(instance)
    context.Api = _Api
    task_list: Any = userdata.agent.task_list
    task_list.SystemMachine = lambda root: _Machine(instance)
    task_list.Api = _Api
    task_list.certificate_renewal.found = lambda root: ()
    wiring: Any = userdata.agent.wiring
    wiring.Mirror = _Nowhere
    _replace_tasks(wiring)
    traps.watch_agent(places, instance_id)
    code = wiring.agent(instance.root)
    places.tell("agent-ended", instance=instance_id, code=code)


def _replace_tasks(wiring: Any) -> None:
    """Leave out the tasks that ask the API server, and give the others the periods of `pace`."""

    def chosen(made: Sequence[Task]) -> list[Task]:
        return [
            replace(task, period_seconds=pace.PERIODS.get(task.name, task.period_seconds))
            for task in made
            if task.name not in _WITHOUT_API
        ]

    tasks, departures = wiring.tasks, wiring.departures
    wiring.tasks = lambda *given: chosen(tasks(*given))
    wiring.departures = lambda *given: chosen(departures(*given))
    wiring.approvals = lambda *_: ()
    wiring.renewal = lambda *_: Task("no certificates", 3600.0, lambda: "", leader_only=False)


def _prepare(instance: Instance) -> None:
    """What every program of an instance has."""
    faulty.install(instance.places, instance.identity.instance_id, instance.identity.address)
    own = credentials(instance.root)
    modules: tuple[Any, ...] = (userdata.etcd.view, userdata.boot.readiness, userdata.agent.task_list)
    for module in modules:
        module.NODE_CREDENTIALS = own
