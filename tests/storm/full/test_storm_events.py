"""What programs of instances tell becomes events of the trace."""

from __future__ import annotations

from tests.storm.full.storm_events import LEASE_SECONDS, Told
from tests.storm.trace import LostLease, Paused, Removal

ABOUT = {
    "checked": 4.0,
    "member_id": "1f",
    "instance": "leaves",
    "operation": "op",
    "by_etcd_alone": False,
    "learner": False,
}
REMOVAL = {"kind": "removal", "at": 5.1, "pid": 7, "began": 5.0, **ABOUT}


def test_a_call_that_removes_is_one_unless_etcd_refuses_that_very_call() -> None:
    told = Told()
    told.hears("acts", REMOVAL)
    assert told.events() == [Removal(5.0, "acts", 4.0, "1f", "leaves", "op")]
    told.hears("another", {"kind": "refused", "at": 6.0, "pid": 7, "began": 5.0})
    assert len(told.events()) == 1
    told.hears("acts", {"kind": "refused", "at": 6.0, "pid": 7, "began": 5.0})
    assert told.events() == []


def test_a_joiner_that_takes_its_learner_back_names_itself() -> None:
    told = Told()
    told.hears("joins", {**REMOVAL, "instance": "", "operation": "", "learner": True})
    assert told.events() == [Removal(5.0, "joins", 4.0, "1f", "joins", "", learner=True)]


def pause(role: str, step: str, what: str = "freeze") -> dict[str, object]:
    return {"kind": "trapped", "at": 1.0, "role": role, "step": step, "number": 3, "what": what, "seconds": 20.0}


def test_a_pause_lasts_until_the_program_goes_on() -> None:
    told = Told()
    told.hears("a", pause("agent", "check"))
    assert told.events() == [Paused(1.0, "a", 21.0, "agent", "check")]
    told.hears("a", {"kind": "continued", "at": 9.0, "number": 3})
    assert told.events() == [Paused(1.0, "a", 9.0, "agent", "check")]
    told.hears("b", pause("agent", "drain", what="kill"))
    assert len(told.events()) == 1


def test_a_joiner_that_is_paused_in_its_kubeadm_for_longer_than_its_lease_has_lost_it() -> None:
    told = Told()
    told.hears("a", pause("boot", "kubeadm-join"))
    lost = LostLease(1.0 + LEASE_SECONDS, "a")
    assert told.events() == [Paused(1.0, "a", 21.0, "joiner", "kubeadm-join"), lost]
    told.hears("a", {"kind": "continued", "at": 1.0 + LEASE_SECONDS, "number": 3})
    assert lost not in told.events()


def test_a_pause_elsewhere_loses_no_lease_of_a_join() -> None:
    for role, step in (("boot", "gate"), ("agent", "kubeadm-join")):
        told = Told()
        told.hears("a", pause(role, step))
        assert [type(each) for each in told.events()] == [Paused]


def test_another_round_begins_with_nothing_but_stages() -> None:
    told = Told()
    told.hears("a", {"kind": "stage", "at": 1.0, "stage": "gate"})
    told.hears("a", REMOVAL)
    told.forget()
    assert told.events() == []
    assert told.stages == {"a": "gate"}
