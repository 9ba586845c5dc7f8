"""`make follow` beside CloudFormation's events: what cannot be read is told once, and ends nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from coordination.conditions import Condition
from coordination.instances import Groups
from coordination.outcomes import Known, NoTable, Reading, Unknown
from coordination.rows import Rows
from deployment.refusal import Refusal
from deployment.status.watching import ClusterNews
from tests.unit.deployment.status.looks import GROUPS, NOW, ROWS, WORKERS, boot, boots, instance

CONDITION = Condition("QuorumLost", "no\x1b[2Jmajority", "bring members back", NOW)
LOST = replace(ROWS, conditions={"QuorumLost": Known(CONDITION)})
DENIED = Unknown("Scan: AccessDeniedException: not you")


@dataclass
class Script:
    """What each look finds; a fake, because the test decides what can be read and when."""

    tables: list[Reading[Rows] | Refusal]
    seen: Reading[Groups] = field(default_factory=lambda: Known(GROUPS))
    asked: int = 0

    def rows(self) -> Reading[Rows]:
        self.asked += 1
        found = self.tables.pop(0) if len(self.tables) > 1 else self.tables[0]
        if isinstance(found, Refusal):
            raise found
        return found

    def groups(self) -> Reading[Groups]:
        return self.seen


@dataclass
class Following:
    script: Any
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.news = ClusterNews(self.script, self.said.append)

    def looks(self, *seconds: float) -> list[str]:
        before = len(self.said)
        for each in seconds:
            self.news.tell(each)
        return self.said[before:]


def test_a_condition_is_told_with_its_next_step_and_as_plain_text() -> None:
    following = Following(Script([Known(ROWS), Known(LOST), Known(ROWS)]))
    assert following.looks(0) == []
    assert following.looks(5, 10) == [
        "    5.0 s  CONDITION                    QuorumLost: no [2Jmajority; next: bring members back",
        "   10.0 s  CONDITION                    QuorumLost is cleared",
    ]


def test_a_table_that_may_not_be_read_is_told_once_and_hides_no_instance() -> None:
    script = Script([DENIED])
    following = Following(script)
    assert following.looks(0, 5) == [
        "    0.0 s  UNKNOWN                      what happens in the cluster table is unknown: " + DENIED.reason
    ]
    moved = (*GROUPS.instances[:-1], instance(WORKERS[1], "general", "Terminating"))
    script.seen = Known(replace(GROUPS, instances=moved))
    assert following.looks(10) == [
        f"   10.0 s  INSTANCE                     {WORKERS[1]} (pool general) is Terminating"
    ]


def test_what_happened_while_the_table_could_not_be_read_is_told_afterwards() -> None:
    moved = replace(LOST, boots={**ROWS.boots, **boots(boot("i-9", "gate"))})
    following = Following(Script([Known(ROWS), DENIED, Known(moved), DENIED]))
    assert [line.split()[2] for line in following.looks(0, 5, 10, 15)] == ["UNKNOWN", "BOOT", "CONDITION", "UNKNOWN"]


def test_before_there_is_a_table_nothing_is_said_of_it_and_everything_after() -> None:
    empty = replace(ROWS, record=Known(None), members={}, boots={})
    first = replace(empty, boots=boots(boot("i-9", "identity")))
    following = Following(Script([NoTable("none"), Known(empty), Known(first)]))
    assert [line.split()[2] for line in following.looks(0, 5, 10)] == ["BOOT"]


def test_a_stack_that_is_no_clusters_is_told_once_and_asked_no_more() -> None:
    script = Script([Refusal("the stack demo is no cluster of this project")])
    following = Following(script)
    assert len(following.looks(0, 5, 10)) == 1
    assert script.asked == 1


def test_the_table_is_read_every_five_seconds_and_at_the_end() -> None:
    script = Script([Known(ROWS)])
    following = Following(script)
    following.looks(*range(11))
    assert script.asked == 3
    following.news.tell(11, last=True)
    assert script.asked == 4
