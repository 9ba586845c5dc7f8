"""The light world as a world of the storm: clusters are made and looked at, faults begin and end."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from tests.integration.harness import Processes
from tests.programs import program
from tests.storm import clients
from tests.storm.clients import Load
from tests.storm.faults import Fault, Kind
from tests.storm.light import clock, settling
from tests.storm.light.account import Account, ClusterStack
from tests.storm.light.breaks import SWITCH
from tests.storm.light.caller import Caller
from tests.storm.light.faults import Faults
from tests.storm.light.hypervisor import Hypervisor, Relay
from tests.storm.light.kubeadm import credentials
from tests.storm.light.monitor import Monitor
from tests.storm.light.nursery import Nursery
from tests.storm.light.person import Person
from tests.storm.light.shared import Places, State
from tests.storm.light.watcher import Watcher
from tests.storm.recorder import Recorder
from tests.storm.trace import Event, Helped, Life
from tests.storm.world import WorldBroke
from userdata.host.https import Credentials

_FOUND_SECONDS = 300.0
_LOOK_SECONDS = 0.2


@contextmanager
def _of_the_world() -> Iterator[None]:
    """What the local AWS does not answer to the storm itself is the world's trouble. Raises WorldBroke."""
    try:
        yield
    except (BotoCoreError, ClientError, RuntimeError) as error:
        raise WorldBroke(f"the local AWS: {type(error).__name__}: {error}") from error


class _Closing(Protocol):
    def close(self) -> object: ...


Started = TypeVar("Started", bound=_Closing)


