"""The clients: what they call failed and what maybe, and what a real etcd leaves in their history."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from coordination.outcomes import Known
from tests.integration.node.etcd_cluster import EtcdCluster
from tests.storm.clients import Load, Register, calling
from tests.storm.history import Call, Operation, Outcome
from tests.storm.linearizable import Linearizable, NotLinearizable, check
from tests.storm.recorder import Recorder, read_back, recording
from tests.waiting import BUSY_SECONDS, wait_for
from userdata.host import https
from userdata.host.https import NO_CREDENTIALS, Answer, Credentials, NoAnswer

NOBODY = "127.0.0.1"
NO_FILES = Credentials("none", "none", "none")
HEADER = {"header": {"revision": "7"}}


def answer(status: int, said: object) -> Known[Answer]:
    return Known(Answer(status, json.dumps(said).encode()))


def error(words: str) -> Known[Answer]:
    return answer(503, {"code": 14, "message": f"etcdserver: {words}"})


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    with recording(tmp_path / "history") as made:
        yield made


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (NoAnswer("", NO_CREDENTIALS), Outcome.FAILED),
        (NoAnswer("", "ConnectionRefusedError"), Outcome.FAILED),
        (NoAnswer("", "CertificateUntrusted"), Outcome.FAILED),
        (error("too many requests"), Outcome.FAILED),
        (error("rpc not supported for learner"), Outcome.FAILED),
        (NoAnswer("", "TimeoutError"), Outcome.MAYBE),
        (NoAnswer("", "ConnectionResetError"), Outcome.MAYBE),
        (NoAnswer("", "RemoteDisconnected"), Outcome.MAYBE),
        (error("request timed out"), Outcome.MAYBE),
        (error("leader changed"), Outcome.MAYBE),
        # Said of what was applied, too.
        (error("mvcc: database space exceeded"), Outcome.MAYBE),
        (Known(Answer(502, b"<html>")), Outcome.MAYBE),
        (Known(Answer(200, b"<html>")), Outcome.MAYBE),
        (answer(200, HEADER), Outcome.OK),
    ],
)
def test_only_what_certainly_took_no_effect_has_failed(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, said: object, outcome: Outcome
) -> None:
    # No real etcd can be made to give each of these answers.
    monkeypatch.setattr(https, "ask", lambda *given, **named: said)
    call = Register(NO_FILES, recorder, 1).write(3, NOBODY, "k", "a")
    assert (call.client, call.operation, call.value, call.outcome) == (3, Operation.WRITE, "a", outcome)
    assert read_back(recorder.history) == [call]


@pytest.mark.parametrize("said", [{}, {"kvs": [{}]}, HEADER | {"kvs": [{"value": "?"}]}, HEADER | {"kvs": 1}])
def test_an_answer_that_cannot_be_understood_says_nothing(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, said: object
) -> None:
    monkeypatch.setattr(https, "ask", lambda *given, **named: answer(200, said))
    register = Register(NO_FILES, recorder, 1)
    assert register.read(0, NOBODY, "k").outcome is Outcome.MAYBE
    assert register.compare_and_swap(0, NOBODY, "k", None, "a").outcome is Outcome.MAYBE


def test_a_client_that_breaks_is_heard_of(recorder: Recorder) -> None:
    asked = threading.Event()

    def endpoints() -> list[str]:
        asked.set()
        raise LookupError("no such cluster")

    with pytest.raises(LookupError, match="no such cluster"), calling(Load(("k",)), endpoints, NO_FILES, recorder):
        assert asked.wait(BUSY_SECONDS)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[EtcdCluster]:
    made = EtcdCluster(tmp_path)
    yield made
    made.stop()


@pytest.mark.integration
def test_a_real_etcd_answers_each_call_as_a_register(cluster: EtcdCluster, recorder: Recorder) -> None:
    cluster.found(["m1"])
    register, at = Register(cluster.credentials, recorder, 8), cluster.address("m1")

    def swap(expected: str | None, value: str) -> tuple[str | None, bool | None]:
        call = register.compare_and_swap(0, at, "k", expected, value)
        return call.found, call.swapped

    assert register.read(0, at, "k").found is None
    assert swap("a", "b") == (None, False)
    assert swap(None, "a") == (None, True)
    assert swap(None, "b") == ("a", False)
    assert swap("a", "") == ("a", True)
    assert register.read(0, at, "k").found == ""
    assert swap("", "ü") == ("", True)
    assert register.write(0, at, "k", "c").outcome is Outcome.OK
    assert register.read(0, at, "k").found == "c"
    with cluster.hung("m1"):
        assert Register(cluster.credentials, recorder, 0.2).write(0, at, "k", "d").outcome is Outcome.MAYBE
    cluster.kill("m1")
    assert register.write(0, at, "k", "e").outcome is Outcome.FAILED


@pytest.mark.integration
def test_what_clients_of_a_real_etcd_record_while_a_member_dies_is_linearizable_and_wrong_without_one_write(
    cluster: EtcdCluster, recorder: Recorder, porcupine: Path
) -> None:
    cluster.found(["m1", "m2", "m3"])
    addresses = [cluster.address("m1")]
    load = Load(("storm/0", "storm/1"), clients=4, pause_seconds=0.01, answer_seconds=8)

    def ended() -> int:
        # A call that is being written may have no whole line yet.
        return recorder.history.read_text(encoding="utf-8").count("\n")

    with calling(load, lambda: addresses, cluster.credentials, recorder):
        wait_for(lambda: ended() > 60, "calls by one member")
        # Endpoints change, and one of them dies.
        addresses.append(cluster.address("m2"))
        cluster.kill("m1")
        before = ended()
        wait_for(lambda: ended() > before + 60, "calls by another member")
    calls = read_back(recorder.history)
    assert {call.outcome for call in calls} >= {Outcome.OK, Outcome.FAILED}
    assert {call.swapped for call in calls} == {True, False, None}
    assert {call.operation for call in calls} == set(Operation)
    assert check(calls) == Linearizable(tuple(dict.fromkeys(call.key for call in calls)), len(calls))
    seen = next(call for call in calls if is_seen(call, calls))
    verdict = check([call for call in calls if call is not seen])
    assert isinstance(verdict, NotLinearizable)
    assert verdict.keys == (seen.key,)
    # The same write, if nobody had acknowledged it, may have happened all the same.
    lost = replace(seen, outcome=Outcome.MAYBE)
    assert isinstance(check([lost if call is seen else call for call in calls]), Linearizable)


def is_seen(write: Call, calls: list[Call]) -> bool:
    """Whether this is a write that somebody found."""
    return write.operation is Operation.WRITE and any(call.found == write.value for call in calls)
