"""What may go wrong in a storm: the kinds of faults, what each hits, and how one is written in a line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class FaultError(ValueError):
    """A fault cannot be read; the text is one line: the field, what was given, what is allowed."""


class Kind(StrEnum):
    """What happens. Those that last end after their seconds, or when all faults stop."""

    TERMINATE = "terminate"
    """Auto Scaling terminates the instance, and its hook holds it."""
    LOSE = "lose"
    """The instance and its disk are gone at once; nobody was told before."""
    PERSON_TERMINATES = "person-terminates"
    """A person terminates the instance in EC2: its programs are told to end, and no hook holds it."""
    STANDBY = "standby"
    """A person puts the instance into standby: it runs, and is in service of no slot."""
    DETACH = "detach"
    """A person detaches the instance from its group: it runs, and is in no group."""
    DESIRED_ZERO = "desired-zero"
    """A slot's desired capacity goes to 0: by hand, or put back to what its template says."""
    DESIRED_TWO = "desired-two"
    """A person scales a slot to 2."""
    ETCD_KILL = "kill-etcd"
    """etcd ends; the kubelet starts it again."""
    ETCD_FREEZE = "freeze-etcd"
    """etcd stops answering, and goes on later."""
    ETCD_SLOW = "slow-etcd"
    """etcd runs a small part of the time."""
    AGENT_KILL = "kill-agent"
    """The next agent that comes to a step ends there; systemd starts it again."""
    AGENT_FREEZE = "freeze-agent"
    """The next agent that comes to a step is paused there, and goes on later."""
    PARTITION = "partition"
    """The node is cut off from the other members; it reaches AWS."""
    NO_API = "no-api"
    """The node's API server stops answering, and goes on later; its etcd serves all the while."""
    NO_AWS = "no-aws"
    """The node is cut off from AWS; it reaches the other members."""
    FUNCTION_AWAY = "function-away"
    """The function is not called: its events are lost."""
    FUNCTION_THROTTLED = "function-throttled"
    """Calls of the function wait, and come all at once when that is over."""
    FUNCTION_LATE = "function-late"
    """Each call of the function begins late."""
    FUNCTION_TWICE = "function-twice"
    """Each call of the function is made twice at the same time, and events are repeated."""
    FUNCTION_KILL = "kill-function"
    """The function ends in the middle of its work, with all calls that go on; the next call finds a new one."""
    TABLE_ERRORS = "table-errors"
    """A share of the requests to the table is throttled, fails, or loses its answer."""
    AWS_ERRORS = "aws-errors"
    """The same of all services."""
    UPDATE = "update"
    """A changed launch template walks the slots, the successor first."""
    UPDATE_REMOVE_FIRST = "update-remove-first"
    """The same, the old instance first."""
    UPDATE_BAD = "update-bad"
    """An update whose instances never serve: it fails and goes back."""
    UPDATE_CANCELLED = "update-cancelled"
    """An update that is cancelled after so many seconds."""
    JOINER_PAUSE = "pause-joiner"
    """A node that boots is paused, and goes on later."""
    BOOT_FAILS = "boot-fails"
    """The next instance of the slot fails to join, and abandons its launch."""
    FORGED_DELETE = "forged-delete"
    """Somebody who may call the function asks for the deletion of a cluster whose stack is at rest."""


LASTING = frozenset(
    {
        Kind.ETCD_FREEZE,
        Kind.ETCD_SLOW,
        Kind.AGENT_FREEZE,
        Kind.PARTITION,
        Kind.NO_API,
        Kind.NO_AWS,
        Kind.FUNCTION_AWAY,
        Kind.FUNCTION_THROTTLED,
        Kind.FUNCTION_LATE,
        Kind.FUNCTION_TWICE,
        Kind.TABLE_ERRORS,
        Kind.AWS_ERRORS,
        Kind.UPDATE_CANCELLED,
        Kind.JOINER_PAUSE,
    }
)
"""Those that have seconds."""
STEPPED = frozenset({Kind.AGENT_KILL, Kind.AGENT_FREEZE})
"""Those that wait for an agent to come to a step."""
WAITING = STEPPED | {Kind.JOINER_PAUSE, Kind.BOOT_FAILS}
"""Those that wait for somebody to come to where they are: each hits one at most."""
LOSING = frozenset({Kind.LOSE, Kind.PERSON_TERMINATES})
"""Those that take a member's data away without asking."""
UPDATES = frozenset({Kind.UPDATE, Kind.UPDATE_REMOVE_FIRST, Kind.UPDATE_BAD, Kind.UPDATE_CANCELLED})
GOING_BACK = frozenset({Kind.UPDATE_BAD, Kind.UPDATE_CANCELLED})
"""Updates that walk the slots twice: there, and back or on to what a person has corrected."""
OF_CLUSTER = UPDATES | {
    Kind.FUNCTION_AWAY,
    Kind.FUNCTION_THROTTLED,
    Kind.FUNCTION_LATE,
    Kind.FUNCTION_TWICE,
    Kind.FUNCTION_KILL,
    Kind.TABLE_ERRORS,
    Kind.AWS_ERRORS,
    Kind.FORGED_DELETE,
    Kind.AGENT_KILL,
    Kind.AGENT_FREEZE,
}
"""Those that hit no single node; all others name one."""

