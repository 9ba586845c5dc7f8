"""What the light world sees: etcd's list, which members answer, and the events that programs tell of themselves."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from coordination.outcomes import Known
from tests.storm.light import clock
from tests.storm.light.kubeadm import credentials
from tests.storm.light.shared import Places
from tests.storm.trace import Event, HookCompleted, Life, Listed, Lives, Member, Removal
from userdata.etcd.client import Etcd
from userdata.etcd.model import MemberList, hexadecimal

LOOK_SECONDS = 0.2
_ANSWER_SECONDS = 1.0
Told = Callable[[Mapping[str, Any]], None]


class Monitor:
    """`members` gives the root and the address of every instance that may have a member, by its id."""

    def __init__(self, places: Places, members: Callable[[], Mapping[str, tuple[Path, str]]], told: Told) -> None:
        self._places = places
        self._members = members
        self._told = told
        self._lock = threading.Lock()
        self._seen: list[Event] = []
        self._removals: dict[tuple[int, float], Removal] = {}
        self._changes: dict[str, int] = {}
        self._last: dict[str, Life] = {}
        self._read: dict[str, int] = {}
        self.listed: MemberList | None = None
        """etcd's last answer."""
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._look, self._collect)]
        for each in self._threads:
            each.start()

    def begin(self) -> None:
        """Forget what was seen before, but for what holds still."""
        with self._lock:
            at = clock.real()
            self._seen = [Lives(at, name, life) for name, life in self._last.items()]
            self._removals.clear()

    def forget(self) -> None:
        """Forget everything: another cluster comes."""
        with self._lock:
            self._last.clear()
            self._seen.clear()
            self._removals.clear()
            self.listed = None

    def note(self, event: Event) -> None:
        """Add an event."""
        with self._lock:
            self._seen.append(event)

    def lives(self, instance: str, life: Life) -> None:
        """Somebody knows this for certain of an instance's etcd, now."""
        with self._lock:
            self._changes[instance] = self._changes.get(instance, 0) + 1
            self._last[instance] = life
            self._seen.append(Lives(clock.real(), instance, life))

    def life(self, instance: str) -> Life:
        """What is certain now."""
        with self._lock:
            return self._last.get(instance, Life.UNSURE)

    def events(self) -> list[Event]:
        """What was seen so far."""
        self._read_files()
        with self._lock:
            return [*self._seen, *self._removals.values()]

    def close(self) -> None:
        """Look no more."""
        self._stopping.set()
        for each in self._threads:
            each.join()

    def _look(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            for name, (root, address) in dict(self._members()).items():
                self._ask(name, root, address)

    def _ask(self, name: str, root: Path, address: str) -> None:
        """Each member for the list, as its majority knows it: there might be two clusters of them, and what answers
        serves. What was done to the member meanwhile makes that worthless."""
        with self._lock:
            before = self._changes.get(name, 0)
            if self._last.get(name) is Life.SILENT:
                return
        began = clock.real()
        answer = Etcd(address, credentials(root), seconds=_ANSWER_SECONDS).members()
        if not isinstance(answer, Known):
            return
        self.listed = answer.value
        found = tuple(Member(hexadecimal(each.member_id), each.name, each.is_learner) for each in answer.value.members)
        self.note(Listed(clock.real(), began, hexadecimal(answer.value.cluster_id), found))
        with self._lock:
            if self._changes.get(name, 0) == before and self._last.get(name) is not Life.ANSWERS:
                self._last[name] = Life.ANSWERS
                self._seen.append(Lives(clock.real(), name, Life.ANSWERS))

    def _collect(self) -> None:
        while not self._stopping.wait(0.03):
            self._read_files()

    def _read_files(self) -> None:
        with self._lock:
            found: list[dict[str, Any]] = []
            for path in self._places.events.iterdir():
                start = self._read.get(path.name, 0)
                if path.stat().st_size == start:
                    continue
                with path.open("rb") as file:
                    file.seek(start)
                    whole = file.read().rpartition(b"\n")[0]
                if whole:
                    self._read[path.name] = start + len(whole) + 1
                    found += [json.loads(line) for line in whole.split(b"\n")]
            for each in found:
                self._understand(each)
        for each in sorted(found, key=lambda one: float(one["at"])):
            self._told(each)

    def _understand(self, told: Mapping[str, Any]) -> None:
        key = (int(told["pid"]), float(told.get("began", 0)))
        if told["kind"] == "removal":
            fields = ("by", "checked", "member_id", "instance", "operation", "by_etcd_alone", "learner")
            self._removals[key] = Removal(key[1], **{name: told[name] for name in fields})
        elif told["kind"] == "refused":
            self._removals.pop(key, None)
        elif told["kind"] == "hook":
            self._seen.append(HookCompleted(float(told["at"]), told["instance"]))
        elif told["kind"] == "stopped":
            name = told["instance"]
            self._changes[name] = self._changes.get(name, 0) + 1
            self._last[name] = Life.SILENT
            self._seen.append(Lives(float(told["at"]), name, Life.SILENT))
