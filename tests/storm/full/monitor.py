"""What the full world sees: etcd's list, which members answer, and what programs tell of themselves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from coordination.outcomes import Known
from tests.storm.full import storm_events
from tests.storm.full.account import Look
from tests.storm.trace import Event, Life, Listed, Lives, Member
from userdata.etcd.client import Etcd
from userdata.etcd.model import MemberList, hexadecimal
from userdata.host.https import Credentials

_LOOK_SECONDS = 0.5
_ANSWER_SECONDS = 2.0


class Monitor:
    """`seen` is the last look at the local AWS; `enter` has a thread reach the members; `told` hears each event of a
    program's, as `storm_node` writes it, with the instance."""

    def __init__(
        self,
        seen: Callable[[], Look],
        enter: Callable[[], None],
        credentials: Credentials,
        told: Callable[[str, Mapping[str, Any]], None],
    ) -> None:
        self._seen = seen
        self._enter = enter
        self._credentials = credentials
        self._told = told
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._programs = storm_events.Told()
        self._changes: dict[str, int] = {}
        self._last: dict[str, Life] = {}
        self.listed: MemberList | None = None
        """etcd's last answer."""
        self.leading = ""
        """The instance whose member leads, by the word of one that answers; empty where none does."""
        self.broken: Exception | None = None
        """What a thread ended with."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="monitor of etcd", daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """Forget what was seen before, but for what holds still."""
        with self._lock:
            at = time.monotonic()
            self._events = [Lives(at, name, life) for name, life in self._last.items()]
            self._programs.forget()

    def note(self, event: Event) -> None:
        """Add an event."""
        with self._lock:
            self._events.append(event)

    def hears(self, instance: str, told: Mapping[str, Any]) -> None:
        """A program has told something."""
        with self._lock:
            self._programs.hears(instance, told)
        self._told(instance, told)

    def lives(self, instance: str, life: Life) -> None:
        """Somebody knows this for certain of an instance's etcd, now."""
        with self._lock:
            self._changes[instance] = self._changes.get(instance, 0) + 1
            self._last[instance] = life
            self._events.append(Lives(time.monotonic(), instance, life))

    def wakes(self, instance: str) -> None:
        """What silenced an instance's etcd ends now; one that has ended meanwhile stays silent."""
        found = self._seen().instances.get(instance)
        if found is not None and found.runs:
            self.lives(instance, Life.UNSURE)

    def stage(self, instance: str) -> str:
        """The stage of its boot at which an instance was seen last."""
        with self._lock:
            return self._programs.stages.get(instance, "")

    def life(self, instance: str) -> Life:
        """What is certain now."""
        with self._lock:
            return self._last.get(instance, Life.UNSURE)

    def events(self) -> list[Event]:
        """What was seen so far."""
        with self._lock:
            return [*self._events, *self._programs.events()]

    def close(self) -> None:
        """Look no more."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._enter()
            while not self._stopping.wait(_LOOK_SECONDS):
                addresses = {name: each.address for name, each in self._seen().instances.items() if each.runs}
                self._ask_for_list(addresses)
                self.leading = self._leader(addresses)
                for name, address in addresses.items():
                    self._ask(name, address)
        except Exception as error:
            # Whoever waits for the world to settle says so.
            self.broken = error

    def _ask_for_list(self, addresses: Mapping[str, str]) -> None:
        able = [name for name in addresses if self.life(name) is Life.ANSWERS]
        for name in able or [name for name in addresses if self.life(name) is not Life.SILENT]:
            began = time.monotonic()
            answer = self._at(addresses[name]).members()
            if isinstance(answer, Known):
                self.listed = answer.value
                found = tuple(
                    Member(hexadecimal(each.member_id), each.name, each.is_learner) for each in answer.value.members
                )
                self.note(Listed(time.monotonic(), began, hexadecimal(answer.value.cluster_id), found))
                return

    def _leader(self, addresses: Mapping[str, str]) -> str:
        voters = () if self.listed is None else self.listed.voters
        for each in voters:
            if each.name in addresses and self.life(each.name) is Life.ANSWERS:
                status = self._at(addresses[each.name]).status()
                if isinstance(status, Known):
                    return next((one.name for one in voters if one.member_id == status.value.leader_id), "")
        return ""

    def _ask(self, name: str, address: str) -> None:
        """Whether it serves; what was done to it meanwhile makes the answer worthless."""
        with self._lock:
            before = self._changes.get(name, 0)
            if self._last.get(name) is Life.SILENT:
                return
        health = self._at(address).health()
        serves = isinstance(health, Known) and health.value.healthy
        now = Life.ANSWERS if serves else Life.UNSURE
        with self._lock:
            if self._changes.get(name, 0) == before and self._last.get(name, Life.UNSURE) is not now:
                self._last[name] = now
                self._events.append(Lives(time.monotonic(), name, now))

    def _at(self, address: str) -> Etcd:
        return Etcd(address, self._credentials, seconds=_ANSWER_SECONDS)