class LightWorld:
    """Processes below the folder `base`, which has to be empty, or not to exist. `wrong` are rules of `breaks`.

    Where `sizes_go_back`, an update puts a slot's desired capacity back to what its template says: its MinSize.
    """

    kinds = tuple(Kind)

    def __init__(self, base: Path, wrong: Sequence[str] = (), *, sizes_go_back: bool = False) -> None:
        self._cluster: ClusterStack | None = None
        self._places = Places(base)
        self._places.write_state(State())
        etcd = program("etcd")
        self._ends = ExitStack()
        try:
            self._start(etcd, wrong, ["--sizes-go-back"] if sizes_go_back else [])
        except BaseException:
            self._ends.close()
            raise

    def _start(self, etcd: Path, wrong: Sequence[str], options: Sequence[str]) -> None:
        """Start everything; what has started is ended in the opposite order."""
        places = self._places
        processes = Processes(places.logs)
        self._ends.callback(processes.stop)
        endpoint = processes.start_aws(clock.SPEED, *options)
        nursery = self._ending(Nursery(places.base, endpoint, time.time(), clock.real(), wrong))
        pipe = places.base / "function"
        os.mkfifo(pipe)
        self._account = Account(endpoint)
        relay = self._ending(Relay(places, sys.executable))
        self._caller = self._ending(
            Caller(
                pipe,
                lambda: nursery.start("function", pipe=str(pipe), log="function.log"),
                lambda: self._cluster,
            )
        )
        self._hypervisor = self._ending(Hypervisor(places, nursery, relay, etcd, self._lives))
        self._watcher = self._ending(Watcher(places, self._hypervisor, self._caller, lambda: self._cluster))
        self._faults = Faults(self)
        self._monitor = self._ending(Monitor(places, self._members, self._faults.told))
        self._ends.callback(self._faults.end)

    def _ending(self, started: Started) -> Started:
        self._ends.callback(started.close)
        return started

    # what faults and settling work with

    @property
    def cluster(self) -> ClusterStack:
        """The one that stands. Raises WorldBroke."""
        if self._cluster is None:
            raise WorldBroke("there is no cluster yet")
        return self._cluster

    @property
    def places(self) -> Places:
        """The folders."""
        return self._places

    @property
    def hypervisor(self) -> Hypervisor:
        """The computers."""
        return self._hypervisor

    @property
    def caller(self) -> Caller:
        """Of the function."""
        return self._caller

    @property
    def watcher(self) -> Watcher:
        """Of the local AWS."""
        return self._watcher

    @property
    def monitor(self) -> Monitor:
        """Of etcd and programs."""
        return self._monitor

    # a world of the storm

    def found(self, slots: int) -> None:
        """Make a new cluster, in place of the one before."""
        with _of_the_world():
            self._end_cluster()
            made = self._account.make_cluster(slots)
        self._watcher.forget()
        self._monitor.forget()
        self._cluster = made
        self._person = Person(made, self._faults.ended)
        waited, before = 0.0, clock.real()
        while left := self.left():
            now = clock.real()
            # As in settling: what the computer had no time for does not count.
            waited, before = waited + min(now - before, 2 * _LOOK_SECONDS), now
            if waited > _FOUND_SECONDS:
                raise WorldBroke(f"a new cluster of {slots} slots does not come up: {'; '.join(left)}")
            self.help()
            clock.sleep_really(_LOOK_SECONDS)

    def begin(self) -> None:
        """Begin a round's trace."""
        (self._places.base / SWITCH).touch()
        self._monitor.begin()

    def clients(self, load: Load, recorder: Recorder) -> AbstractContextManager[object]:
        """Clients that ask the members that etcd lists."""
        return clients.calling(load, self._endpoints, self.client_credentials(), recorder)

    def inject(self, fault: Fault) -> str:
        """Let a fault begin."""
        with _of_the_world():
            return self._faults.inject(fault)

    def end_faults(self) -> None:
        """Take back what faults have left."""
        with _of_the_world():
            self._faults.end()

    def left(self) -> Sequence[str]:
        """What is not as it should be."""
        cluster, listed = self.cluster, self._monitor.listed
        return settling.left(self._watcher.seen, cluster.slots, listed, self._answers, self._without_agent())

    def help(self) -> Sequence[Helped]:
        """Do what conditions ask a person for."""
        seen, listed, strangers = self._watcher.seen, self._monitor.listed, self._faults.strangers()
        with _of_the_world():
            return self._person.help(seen, listed, strangers)

    def events(self) -> Sequence[Event]:
        """What was seen in this round."""
        return self._monitor.events()

    def close(self) -> None:
        """End everything."""
        self._cluster = None
        self._ends.close()

    # the rest

    _of = ""
    """Whose client's credentials lie there."""

    def _end_cluster(self) -> None:
        (self._places.base / SWITCH).unlink(missing_ok=True)
        before, self._cluster = self._cluster, None
        self._faults.end()
        self._faults.forget()
        if before is not None:
            before.delete()
        for each in list(self._hypervisor.computers):
            self._hypervisor.destroy(each)

    def _lives(self, instance: str, life: Life) -> None:
        self._monitor.lives(instance, life)

    def _members(self) -> Mapping[str, tuple[Path, str]]:
        return {
            name: (each.root, each.address)
            for name, each in list(self._hypervisor.computers.items())
            if not each.gone and os.path.exists(credentials(each.root).certificate)
        }

    def _answers(self, instance: str) -> bool:
        return self._monitor.life(instance) is Life.ANSWERS

    def _without_agent(self) -> list[str]:
        return self._hypervisor.without_agent()

    def _endpoints(self) -> Sequence[str]:
        listed, computers = self._monitor.listed, self._hypervisor.computers
        names = [] if listed is None else [each.name for each in listed.voters]
        return [computers[name].address for name in names if name in computers and not computers[name].gone]

    def client_credentials(self) -> Credentials:
        """Of a client, kept apart from instances, which come and go."""
        folder = self._places.base / "client"
        if not folder.exists() or self._of != self.cluster.name:
            root = next(iter(self._members().values()))[0]
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            own = credentials(root)
            for source in (own.authority, own.certificate, own.key):
                shutil.copy(source, folder)
            self._of = self.cluster.name
        names = ("ca.crt", "healthcheck-client.crt", "healthcheck-client.key")
        return Credentials(*(str(folder / name) for name in names))
