"""etcd's answers as its gateway writes them, and answers that it would never give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from coordination.outcomes import Throttled, Unknown
from userdata.etcd import model
from userdata.etcd.model import Alarm, AlarmKind, EtcdMember, Health, NotUnderstood, hexadecimal
from userdata.etcd.refusals import EtcdRefused, Refusal, failure

# As etcd 3.7 answers; ids need all of 64 bits.
HEADER = {"cluster_id": "14841639068965178418", "member_id": "10276657743932975437", "raft_term": "2"}
MEMBERS = {
    "header": HEADER,
    "members": [
        {"ID": "18249187646912138824", "peerURLs": ["https://127.0.0.2:2380"], "isLearner": True},
        {
            "ID": "10276657743932975437",
            "name": "m1",
            "peerURLs": ["https://127.0.0.1:2380"],
            "clientURLs": ["https://127.0.0.1:2379"],
        },
    ],
}
STATUS = {
    "header": HEADER,
    "version": "3.7.0",
    "dbSize": "20480",
    "leader": "10276657743932975437",
    "raftIndex": "4",
    "raftTerm": "2",
    "raftAppliedIndex": "4",
    "dbSizeInUse": "16384",
}


def test_members_are_ordered_and_their_ids_are_numbers() -> None:
    listed = model.member_list(MEMBERS)
    assert listed.cluster_id == 14841639068965178418
    assert listed.members == (
        EtcdMember(10276657743932975437, "m1", ("https://127.0.0.1:2380",), ("https://127.0.0.1:2379",), False),
        EtcdMember(18249187646912138824, "", ("https://127.0.0.2:2380",), (), True),
    )
    assert [member.name for member in listed.voters] == ["m1"]
    assert [member.member_id for member in listed.unfinished] == [18249187646912138824]


def test_a_member_is_where_it_answers_and_before_it_started_where_others_will_find_it() -> None:
    started, added = model.member_list(MEMBERS).members
    assert (started.addresses, added.addresses) == (("127.0.0.1",), ("127.0.0.2",))
    several = EtcdMember(
        1, "m1", (), ("https://[fd00::1]:2379", "https://10.0.0.1:2379", "https://10.0.0.1:4001"), False
    )
    assert several.addresses == ("fd00::1", "10.0.0.1")
    assert EtcdMember(1, "m1", (), (), False).addresses == ()


def test_an_id_is_shown_as_etcd_prints_it() -> None:
    assert hexadecimal(10276657743932975437) == "8e9e05c52164694d"


def test_a_voter_that_never_started_is_unfinished() -> None:
    listed = model.member_list({"header": HEADER, "members": [{"ID": "7", "peerURLs": ["https://127.0.0.2:2380"]}]})
    assert listed.voters == listed.unfinished == listed.members


def test_a_status_tells_who_leads() -> None:
    status = model.status(STATUS)
    assert status.leads
    assert (status.version, status.size_bytes, status.in_use_bytes) == ("3.7.0", 20480, 16384)


def test_a_status_tells_its_quota_where_it_has_one() -> None:
    assert model.status({**STATUS, "dbSizeQuota": "8589934592"}).quota_bytes == 8 * 2**30
    assert model.status(STATUS).quota_bytes == 0


def test_a_status_without_a_leader_leads_nothing() -> None:
    status = model.status({**STATUS, "leader": "0", "errors": ["etcdserver: no leader"]})
    assert (status.leader_id, status.leads, status.errors) == (0, False, ("etcdserver: no leader",))


def test_alarms_are_told_by_member() -> None:
    answer = {"header": HEADER, "alarms": [{"memberID": "7", "alarm": "NOSPACE"}]}
    assert model.alarms(answer) == (Alarm(7, AlarmKind.NO_SPACE),)
    assert model.alarms({"header": HEADER}) == ()


def test_health_says_why_not() -> None:
    assert model.health({"health": "true", "reason": ""}) == Health(True)
    assert model.health({"health": "false", "reason": "RAFT NO LEADER"}) == Health(False, "RAFT NO LEADER")


@pytest.mark.parametrize(
    ("parse", "answer"),
    [
        (model.member_list, {}),
        (model.member_list, {"header": HEADER}),
        (model.member_list, {"header": HEADER, "members": []}),
        (model.member_list, {"header": HEADER, "members": "none"}),
        (model.member_list, {"header": HEADER, "members": [{"name": "m1"}]}),
        (model.member_list, {"header": HEADER, "members": [{"ID": "x"}]}),
        (model.member_list, {"header": HEADER, "members": [{"ID": "7", "peerURLs": [7]}]}),
        (model.member_list, {"header": {}, "members": [{"ID": "7"}]}),
        (model.status, {"version": "3.7.0"}),
        (model.status, {"header": HEADER}),
        (model.alarms, {}),
        (model.alarms, {"header": HEADER, "alarms": [{"memberID": "7", "alarm": "FIRE"}]}),
        (model.health, {}),
        (model.health, {"health": True}),
    ],
)
def test_an_answer_of_another_shape_is_refused_and_never_taken_for_an_empty_one(
    parse: Callable[[Any], object], answer: dict[str, Any]
) -> None:
    with pytest.raises(NotUnderstood):
        parse(answer)


@pytest.mark.parametrize("refusal", Refusal)
def test_every_refusal_is_known_by_etcds_words(refusal: Refusal) -> None:
    assert failure("member remove", 503, {"code": 14, "message": f"etcdserver: {refusal}"}) == EtcdRefused(refusal)


def test_an_older_gateway_says_it_in_another_field() -> None:
    assert failure("x", 404, {"error": "etcdserver: member not found", "code": 5}) == EtcdRefused(
        Refusal.MEMBER_NOT_FOUND
    )


@pytest.mark.parametrize(
    "words",
    ["etcdserver: request timed out", "etcdserver: no leader", "etcdserver: leader changed", "member not foundx"],
)
def test_what_may_have_been_carried_out_is_unknown(words: str) -> None:
    outcome = failure("member remove", 503, {"message": words})
    assert outcome == Unknown(f"member remove: {words}", words.removeprefix("etcdserver: "))


def test_a_full_queue_is_a_throttle() -> None:
    assert isinstance(failure("status", 429, {"message": "etcdserver: too many requests"}), Throttled)


@pytest.mark.parametrize("answer", [None, [], "no", {}, {"message": 7}])
def test_an_error_without_words_is_unknown_with_its_status(answer: object) -> None:
    assert failure("status", 502, answer) == Unknown("status: status 502", "HTTP 502")
