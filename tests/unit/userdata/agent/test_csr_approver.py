"""Approvals under load: thousands of hostile requests, requests of a megabyte, a thousand nodes at once."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from coordination.boots import Boot, tell
from coordination.instances import GroupInstance
from coordination.names import boot_item, first_request_name
from coordination.outcomes import Done, Item, Known, Unknown
from coordination.writes import as_item
from tests.unit.userdata.requests import of_node
from userdata.agent.csr_approver import JUDGING_SECONDS, LOOKING_SECONDS, CsrApprover
from userdata.agent.csr_policy import GRACE_SECONDS
from userdata.agent.csr_queue import KEPT, LARGEST_REQUEST, TURNS
from userdata.kube.outcomes import NotFound
from userdata.kube.resources import Object, Resource
from userdata.kube.rights import CLIENT_SIGNER, SERVING_SIGNER
from userdata.kubeadm.tokens import GROUP
from userdata.logs.lines import StageFailed
from userdata.pki.issuing import new_key
from userdata.pki.requests import parse

NOW = 1_800_000_000.0
ANSWER_SECONDS = 0.005
"""What the API server and the table take for an answer here, and half of what a write takes."""
PLACE = "i-00000000000000000"
KEY, OTHER_KEY = new_key(), new_key()
OF_KEY, OF_OTHER_KEY = of_node(PLACE, key=KEY), of_node(PLACE, key=OTHER_KEY)
FINGERPRINT = parse(OF_KEY).fingerprint


def worker(number: int) -> str:
    return f"i-{number:017x}"


def about(name: str, template: str = OF_KEY) -> str:
    """A request about another instance; nobody here looks at signatures."""
    der = base64.b64decode("".join(template.splitlines()[1:-1]))
    changed = base64.b64encode(der.replace(PLACE.encode(), name.encode())).decode()
    lines = [changed[start : start + 64] for start in range(0, len(changed), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE REQUEST-----", *lines, "-----END CERTIFICATE REQUEST-----", ""])


def as_holder(request: str) -> dict[str, Any]:
    return {
        "signerName": CLIENT_SIGNER,
        "username": "system:bootstrap:abcdef",
        "groups": [GROUP, "system:bootstrappers", "system:authenticated"],
        "usages": ["digital signature", "client auth"],
        "request": base64.b64encode(request.encode()).decode(),
    }


def as_node(request: str, name: str) -> dict[str, Any]:
    groups = ["system:nodes", "system:authenticated"]
    return {**as_holder(request), "username": f"system:node:{name}", "groups": groups}


@dataclass
class World:
    """An API server, a table and a cloud of our workers, whose answers take time; and a clock that only they move."""

    ours: list[str]
    at: float = 0.0
    stored: dict[str, dict[str, Any]] = field(default_factory=dict)
    terminated: set[str] = field(default_factory=set)
    asked_of_ec2: set[str] = field(default_factory=set)

    def ask(self, spec: dict[str, Any], age: float = 1.0, name: str = "") -> str:
        name = name or f"csr-{len(self.stored)}"
        created = datetime.fromtimestamp(NOW - age, UTC).isoformat()
        metadata = {"name": name, "uid": name, "resourceVersion": "1", "creationTimestamp": created}
        self.stored[name] = {"metadata": metadata, "spec": spec, "status": {}}
        return name

    def kind(self, name: str) -> str:
        """How a request was judged; empty while it waits."""
        return "".join(each["type"] for each in self.stored[name]["status"].get("conditions", []))

    def approver(self) -> CsrApprover:
        api: Any = self
        return CsrApprover(api, self, self, lambda name: name, now=lambda: NOW, steady=lambda: self.at)  # type: ignore[arg-type]

    # the API server

    def pages(self, _: Resource, selectors: Mapping[str, str], largest: int) -> Iterator[Known[tuple[Object, ...]]]:
        signer = selectors["fieldSelector"].removeprefix("spec.signerName=")
        found = [each for each in self.stored.values() if each["spec"]["signerName"] == signer]
        for start in range(0, len(found), 200):
            yield Known(tuple(found[start : start + 200]))

    def get(self, *asked: Any) -> Any:
        self.at += ANSWER_SECONDS
        if len(asked) == 2:
            return NotFound("no such Node")
        (item_id,) = asked
        known = {boot_item(name): name for name in self.ours}
        if item_id not in known:
            return Known(None)
        told = tell(Boot(known[item_id], "certificate", fingerprint=FINGERPRINT))
        row: Item = as_item(told.item_id, dict(told.changes))
        return Known(row)

    def judge(self, head: Object, condition: Mapping[str, str]) -> Done:
        self.at += 2 * ANSWER_SECONDS
        self.stored[head["metadata"]["name"]]["status"] = {"conditions": [condition]}
        return Done()

    # AWS

    def instances(self) -> Known[tuple[GroupInstance, ...]]:
        return Known(tuple(GroupInstance(name, "pool", "worker", "InService") for name in self.ours))

    def states(self, names: Collection[str]) -> Known[dict[str, str | None]]:
        self.asked_of_ec2 |= {*names}
        return Known({name: "terminated" if name in self.terminated else "running" for name in names})

    def addresses(self, names: Collection[str]) -> Known[dict[str, frozenset[str]]]:
        return Known(dict.fromkeys(names, frozenset()))


def test_ten_thousand_requests_in_made_up_names_hold_no_join_up_and_cost_no_look_at_ec2() -> None:
    world = World([worker(1)])
    for number in range(10_000):
        world.ask(as_holder(about(worker(1000 + number))), age=GRACE_SECONDS + 1)
    good = world.ask(as_holder(about(worker(1))))
    world.approver().run()
    assert world.kind(good) == "Approved"
    assert world.asked_of_ec2 == {worker(1)}
    assert world.at < LOOKING_SECONDS + JUDGING_SECONDS + 1


def test_what_names_no_instance_of_ours_is_denied_in_the_end() -> None:
    world = World([worker(1)])
    for number in range(1500):
        world.ask(as_holder(about(worker(1000 + number))), age=GRACE_SECONDS + 1)
    approver = world.approver()
    for _ in range(4):
        approver.run()
    assert {world.kind(name) for name in world.stored} == {"Denied"}


def test_a_name_of_no_group_waits_for_auto_scaling_to_know_it() -> None:
    world = World([])
    early = world.ask(as_holder(about(worker(1))), age=GRACE_SECONDS - 1)
    assert world.approver().run() == ""
    world.ours.append(worker(1))
    world.approver().run()
    assert world.kind(early) == "Approved"


def test_requests_in_a_workers_own_name_delay_it_by_a_few_passes_only() -> None:
    world = World([worker(number) for number in range(20)])
    for number in range(2000):
        world.ask(as_holder(about(worker(number % 20), OF_OTHER_KEY)), age=60.0)
    good = [world.ask(as_holder(about(worker(number)))) for number in range(20)]
    approver = world.approver()
    for _ in range(2000 // 20 // TURNS + 1):
        approver.run()
    assert {world.kind(name) for name in good} == {"Approved"}


@pytest.mark.parametrize("age", [1.0, 60.0])
def test_what_others_store_in_a_workers_name_does_not_delay_its_own_request(age: float) -> None:
    world = World([worker(1)])
    for _ in range(5000):
        world.ask(as_holder(about(worker(1), OF_OTHER_KEY)), age=60.0)
    # Anybody may copy the request, which the API server shows; its name is there once.
    for _ in range(KEPT):
        world.ask(as_holder(about(worker(1))), age=60.0)
    own = world.ask(as_holder(about(worker(1))), age, first_request_name(worker(1), FINGERPRINT))
    world.approver().run()
    assert world.kind(own) == "Approved"


def test_whoever_may_join_is_told_before_those_that_may_not() -> None:
    world = World([worker(number) for number in range(701)])
    for number in range(700):
        world.ask(as_holder(about(worker(number), OF_OTHER_KEY)), age=GRACE_SECONDS + 1)
    good = world.ask(as_holder(about(worker(700))))
    world.approver().run()
    assert world.kind(good) == "Approved"
    assert sum(world.kind(name) == "Denied" for name in world.stored) < 700


def test_a_hundred_requests_of_a_megabyte_are_denied_unread() -> None:
    world = World([worker(1)])
    large = {**as_holder(""), "request": "A" * (1 << 20)}
    names = [world.ask(large, age=60.0) for _ in range(100)]
    good = world.ask(as_holder(about(worker(1))))
    said = world.approver().run()
    assert said.startswith("approved")
    assert f"it has more than {LARGEST_REQUEST} characters" in said
    assert "and 81 more" in said
    assert {world.kind(name) for name in names} == {"Denied"}
    assert world.kind(good) == "Approved"


def test_a_thousand_nodes_join_at_once() -> None:
    world = World([worker(number) for number in range(1000)])
    names = [world.ask(as_holder(about(name))) for name in world.ours]
    approver = world.approver()
    passes = 0
    while {world.kind(name) for name in names} != {"Approved"}:
        passes += 1
        before = world.at
        approver.run()
        assert world.at - before <= LOOKING_SECONDS + JUDGING_SECONDS + 1
        assert passes < 10
    # Each costs a look at its row, one at its Node, and the approval.
    assert world.at < 1000 * 5 * ANSWER_SECONDS


def test_a_node_renews_its_certificate_for_as_long_as_its_instance_lives() -> None:
    world = World([worker(1), worker(2)])
    world.terminated.add(worker(2))
    lives = world.ask(as_node(about(worker(1)), worker(1)))
    ended = world.ask(as_node(about(worker(2)), worker(2)))
    detached = world.ask(as_node(about(worker(3)), worker(3)), age=3600.0)
    of_another = world.ask(as_node(about(worker(1)), worker(2)))
    world.approver().run()
    assert [world.kind(name) for name in (lives, ended, detached, of_another)] == ["Approved", "Denied", "", "Denied"]


def test_what_others_judge_is_left_to_them() -> None:
    world = World([worker(1)])
    joiner = {**as_holder(about(worker(1))), "username": "holdfast:joiner:x", "groups": ["kubeadm:cluster-admins"]}
    elsewhere = {**as_holder(about(worker(1))), "signerName": "example.com/people"}
    names = [world.ask(joiner, age=3600.0), world.ask(elsewhere, age=3600.0)]
    assert world.approver().run() == ""
    assert [world.kind(name) for name in names] == ["", ""]


def test_a_server_that_names_nothing_of_itself_is_denied() -> None:
    world = World([worker(1)])
    spec = {**as_node(about(worker(1)), worker(1)), "signerName": SERVING_SIGNER, "usages": ["server auth"]}
    name = world.ask(spec)
    world.approver().run()
    assert world.kind(name) == "Denied"


def test_a_row_that_cannot_be_read_holds_no_other_up(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World([worker(1), worker(2)])
    first = world.ask(as_holder(about(worker(1))), age=2.0)
    second = world.ask(as_holder(about(worker(2))))
    read = world.get

    def busy(*asked: Any) -> Any:
        return Unknown("GetItem: busy") if asked == (boot_item(worker(1)),) else read(*asked)

    monkeypatch.setattr(world, "get", busy)
    with pytest.raises(StageFailed, match=f"^GetItem: busy; approved {second}: "):
        world.approver().run()
    assert [world.kind(name) for name in (first, second)] == ["", "Approved"]
