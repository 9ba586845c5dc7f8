"""Figures of replacements in a real cluster, each beside the same thing done by hand in the same run.

One round has three replacements of the instance whose member leads etcd: by hand (etcdctl move-leader and member
remove, and kubeadm join, which the boot of the instance that comes runs), planned (terminated through Auto Scaling),
and lost (its power is cut). A client of etcd on another control plane writes meanwhile, and one of the API outside the
cluster. On a machine of few processors most of a gap is what a control plane's start takes away from its neighbours,
so the gap of a replacement is measured from its first step until all is whole, by hand and planned alike. That of the
leaving alone shows whether another member led in time: without that the others wait for an election.
"""

from __future__ import annotations

import base64
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from botocore.exceptions import ClientError

from coordination.members import MemberState
from rehearsal.scenarios.gaps import gaps
from rehearsal.scenarios.writes import Writer
from tests.bench import etcd_writer
from tests.bench.figure import Figure
from tests.bench.rounds import living, play
from tests.bench.spread import Spread
from tests.e2e.harness import ClusterHarness, Json, Seen, etcdctl
from tests.e2e.replacing import leader_and_followers, terminate

HEALTHY_SECONDS = 600.0
LOOK_SECONDS = 0.2
AGENT_LOOK_SECONDS = 30.0
"""userdata.agent.observe.task.PERIOD_SECONDS."""
ELECTION_SECONDS = 1.0
"""etcd's own default (--election-timeout 1000), which kubeadm's manifest leaves as it is."""
_WRITER = "/run/etcd_writer.py"
ALL_FIGURES = 11
"""How many figures a whole run has."""
_SETTLING_SECONDS = 2
"""How long a gap may follow the removal that it comes from."""
_KUBEADM = "kubeadm-join"
_VOTER = "voter-row"


@dataclass
class Measured:
    """Seconds of each repetition. `*_gap` is the longest time without an acknowledged write."""

    by_hand_gap: list[float] = field(default_factory=list)
    by_hand_leaving_gap: list[float] = field(default_factory=list)
    member_remove: list[float] = field(default_factory=list)
    planned_gap: list[float] = field(default_factory=list)
    planned_leaving_gap: list[float] = field(default_factory=list)
    planned_api_gap: list[float] = field(default_factory=list)
    allowed_to_completed: list[float] = field(default_factory=list)
    lost_gap: list[float] = field(default_factory=list)
    lost_api_gap: list[float] = field(default_factory=list)
    terminated_to_voter: list[float] = field(default_factory=list)
    terminated_to_voter_by_hand: list[float] = field(default_factory=list)


def figures(measured: Measured, warm_call_seconds: float) -> list[Figure]:
    """What was measured beside its bounds. Figures without a repetition are left out."""
    remove, by_hand = Spread(measured.member_remove), Spread(measured.by_hand_gap)
    fresh = Spread(measured.terminated_to_voter_by_hand)
    hook = 10 * remove.median + 2 * AGENT_LOOK_SECONDS + 2 * warm_call_seconds
    found = [
        Figure("leader replaced by hand: gap of etcd's client", by_hand, None, ""),
        Figure(
            "leader replaced: gap of etcd's client",
            Spread(measured.planned_gap),
            3 * by_hand.median,
            "3 times by hand",
        ),
        Figure("leader replaced: gap of the API's client", Spread(measured.planned_api_gap), None, ""),
        Figure("its member leaves by hand: gap of etcd's client", Spread(measured.by_hand_leaving_gap), None, ""),
        Figure(
            "its member leaves: gap of etcd's client",
            Spread(measured.planned_leaving_gap),
            max(3 * Spread(measured.by_hand_leaving_gap).median, ELECTION_SECONDS),
            "3 times by hand, or one election time-out",
        ),
        Figure("member remove by hand", remove, None, ""),
        Figure(
            "removal allowed to hook completed",
            Spread(measured.allowed_to_completed),
            hook,
            "10 times member remove, two looks, two warm calls; the drain is not added",
        ),
        Figure(
            "leader lost: gap of etcd's client",
            Spread(measured.lost_gap),
            2.5 * ELECTION_SECONDS,
            "2.5 election time-outs",
        ),
        Figure("leader lost: gap of the API's client", Spread(measured.lost_api_gap), None, ""),
        Figure("terminated to a voter by hand", fresh, None, ""),
        Figure(
            "terminated to a healthy voter",
            Spread(measured.terminated_to_voter),
            1.25 * fresh.median,
            "by hand and a quarter",
        ),
    ]
    return [each for each in found if each.spread.values]


