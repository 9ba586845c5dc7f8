"""How a worker comes by its first certificate: whose key the agents see, and what it does when it is not approved."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from tests.unit.userdata.boot.faults import Crash, Fault
from tests.unit.userdata.boot.signing_api import place as place  # a fixture
from tests.unit.userdata.boot.worker_endings import gave_up, keeps_no_secret, serves
from tests.unit.userdata.boot.worker_world import JOIN_DATA, ME, WorkerWorld
from tests.unit.userdata.boot.worker_world import world as world  # a fixture
from userdata.boot.bootstrap_csr import KEY_FILE
from userdata.boot.end import End
from userdata.kubeadm.tokens import new_token
from userdata.pki.issuing import new_key
from userdata.pki.openssl import OpensslFailed


def test_no_request_is_made_until_the_keys_fingerprint_is_published(world: WorkerWorld) -> None:
    calls: list[int] = []

    def refuse(number: int, event: str) -> Fault | None:
        if event == "row: fingerprint":
            calls.append(len(world.api.calls))
        return Fault.FAILS if event == "row: fingerprint" and len(calls) < 5 else None

    world.fault = refuse
    assert world.boots() is End.SERVES
    serves(world)
    assert calls == [0] * 5
    assert "the key's fingerprint could not be published: UpdateItem: ReadTimeoutError" in world.reasons()


def test_a_fingerprint_that_can_never_be_published_gives_the_place_up_unasked(world: WorkerWorld) -> None:
    world.fault = lambda number, event: Fault.FAILS if event == "row: fingerprint" else None
    assert world.boots() is End.FAILED
    assert world.api.calls == []


def test_a_request_that_is_approved_late_is_waited_for_and_made_once(world: WorkerWorld) -> None:
    looks: list[str] = []

    def late() -> None:
        looks.append("look")
        if len(looks) == 8:
            world.agents_judge()

    world.judges = late
    assert world.boots() is End.SERVES
    serves(world)
    assert len(world.api.stored) == 1
    assert world.reasons() == ["the request for a certificate waits for an agent's approval"]


def test_a_request_that_nobody_judges_gives_the_place_up_in_the_end(world: WorkerWorld) -> None:
    world.judges = lambda: None
    assert world.boots() is End.FAILED
    gave_up(world, "the request for a certificate waits for an agent's approval")
    assert "run: kubeadm join" not in world.events


@pytest.mark.parametrize("kind", ["Denied", "Failed"])
def test_after_a_refused_request_another_key_is_published_and_then_asked_for(world: WorkerWorld, kind: str) -> None:
    def refuse() -> None:
        if len(world.api.stored) == 1:
            world.api.refuse(next(iter(world.api.stored)), kind, "the row speaks of another key")
        else:
            world.agents_judge()

    world.judges = refuse
    assert world.boots() is End.SERVES
    serves(world)
    keeps_no_secret(world)
    first, second = world.api.stored
    asked = [call.name for call in world.api.calls if call.method == "POST"]
    assert asked == [first, second]
    assert second == f"holdfast-{ME}-{str(world.fingerprint)[:12]}"
    assert "the request for a certificate was denied: the row speaks of another key" in world.reasons()


def test_whose_every_request_is_denied_gives_its_place_up_and_asks_for_no_key_twice(world: WorkerWorld) -> None:
    def deny() -> None:
        for name in world.api.stored:
            world.api.refuse(name)

    world.judges = deny
    assert world.boots() is End.FAILED
    gave_up(world, "the request for a certificate was denied")
    asked = [call.name for call in world.api.calls if call.method == "POST"]
    assert len(asked) == len(set(asked)) == len(world.api.stored)


def test_a_token_that_the_api_does_not_know_is_read_again_until_it_was_renewed(world: WorkerWorld) -> None:
    world.api.tokens = set()
    naps: list[float] = []

    def renewed() -> None:
        naps.append(world.now)
        if len(naps) == 3:
            world.publish(replace(world.data, token=new_token()))

    world.while_asleep = renewed
    assert world.boots() is End.SERVES
    serves(world)
    assert world.reasons() == ["the API answers 401: Unauthorized"]
    assert len({call.token for call in world.api.calls}) == 2
    assert len(world.api.stored) == 1


def test_a_token_that_is_never_renewed_gives_the_place_up_in_the_end(world: WorkerWorld) -> None:
    world.api.tokens = set()
    assert world.boots() is End.FAILED
    gave_up(world, "the API answers 401: Unauthorized")


@pytest.mark.parametrize("stored", ["nothing", "{}", "of an earlier epoch"])
def test_join_data_that_become_worse_meanwhile_do_not_replace_those_that_were_read(
    world: WorkerWorld, stored: str
) -> None:
    naps: list[float] = []

    def worse() -> None:
        naps.append(world.now)
        if len(naps) == 1:
            earlier = replace(world.data, epoch=2, server="https://127.0.0.1:1").text
            world.parameters[JOIN_DATA] = earlier if stored == "of an earlier epoch" else stored

    world.while_asleep = worse
    world.judges = lambda: world.agents_judge() if len(naps) > 3 else None
    assert world.boots() is End.SERVES
    serves(world)


def test_an_api_that_is_not_there_is_looked_for_where_the_newest_join_data_say(world: WorkerWorld) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    world.publish(replace(world.data, server=f"https://127.0.0.1:{port}"))
    naps: list[float] = []

    def moved() -> None:
        naps.append(world.now)
        if len(naps) == 4:
            world.publish(world.data)

    world.while_asleep = moved
    assert world.boots() is End.SERVES
    serves(world)
    assert world.reasons() == ["the API at 127.0.0.1: ConnectionRefusedError: [Errno 111] Connection refused"]


def test_a_cluster_that_was_restored_meanwhile_is_asked_with_the_same_key(world: WorkerWorld) -> None:
    world.api.tokens = set()
    naps: list[float] = []

    def restored() -> None:
        naps.append(world.now)
        if len(naps) == 2:
            world.store(replace(world.record, epoch=4, etcd_cluster_id="e4"))
        if len(naps) == 4:
            world.publish(replace(world.data, epoch=4, etcd_cluster_id="e4", token=new_token()))

    world.while_asleep = restored
    assert world.boots() is End.SERVES
    serves(world)
    assert len([name for name in world.secrets if name.startswith("key")]) == 1


# the key on the disk


def broken_at(world: WorkerWorld, event: str, content: bytes) -> None:
    """Boot until that happens; what is then left of the key is this."""
    world.fault = lambda number, happening: Fault.CRASH if happening == event else None
    with pytest.raises(Crash):
        world.boot()
    world.reboot()
    world.fault = lambda number, happening: None
    (world.root / KEY_FILE.lstrip("/")).write_bytes(content)


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\n", b"\xff" * 100], ids=["", "half", "no text"])
def test_a_key_that_a_crash_has_spoilt_is_replaced_by_one_that_is_published_and_the_log_says_so(
    world: WorkerWorld, content: bytes
) -> None:
    broken_at(world, "row: fingerprint", content)
    assert world.boots() is End.SERVES
    serves(world)
    keeps_no_secret(world)
    (told,) = world.reasons()
    assert told.startswith("the key that was left is replaced by a new one: ")


def test_whose_approved_key_is_spoilt_gives_its_place_up_in_the_end(world: WorkerWorld) -> None:
    broken_at(world, "run: kubeadm join", b"")
    # Agents approve no second key of an instance.
    world.judges = lambda: None
    assert world.boots() is End.FAILED
    gave_up(world, "the request for a certificate waits for an agent's approval")


@pytest.mark.parametrize("error", [OpensslFailed("openssl genpkey: TimeoutExpired"), OSError(28, "No space left")])
@pytest.mark.parametrize("times", [3, 1000])
def test_a_key_that_cannot_be_made_is_made_later_or_the_place_is_given_up(
    world: WorkerWorld, monkeypatch: pytest.MonkeyPatch, error: Exception, times: int
) -> None:
    tries: list[float] = []

    def make() -> str:
        tries.append(world.now)
        if len(tries) <= times:
            raise error
        return new_key()

    monkeypatch.setattr("userdata.boot.bootstrap_csr.new_key", make)
    ended = world.boots()
    if times == 3:
        assert ended is End.SERVES
        serves(world)
    else:
        assert ended is End.FAILED
        gave_up(world, f"no key can be made: {error}")
        assert world.api.calls == []
    assert world.reasons()[0] == f"no key can be made: {error}"
