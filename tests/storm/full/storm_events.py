"""What programs of instances tell (`storm_node`), as events of a trace. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.storm.full.storm_node import AGENT, FREEZE
from tests.storm.trace import Event, LostLease, Paused, Removal

IN_KUBEADM = "kubeadm-join"
"""The stage of a boot in which a joiner is inside of its one `kubeadm join`."""
LEASE_SECONDS = 6.0
"""How long `lease#join` lasts here."""
JOINER = "joiner"
_OF_REMOVAL = ("checked", "member_id", "instance", "operation", "by_etcd_alone", "learner")


class Told:
    """What was told in a round."""

    def __init__(self) -> None:
        self._removals: dict[tuple[str, int, float], Removal] = {}
        self._pauses: dict[tuple[str, int], Paused] = {}
        self.stages: dict[str, str] = {}
        """The stage at which each instance's boot was seen last; kept from round to round."""

    def forget(self) -> None:
        """Another round begins."""
        self._removals.clear()
        self._pauses.clear()

    def hears(self, instance: str, told: Mapping[str, Any]) -> None:
        """Understand one event of an instance."""
        if told["kind"] == "stage":
            self.stages[instance] = told["stage"]
        elif told["kind"] == "removal":
            fields = {name: told[name] for name in _OF_REMOVAL}
            # A joiner that takes its own learner back names nobody.
            fields["instance"] = fields["instance"] or instance
            began = float(told["began"])
            self._removals[instance, int(told["pid"]), began] = Removal(began, instance, **fields)
        elif told["kind"] == "refused":
            self._removals.pop((instance, int(told["pid"]), float(told["began"])), None)
        elif told["kind"] == "trapped" and told["what"] == FREEZE:
            what = AGENT if told["role"] == AGENT else JOINER
            at = float(told["at"])
            paused = Paused(at, instance, at + float(told["seconds"]), what, told["step"])
            self._pauses[instance, int(told["number"])] = paused
        elif told["kind"] == "continued":
            key = instance, int(told["number"])
            if key in self._pauses:
                self._pauses[key] = replace(self._pauses[key], until=float(told["at"]))

    def events(self) -> list[Event]:
        """All that was told, and which leases were lost by it."""
        pauses = list(self._pauses.values())
        return [*self._removals.values(), *pauses, *(lost for each in pauses for lost in lost_lease(each))]


def lost_lease(pause: Paused) -> list[LostLease]:
    """Whether a joiner was paused inside of its `kubeadm join` for so long that it has lost its lease."""
    inside = pause.what == JOINER and pause.step == IN_KUBEADM
    return [LostLease(pause.at + LEASE_SECONDS, pause.instance)] if inside and _seconds(pause) > LEASE_SECONDS else []


def _seconds(pause: Paused) -> float:
    return pause.until - pause.at