def replacing(times: int, minutes: float, warm_call_seconds: float, tell: Callable[[str], object]) -> list[Figure]:
    """Deploy a cluster of three control planes alone, and replace its leader three ways, so often.

    Nothing new begins after so many minutes. A repetition that fails ends the run, and what was measured until then
    counts. `tell` is told of each repetition.
    """
    measured = Measured()
    deadline = time.monotonic() + 60 * minutes
    with living(lambda cluster: cluster.healthy(HEALTHY_SECONDS)) as (cluster, api):
        rounds = Rounds(cluster, api, measured)
        play((rounds.by_hand, rounds.planned, rounds.lost), times, minutes, deadline, tell)
    return figures(measured, warm_call_seconds)


class Rounds:
    """The three ways, on one cluster that is whole before and after each."""

    def __init__(self, cluster: ClusterHarness, api: Writer, measured: Measured) -> None:
        self._cluster = cluster
        self._api = api
        self._measured = measured

    def by_hand(self) -> None:
        """Move leadership away and remove the member with etcdctl; then its instance has another one in its place."""
        before, leader, others = self._roles()
        members = {each["name"]: f"{each['ID']:x}" for each in self._cluster.etcd(others[0])["members"]}
        at_leader = etcdctl().replace("127.0.0.1", before.members[leader].address)
        script = (
            f"{at_leader} move-leader {members[others[1]]} && a=$(date +%s%N) && "
            f"{etcdctl()} member remove {members[leader]} >&2 && b=$(date +%s%N) && echo $((b - a))"
        )
        with self._etcd_client(others[0], before, others) as written:
            began = time.monotonic()
            done = self._cluster.shell(others[0], script)
            assert done.returncode == 0, f"by hand: {done.stderr}"
            time.sleep(_SETTLING_SECONDS)
            left = time.monotonic()
            self._until(
                lambda seen: seen.members[leader].state is MemberState.REMOVED, f"{leader}'s row is not removed"
            )
            self._terminate(leader)
            self._replaced(before, leader)
            ended = time.monotonic()
        self._measured.by_hand_leaving_gap.append(longest(written, began, left))
        self._measured.by_hand_gap.append(longest(written, began, ended))
        self._measured.member_remove.append(int(done.stdout.split()[-1]) / 1e9)

    def planned(self) -> None:
        """Terminate the leader's instance through Auto Scaling."""
        before, leader, others = self._roles()
        with self._etcd_client(others[0], before, others) as written:
            began = time.monotonic()
            self._terminate(leader)
            allowed = completed = 0.0
            deadline = began + HEALTHY_SECONDS
            while not completed:
                assert time.monotonic() < deadline, f"{leader}'s hook is not completed"
                seen = self._cluster.look()
                now = time.monotonic()
                if not allowed and _successor_serves(seen, before):
                    allowed = now
                if seen.lifecycle_state(leader) not in ("InService", "Terminating", "Terminating:Wait"):
                    completed = now
                time.sleep(LOOK_SECONDS)
            self._replaced(before, leader)
            ended = time.monotonic()
        assert allowed, "the hook was completed before a successor was a voter"
        self._measured.planned_leaving_gap.append(longest(written, allowed, min(ended, completed + _SETTLING_SECONDS)))
        self._measured.planned_gap.append(longest(written, began, ended))
        self._measured.planned_api_gap.append(self._api_gap(began, ended))
        self._measured.allowed_to_completed.append(completed - allowed)

    def lost(self) -> None:
        """Cut the leader's power."""
        before, leader, others = self._roles()
        with self._etcd_client(others[0], before, others) as written:
            began = time.monotonic()
            self._cluster.act("lose", leader)
            self._until(lambda seen: seen.state(leader) in ("terminated", "unknown"), f"{leader} is not terminated")
            terminated = time.time()
            after = self._replaced(before, leader)
            ended = time.monotonic()
        self._measured.lost_gap.append(longest(written, began, ended))
        self._measured.lost_api_gap.append(self._api_gap(began, ended))
        (came,) = after.control_planes - before.control_planes
        whole, by_hand = joined(self._cluster.log(came), terminated)
        self._measured.terminated_to_voter.append(whole)
        self._measured.terminated_to_voter_by_hand.append(by_hand + Spread(self._measured.member_remove).median)

    def _roles(self) -> tuple[Seen, str, list[str]]:
        """A whole cluster, the instance whose member leads, and the others."""
        seen = self._cluster.healthy(HEALTHY_SECONDS)
        return seen, *leader_and_followers(self._cluster, seen)

    def _terminate(self, instance_id: str) -> None:
        # The function may have been quicker, after a removal by hand.
        with contextlib.suppress(ClientError):
            terminate(self._cluster, instance_id)

    def _replaced(self, before: Seen, gone: str) -> Seen:
        def done(seen: Seen) -> bool:
            return (
                seen.state(gone) in ("terminated", "unknown") and len(seen.control_planes - before.control_planes) == 1
            )

        self._until(done, f"{gone} is not replaced")
        return self._cluster.healthy(HEALTHY_SECONDS)

    def _until(self, wanted: Callable[[Seen], bool], what: str) -> None:
        self._cluster.until(lambda seen: wanted(seen) or None, what, HEALTHY_SECONDS)

    def _api_gap(self, began: float, ended: float) -> float:
        return longest(sorted(self._api.written().acknowledged.values()), began, ended)

    @contextmanager
    def _etcd_client(self, host: str, seen: Seen, addresses: Sequence[str]) -> Iterator[list[float]]:
        """A client of etcd that writes from `host` to these members; the list is filled once it has ended."""
        unit = f"etcd-writer-{time.monotonic_ns()}"
        text = base64.b64encode(Path(etcd_writer.__file__).read_bytes()).decode()
        places = " ".join(seen.members[name].address for name in addresses)
        script = (
            f"echo {text} | base64 -d > {_WRITER} && systemd-run --quiet --unit {unit} "
            f"--property StandardOutput=file:/run/{unit} /usr/bin/python3 -I {_WRITER} {places} && sleep 1"
        )
        done = self._cluster.shell(host, script)
        assert done.returncode == 0, f"the client of etcd does not start: {done.stderr}"
        written: list[float] = []
        try:
            yield written
        finally:
            self._cluster.shell(host, f"systemctl stop {unit}")
            written += [float(line) for line in self._cluster.shell(host, f"cat /run/{unit}").stdout.split()]


def longest(acknowledged: Sequence[float], began: float, ended: float) -> float:
    """The longest gap, in seconds, of which a part lies between two moments."""
    return max(gap.seconds for gap in gaps(acknowledged, began, ended))


def joined(lines: Sequence[Json], terminated: float) -> tuple[float, float]:
    """Seconds from `terminated` until an instance was a voter, by its boot's lines; and those of them that it takes by
    hand: until the machine ran its first program, and kubeadm's own."""
    began = min(line["at"] - line["seconds"] for line in lines)
    voter = next(line["at"] for line in lines if line["stage"] == _VOTER and line["outcome"] == "done")
    kubeadm = sum(line["seconds"] for line in lines if (line["stage"], line["outcome"]) == (_KUBEADM, "done"))
    return voter - terminated, max(0.0, began - terminated) + kubeadm


def _successor_serves(seen: Seen, before: Seen) -> bool:
    came = [row for name, row in seen.members.items() if name not in before.members]
    return any(row.state is MemberState.VOTER for row in came)
