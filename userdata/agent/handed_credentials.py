"""Hands the cluster-autoscaler of this node the credentials of its role, and has it read them while they are good.

The autoscaler is somebody else's program, and runs on control planes: with the credentials of the metadata service it
would have the authorities' keys. Its SDK (aws-sdk-go-v2, from Kubernetes 1.35 on) reads a file of credentials once,
when the program starts, and there is no service of ours that it could ask again. So the agent tells a program that has
read older ones to end, and the kubelet starts it again (docs/decisions/0019).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from coordination.outcomes import Reading
from userdata.addons.places import AUTOSCALER_CREDENTIALS, AUTOSCALER_UID
from userdata.agent.tasks import Task
from userdata.host.files import File, write
from userdata.host.processes import processes
from userdata.host.role_credentials import SESSION_SECONDS, RoleCredentials
from userdata.kube.unwrap import known

PERIOD_SECONDS = 30.0
RENEW_SECONDS = 2 * SESSION_SECONDS / 3
"""New ones are written at this age: AWS may be away for the last third of an hour."""
_PROGRAM = "cluster-autoscaler"
_FOR_ITS_USER_ALONE = 0o400


class AutoscalerCredentials:
    """Of one node, whose folders are below `root`. `assume` asks AWS for them, `wall` is in seconds since 1970.

    `cluster` is the cluster's uuid, which stands in the arguments of its autoscaler and of no other one.
    """

    def __init__(
        self,
        root: Path,
        cluster: str,
        assume: Callable[[], Reading[RoleCredentials]],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._root = root
        self._file = root / AUTOSCALER_CREDENTIALS.lstrip("/")
        self._cluster = cluster
        self._assume = assume
        self._wall = wall

    def task(self) -> Task:
        """Every agent's, since the autoscaler may run on any control plane."""
        return Task("autoscaler", PERIOD_SECONDS, self.run, leader_only=False)

    def run(self) -> str:
        """Renew them when they are due, and end what has read older ones. Raises StageFailed."""
        said = []
        if not 0 <= self._age() < RENEW_SECONDS:
            content = File(known(self._assume()).file(), _FOR_ITS_USER_ALONE, AUTOSCALER_UID)
            write(self._root, {AUTOSCALER_CREDENTIALS: content})
            said.append("new credentials for the autoscaler")
        for process in _read_older(self._root, self._cluster, self._file.stat().st_mtime):
            # It may have ended meanwhile.
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)
            said.append(f"ended process {process} of the autoscaler, which has older ones")
        return "; ".join(said)

    def _age(self) -> float:
        """Of what is there, in seconds; -1 where nothing is."""
        try:
            return self._wall() - self._file.stat().st_mtime
        except FileNotFoundError:
            return -1


def _read_older(root: Path, cluster: str, written: float) -> Sequence[int]:
    """The processes of this cluster's autoscaler that started before `written`, in seconds since 1970."""
    return [
        each.number
        for each in processes(root, {_PROGRAM})
        if each.user == AUTOSCALER_UID
        and any(cluster in argument for argument in each.arguments)
        and each.started < written
    ]