LEADER, AGENT, JOINER = "leader", "agent", "joiner"
"""Whom a fault may hit besides a slot: the member that leads etcd, the node whose agent leads, a node that boots."""


class Step(StrEnum):
    """Where an agent may be while it carries out a removal; each names the moment right after."""

    ACCEPT = "accept"
    DRAIN = "drain"
    MOVE = "move"
    CHECK = "check"
    """etcd was looked at for the last time, and the call comes next."""
    REMOVE = "remove"
    RESULT = "result"
    """Row and result are written in one transaction."""


@dataclass(frozen=True)
class Fault:
    """One fault, `at` so many seconds after the round's clients have begun.

    `target` is a slot (`slot0`), `leader`, `agent` or `joiner`, and empty where the kind hits the cluster.
    Raises FaultError where a value is not allowed.
    """

    kind: Kind
    at: float
    target: str = ""
    seconds: float = 0.0
    step: Step | None = None

    def __post_init__(self) -> None:
        wants = self.kind not in OF_CLUSTER
        if wants != bool(self.target) or (wants and not re.fullmatch(r"slot[0-4]|leader|agent|joiner", self.target)):
            allowed = "slot0 to slot4, leader, agent or joiner" if wants else "nothing"
            raise FaultError(f"target of {self.kind}: given {self.target or 'nothing'}; allowed: {allowed}")
        if (self.kind in LASTING) != (self.seconds > 0):
            allowed = "more than 0" if self.kind in LASTING else "nothing"
            raise FaultError(f"seconds of {self.kind}: given {self.seconds:g}; allowed: {allowed}")
        if (self.kind in STEPPED) != (self.step is not None):
            allowed = ", ".join(Step) if self.kind in STEPPED else "nothing"
            raise FaultError(f"step of {self.kind}: given {self.step or 'nothing'}; allowed: {allowed}")
        if self.at < 0:
            raise FaultError(f"time of {self.kind}: given {self.at:g}; allowed: seconds from 0")

    def __str__(self) -> str:
        parts = [str(self.kind), self.target, f"at {self.at:.2f}"]
        parts += [f"for {self.seconds:.2f}"] if self.seconds else []
        parts += [f"after {self.step}"] if self.step else []
        return " ".join(part for part in parts if part)


_LINE = re.compile(
    r"(?P<kind>[a-z-]+)(?: (?P<target>(?!at )[a-z]+\d?))? at (?P<at>\d+(?:\.\d+)?)"
    r"(?: for (?P<seconds>\d+(?:\.\d+)?))?(?: after (?P<step>[a-z]+))?"
)


def fault(text: str) -> Fault:
    """The fault that is written so, as `terminate slot1 at 0.40`. Raises FaultError."""
    found = _LINE.fullmatch(text.strip())
    if found is None:
        raise FaultError(f"fault: given {text.strip() or 'nothing'}; allowed: KIND TARGET at N for N after STEP")
    if found["kind"] not in tuple(Kind):
        raise FaultError(f"kind: given {found['kind']}; allowed: {', '.join(Kind)}")
    if found["step"] is not None and found["step"] not in tuple(Step):
        raise FaultError(f"step of {found['kind']}: given {found['step']}; allowed: {', '.join(Step)}")
    return Fault(
        Kind(found["kind"]),
        float(found["at"]),
        found["target"] or "",
        float(found["seconds"] or 0),
        Step(found["step"]) if found["step"] else None,
    )
