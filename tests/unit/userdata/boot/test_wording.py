"""Whatever words reasons have, a booting node decides and does the same."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coordination.approvals import Approval
from coordination.instances import GroupInstance
from coordination.outcomes import Done, Known, NoTable, Throttled, Unknown
from coordination.record import Phase
from tests.unit.userdata.boot.faults import ANCHORS, Fault
from tests.unit.userdata.boot.looks import BROKEN, EMPTY, HALF, ME, disk, look, member, record
from tests.unit.userdata.boot.test_gate import MEMBERS, MY_URL, NAMES, OPERATIONS, TWO, listed
from tests.unit.userdata.boot.test_restore_decision import ALL, LOST, OLD, ROWS, RULES
from tests.unit.userdata.boot.world import World
from tests.unit.wording import EVERYTHING, Garbled, blanked, noise, reworded, rewordings
from userdata.boot.decide import decide
from userdata.boot.end import End
from userdata.boot.gate import View, gate
from userdata.boot.restore import Evidence, decide_restore
from userdata.boot.snapshot import Reach, Snapshot
from userdata.etcd.model import EtcdMember

UNKNOWN = st.sampled_from([BROKEN, NoTable("no table"), Throttled("slow", "Throttling")])
every = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])

SNAPSHOTS = st.builds(
    look,
    seen=UNKNOWN
    | st.none()
    | st.builds(record, st.sampled_from(list(Phase)), owner=st.sampled_from(["i-other", "", ME.instance_id])),
    on=st.sampled_from([EMPTY, HALF, disk(), disk(marker=False), disk("another", 1)]),
    row=UNKNOWN | st.none() | st.builds(member, state=st.sampled_from(["joining", "voter", "removed"])),
    owner_gone=st.booleans() | UNKNOWN,
    owner_still=st.booleans(),
    reach=st.sampled_from(Reach),
) | st.builds(look, st.just(record()), st.just(disk()), UNKNOWN)
EVIDENCE = st.builds(
    lambda **parts: replace(LOST, **parts),
    rows=UNKNOWN | st.sampled_from([Known(ROWS), Known(ROWS[:1]), Known(())]),
    gone=UNKNOWN | st.sampled_from([Known(ALL), Known(frozenset())]),
    instances=UNKNOWN
    | st.sampled_from(["Terminating:Wait", "Pending:Wait", "InService"]).map(
        lambda state: Known((GroupInstance("i-1", "slot0", "control-plane", state),))
    ),
    booted=UNKNOWN | st.sampled_from([Known(frozenset()), Known(frozenset({"i-1"}))]),
    silent=st.booleans(),
    backup=UNKNOWN | st.sampled_from([Known(None), LOST.backup, OLD]),
    approval=UNKNOWN | st.sampled_from([Known(None), Known(Approval(2, ",".join(ALL), "somebody"))]),
)


@every
@given(SNAPSHOTS, noise)
def test_words_change_no_decision_of_the_boot_table(snapshot: Snapshot, texts: list[str]) -> None:
    for words in rewordings(texts):
        assert blanked(decide(reworded(snapshot, words))) == blanked(decide(snapshot))


@every
@given(EVIDENCE, noise)
def test_words_change_no_decision_about_a_restore(evidence: Evidence, texts: list[str]) -> None:
    for words in rewordings(texts):
        assert blanked(decide_restore(reworded(evidence, words), RULES)) == blanked(decide_restore(evidence, RULES))


@every
@given(
    st.none() | MEMBERS | st.just(list(TWO.value.members)),
    NAMES | st.just([]),
    OPERATIONS | UNKNOWN,
    st.none() | MEMBERS,
    noise,
)
def test_words_neither_open_nor_close_the_gate(
    members: list[EtcdMember] | None,
    silent: list[str],
    operation: Any,
    known_to_one: list[EtcdMember] | None,
    texts: list[str],
) -> None:
    seen, heard = (BROKEN if each is None else listed(*each) for each in (members, known_to_one))
    view = View(seen, silent, operation, 3, "i-1", MY_URL, heard)
    for words in rewordings(texts):
        assert blanked(gate(reworded(view, words))) == blanked(gate(view))


# whole boots


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that were made before, and an API server that takes every right it is given."""
    made = itertools.cycle(ANCHORS[:4])
    monkeypatch.setattr("userdata.boot.founding.new_pki", lambda now: next(made))
    monkeypatch.setattr("userdata.kube.rights.install", lambda administrator: Done())


EACH = [(number, fault) for number in range(0, 24, 3) for fault in (Fault.FAILS, Fault.LOST)]


def ending(root: Path, number: int, fault: Fault, *, joins: bool, garbled: bool) -> tuple[End, list[str], object]:
    """How a boot ends in which one event does not go well; all that it did; and which epochs were claimed."""
    root.mkdir()
    world = World(root)
    if joins:
        world.other_founds()
    if garbled:
        world.through = lambda port: Garbled(port, lambda _: EVERYTHING)
    world.fault = lambda index, event: fault if index == number else None
    return world.boots(), world.events, world.claims


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("joins", [False, True], ids=["founds", "joins"])
@pytest.mark.parametrize(("number", "fault"), EACH)
def test_a_boot_to_which_everybody_speaks_in_other_words_does_the_same(
    tmp_path: Path, number: int, fault: Fault, joins: bool
) -> None:
    plain = ending(tmp_path / "plain", number, fault, joins=joins, garbled=False)
    assert plain[0] is End.SERVES
    assert ending(tmp_path / "garbled", number, fault, joins=joins, garbled=True) == plain


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("refusal", "end"),
    [
        (Unknown("it says nothing of use", "DisabledException"), End.FAILED),
        (Unknown("PutParameter: DisabledException: the key is disabled", "NewCode"), End.SERVES),
    ],
)
def test_a_code_and_not_words_ends_a_boot_for_good(tmp_path: Path, refusal: Unknown, end: End) -> None:
    world = World(tmp_path)
    refusals = iter([refusal])

    class Keys(Garbled):
        def store(self, *arguments: Any) -> Any:
            return next(refusals, None) or self._port.store(*arguments)  # type: ignore[attr-defined]

    world.through = lambda port: Keys(port, str) if type(port).__name__ == "KeyStore" else port
    assert world.boot() is end
