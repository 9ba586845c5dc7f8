"""The agent's answers to people, with every call failing once, and a pass that is broken off anywhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from coordination.access import (
    MOST_OPEN,
    VALID_SECONDS,
    AccessGranted,
    AccessRefused,
    OutlinePage,
    Refusal,
    answer,
    outline,
)
from coordination.names import AccessGroup
from coordination.outcomes import Item, Known, Reading, Unknown
from deployment.client_key import ClientKey
from tests.unit.userdata.agent.asking import ALICE, BOB, CHANGED, INVALID, LISTED, NO_ANSWER, NOW, Signer, asking
from tests.unit.userdata.tables import Fate, MemoryTable
from userdata.agent import access_requests
from userdata.agent.access_policy import MOST_REFUSED
from userdata.agent.access_requests import ANSWERING_SECONDS, MOST_ROWS, SIGNING_SECONDS, AccessRequests
from userdata.logs.lines import StageFailed


class RequestTable(MemoryTable):
    """The access table: pages of three rows."""

    def outlines(self, after: str) -> Reading[OutlinePage]:
        found = self.items(["access#"])
        if isinstance(found, Unknown):
            return found
        rows = sorted((outline(item) for item in found.value), key=lambda row: row.item_id)
        rows = [row for row in rows if row.item_id > after]
        return Known(OutlinePage(tuple(rows[:3]), rows[2].item_id if len(rows) > 3 else ""))


class World:
    """A table, an API server, and a clock that moves while somebody waits."""

    def __init__(self, *items: Item) -> None:
        self.requests: AccessRequests | None = None
        self.table = RequestTable(*items)
        self.signer = Signer()
        self.now = float(NOW)
        self.listed: Any = lambda: LISTED

    def run(self) -> str:
        signer: Any = self.signer
        self.requests = self.requests or AccessRequests(
            signer,
            self.table,
            lambda: self.listed(),
            lambda: "authority",
            now=lambda: self.now,
            steady=lambda: self.now,
            sleep=self._wait,
        )
        return self.requests.run()

    def _wait(self, seconds: float) -> None:
        self.now += seconds

    def answer(self, item_id: str) -> AccessGranted | AccessRefused | None:
        item = self.table.stored(item_id)
        return None if item is None else answer(item)


def test_a_request_becomes_a_certificate_and_its_row_goes_ten_minutes_later() -> None:
    request = asking()
    world = World(request.item())
    assert "granted: arn:aws:iam::123456789012:user/alice as holdfast:view for 3600 s" in world.run()
    assert world.answer(request.item_id) == AccessGranted("certificate", "authority", NOW)
    (made,) = world.signer.objects.values()
    assert made["spec"]["signerName"] == "kubernetes.io/kube-apiserver-client"
    assert made["spec"]["expirationSeconds"] == 3600
    assert made["spec"]["usages"] == ["digital signature", "client auth"]
    assert world.run() == ""
    world.now += VALID_SECONDS + 1
    world.run()
    assert world.table.keys == ()


def test_nothing_is_asked_of_anybody_while_nobody_asks() -> None:
    world = World()
    world.listed = None
    assert world.run() == ""
    assert world.table.calls == ["items access#"]
    assert world.signer.calls == []


def test_the_same_request_again_is_refused_and_so_is_another_one_with_its_key() -> None:
    key = ClientKey.made(ALICE.name, "holdfast:view")
    request = asking(key=key)
    world = World(request.item())
    world.run()
    for again in (request, replace(request, number="2"), replace(request, requested_at=NOW)):
        world.table.store(again.item())
        assert "refused" in world.run()
        given = world.answer(again.item_id)
        assert isinstance(given, AccessRefused)
        assert given.refusal is Refusal.REPLAYED


def test_a_key_whose_request_was_broken_off_is_good_for_that_request_alone() -> None:
    key = ClientKey.made(ALICE.name, "holdfast:view")
    first, second = asking(key=key), asking(key=key, number="2")
    world = World(first.item())
    world.signer.signs = False
    with pytest.raises(StageFailed, match="not signed yet"):
        world.run()
    world.table.remove(first.item_id)
    world.table.store(second.item())
    world.run()
    given = world.answer(second.item_id)
    assert isinstance(given, AccessRefused)
    assert given.refusal is Refusal.REPLAYED


@pytest.mark.parametrize(
    "forged",
    [
        {"request": "another"},
        {"signerName": "kubernetes.io/kubelet-serving"},
        {"expirationSeconds": 10**9},
        {"usages": ["server auth"]},
        {"groups": ["system:authenticated"]},
    ],
    ids=str,
)
def test_an_object_that_somebody_else_has_put_in_its_place_is_not_approved(forged: dict[str, Any]) -> None:
    """Its name and its annotations follow from what whoever reads the table knows."""
    request = asking()
    world = World(request.item())
    world.signer.answers = {"judge": NO_ANSWER}
    with pytest.raises(StageFailed):
        world.run()
    world.signer.answers = {}
    (name,) = world.signer.objects
    world.signer.objects[name]["spec"] |= forged
    world.signer.calls.clear()
    world.run()
    assert "judge" not in world.signer.calls
    given = world.answer(request.item_id)
    assert isinstance(given, AccessRefused)
    assert given.refusal is Refusal.REPLAYED


def test_a_refusal_takes_what_was_too_large_out_of_the_table() -> None:
    request = asking(request="x" * 100_000)
    world = World(request.item())
    assert "too-large" in world.run()
    given = world.answer(request.item_id)
    assert isinstance(given, AccessRefused)
    assert given.refusal is Refusal.TOO_LARGE
    assert "Request" not in (world.table.stored(request.item_id) or {})


@pytest.mark.parametrize(("answers", "fails"), [({"create": INVALID}, ""), ({}, "SignerValidationFailure")])
def test_what_the_api_server_does_not_sign_is_refused(answers: dict[str, Any], fails: str) -> None:
    request = asking()
    world = World(request.item())
    world.signer.answers, world.signer.fails = answers, fails
    world.run()
    given = world.answer(request.item_id)
    assert isinstance(given, AccessRefused)
    assert given.refusal is Refusal.NOT_SIGNED


@pytest.mark.parametrize("call", ["create", "judge", "merge"])
def test_a_call_without_an_answer_is_made_again_in_the_next_pass(call: str) -> None:
    request = asking()
    world = World(request.item())
    world.signer.answers = {call: NO_ANSWER}
    with pytest.raises(StageFailed, match="no answer"):
        world.run()
    world.signer.answers = {}
    world.run()
    assert isinstance(world.answer(request.item_id), AccessGranted)


def test_somebody_else_may_have_approved_it() -> None:
    request = asking()
    world = World(request.item())
    world.signer.answers = {"judge": CHANGED}
    with pytest.raises(StageFailed, match="not signed yet"):
        world.run()
    assert world.now <= NOW + SIGNING_SECONDS + 1
    world.signer.answers = {}
    world.run()
    assert isinstance(world.answer(request.item_id), AccessGranted)


@pytest.mark.parametrize("call", [0, 1, 2])
@pytest.mark.parametrize("fate", [Fate.FAILED, Fate.LOST])
def test_a_table_that_fails_ends_the_pass_or_the_answer_and_nothing_is_answered_twice(fate: Fate, call: int) -> None:
    request = asking()
    world = World(request.item())
    asked: list[str] = []

    def fails_once(what: str) -> Fate:
        asked.append(what)
        return fate if len(asked) == call + 1 else Fate.ANSWERED

    world.table.fate = fails_once
    with pytest.raises(StageFailed):
        world.run()
    world.run()
    assert isinstance(world.answer(request.item_id), AccessGranted)
    assert len(world.signer.objects) == 1
    assert world.signer.calls.count("judge") == 1


def test_one_that_cannot_be_answered_holds_no_other_up() -> None:
    first, second = asking(ALICE), asking(BOB, AccessGroup.ADMIN)
    world = World(first.item(), second.item())
    world.table.fate = lambda call: Fate.FAILED if call == f"put {first.item_id}" else Fate.ANSWERED
    with pytest.raises(StageFailed, match="granted: arn:aws:sts::123456789012:assumed-role/ops/bob"):
        world.run()
    assert isinstance(world.answer(second.item_id), AccessGranted)


def test_a_newer_request_in_the_same_row_is_not_answered_by_the_older_ones_certificate() -> None:
    request = asking()
    newer = replace(asking(), requested_at=NOW - 1)
    world = World(request.item())
    plain = world.signer.judge

    def meanwhile(*asked: Any) -> Any:
        world.table.store(newer.item())
        return plain(*asked)

    world.signer.judge = meanwhile  # type: ignore[assignment,method-assign]
    world.run()
    assert world.table.stored(request.item_id) == newer.item()


def test_who_may_what_is_asked_at_each_pass_and_nothing_is_answered_where_it_is_not_known() -> None:
    request = asking()
    world = World(request.item())

    def unknown() -> Any:
        raise StageFailed("SSM does not answer")

    world.listed = unknown
    with pytest.raises(StageFailed, match="SSM"):
        world.run()
    assert world.answer(request.item_id) is None
    world.listed = lambda: dict.fromkeys(AccessGroup, ())
    world.run()
    given = world.answer(request.item_id)
    assert isinstance(given, AccessRefused)
    assert given.refusal is Refusal.NOT_LISTED


def test_a_pass_ends_in_time_where_nothing_is_signed() -> None:
    world = World(*(asking(replace(BOB, user_id=f"AROAOPS:{number}")).item() for number in range(50)))
    world.signer.signs = False
    with pytest.raises(StageFailed):
        world.run()
    assert world.now - NOW < ANSWERING_SECONDS + SIGNING_SECONDS + 1


def test_a_table_with_more_rows_than_a_pass_sees_is_seen_whole_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_requests, "MOST_ROWS", 6)
    world = World(*(asking(replace(BOB, user_id=f"AROAOPS:{number:03}")).item() for number in range(20)))
    for _ in range(4):
        world.run()
    assert all(isinstance(world.answer(item_id), AccessGranted) for item_id in world.table.keys)
    assert MOST_ROWS > 1000


def test_a_flood_is_deleted_and_said_in_a_line_of_bounded_length() -> None:
    world = World(*(replace(asking(), number=f"{number:04}" + "x" * 300).item() for number in range(500)))
    assert len(world.run()) < 10_000
    assert len(world.table.keys) == MOST_OPEN + MOST_REFUSED


def test_one_number_that_nobody_can_write_a_condition_on_stops_nothing() -> None:
    """DynamoDB stores 1E100, and its own client refuses to send it back."""
    good = asking(BOB, AccessGroup.ADMIN)
    for field in ("RequestedAt", "AnsweredAt"):
        world = World({**asking().item(), field: 10**100}, good.item())
        world.run()
        assert isinstance(world.answer(good.item_id), AccessGranted)
        stored = world.table.stored(asking().item_id)
        assert stored is None or isinstance(answer(stored), AccessRefused)
