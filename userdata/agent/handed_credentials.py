"""Hands an add-on on this node the credentials of its role, and has it read them while they are good.

Such an add-on is somebody else's program, and runs on control planes: with the credentials of the metadata service it
would have the authorities' keys. Its SDK (aws-sdk-go-v2) reads a file of credentials once, when the program starts, and
there is no service of ours that it could ask again. So the agent tells a program that has read older ones to end, and
the kubelet starts it again (docs/decisions/0019).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from coordination.outcomes import Reading
from userdata.addons.places import Recipient
from userdata.agent.tasks import Task
from userdata.host.files import owned, write
from userdata.host.processes import processes
from userdata.host.role_credentials import SESSION_SECONDS, RoleCredentials
from userdata.kube.unwrap import known

PERIOD_SECONDS = 30.0
RENEW_SECONDS = 2 * SESSION_SECONDS / 3
"""New ones are written at this age: AWS may be away for the last third of an hour."""


class HandedCredentials:
    """Of one recipient on one node, whose folders are below `root`. `wall` is in seconds since 1970.

    `role` is the ARN of its role, empty where the cluster does not have the add-on, and raises StageFailed; `assume`
    asks AWS for the role's credentials. `cluster` is the cluster's uuid, which stands in the arguments of its programs
    and of no other cluster's.
    """

    def __init__(
        self,
        root: Path,
        cluster: str,
        recipient: Recipient,
        role: Callable[[], str],
        assume: Callable[[str], Reading[RoleCredentials]],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._root = root
        self._file = root / recipient.file.lstrip("/")
        self._cluster = cluster
        self._recipient = recipient
        self._role = role
        self._assume = assume
        self._wall = wall

    def task(self) -> Task:
        """Every agent's, since the add-on may run on any control plane."""
        return Task(self._recipient.name, PERIOD_SECONDS, self.run, leader_only=False)

    def run(self) -> str:
        """Renew them when they are due, and end what has read older ones. Raises StageFailed."""
        spoken = self._recipient.spoken
        said = []
        if not 0 <= self._age() < RENEW_SECONDS:
            role = self._role()
            if not role:
                return ""
            content = owned(known(self._assume(role)).file(), self._recipient.user)
            write(self._root, {self._recipient.file: content})
            said.append(f"new credentials for {spoken}")
        for process in self._read_older(self._file.stat().st_mtime):
            # It may have ended meanwhile.
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)
            said.append(f"ended process {process} of {spoken}, which has older ones")
        return "; ".join(said)

    def _age(self) -> float:
        """Of what is there, in seconds; -1 where nothing is."""
        try:
            return self._wall() - self._file.stat().st_mtime
        except FileNotFoundError:
            return -1

    def _read_older(self, written: float) -> Sequence[int]:
        """The recipient's processes in this cluster that started before `written`, in seconds since 1970."""
        return [
            each.number
            for each in processes(self._root, {self._recipient.program})
            if each.user == self._recipient.user
            and any(self._cluster in argument for argument in each.arguments)
            and each.started < written
        ]
