"""Whatever a worker writes into the one item that IAM lets it write, everybody else decides as without it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordination.boots import Boot, tell
from coordination.conditions import Condition
from coordination.instances import GroupInstance
from coordination.names import TABLE_KEY, boot_item
from coordination.outcomes import Done, Item, Known, Unknown
from coordination.record import ClusterRecord, Phase
from coordination.report.rendering import document
from coordination.timings import Timings
from coordination.writes import as_item
from functions.reconcile.decide import decide as function_decides
from functions.reconcile.gather import gather as function_gathers
from functions.reconcile.ports import Ports
from tests.unit.functions.harness import CLUSTER_ID, NOW, SETTINGS, FakeGroups, FakeRoot, instance
from tests.unit.userdata.agent import looks
from tests.unit.userdata.boot.faults import ME, OTHER
from tests.unit.userdata.boot.surroundings import Neighbours
from tests.unit.userdata.boot.world import World
from tests.unit.userdata.tables import MemoryTable
from userdata.agent.csr_approver import CsrApprover
from userdata.agent.observe.gather import ObservationSources
from userdata.agent.observe.snapshot import Nodes
from userdata.agent.observe.task import Observer
from userdata.boot import bootstrap_csr
from userdata.boot.bootstrap_csr import Key
from userdata.boot.decide import decide
from userdata.boot.gather import Gatherer
from userdata.boot.keys import Keys
from userdata.boot.restore import RestoreRules, decide_restore
from userdata.boot.slot_failures import note_failure
from userdata.kube.outcomes import NotFound
from userdata.kube.resources import Object, Resource
from userdata.kubeadm.tokens import GROUP
from userdata.status import gather as status
from userdata.status.decide import decide as status_decides
from userdata.status.snapshot import Who

PREFIX = "arn:aws:ec2:us-east-1:123456789012:instance/"
WORKER = "i-0000000000000000f"
JOINER = "i-0000000000000000a"
ROW = boot_item(PREFIX + WORKER)

FIELDS = [
    "Stage",
    "Reason",
    "Fingerprint",
    "StartedAt",
    "Place",
    "FailedAt",
    "GoneSince",
    "Epoch",
    "State",
    "Owner",
    "Condition",
]
SCALARS: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers(-(10**38), 10**38)
    | st.sampled_from([0, NOW, NOW + 10**9, "", "decide", "0", "2", ME, OTHER, JOINER])
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.just(Decimal("1e125"))
    | st.text(max_size=20)
    | st.text(min_size=1, max_size=3).map(lambda text: text * 100_000)
    | st.binary(max_size=20)
)
# What DynamoDB can hold, as boto3 gives it.
VALUES = st.recursive(
    SCALARS | st.sets(st.text(max_size=3), max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
# A row as a control plane could have written it, that says what others tell of themselves.
PLAUSIBLE = st.fixed_dictionaries(
    {
        "Stage": st.sampled_from(["decide", "given-up"]),
        "Condition": st.sampled_from(["QuorumLost", "RestoreBlocked", "BootFailed/slot-2"]),
    },
    optional={
        "Place": st.sampled_from(["0", "2"]),
        "StartedAt": st.sampled_from([0, NOW]),
        "GoneSince": st.sampled_from([0, NOW, NOW + 10**9]),
        "FailedAt": st.just(NOW),
    },
)
ITEMS = (
    PLAUSIBLE | st.dictionaries(st.sampled_from(FIELDS) | st.text(min_size=1, max_size=10), VALUES, max_size=6)
).map(lambda fields: {**fields, TABLE_KEY: ROW})
every = settings(max_examples=60, deadline=None)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("node")


# boot


def booting(root: Path, *items: Item) -> list[object]:
    """What a fresh control plane decides beside an owner that is gone, when all are lost, and when it fails."""
    world = World(root, timings=Timings(lease=0))
    for item in items:
        world.table.store(item)
    context = world.context()
    gatherer = Gatherer(context, Keys(context), Neighbours(world))
    try:
        world.table.store(ClusterRecord("arn:stack", Phase.CLAIMED, 1, OTHER, 1).item())
        world.gone.add(OTHER)
        found: list[object] = [decide(gatherer.look())]
        world.other_founds()
        world.table.store({TABLE_KEY: boot_item(PREFIX + ME), "Stage": "decide"})
        record = world.record
        assert record is not None
        found.append(decide(gatherer.look()))
        found.append(decide_restore(gatherer.evidence(record), RestoreRules(3, 3600)))
        world.others = {"i-silent": "Pending:Wait"}
        found.append(decide_restore(gatherer.evidence(record), RestoreRules(3, 3600)))
        found.append(note_failure(world.table, "2", ME, NOW))
        return found
    finally:
        context.launch_hook.close()


@every
@given(ITEMS)
def test_a_booting_control_plane_decides_the_same(root: Path, item: Item) -> None:
    assert booting(root, item) == booting(root)


# agent


def observing(state: str | None, *items: Item) -> tuple[str, Mapping[str, Item | None]]:
    """What the leading agent says of a look, and what the table holds afterwards."""
    others = [
        Condition("RestoreBlocked", "i-4 waits in it", "a step", NOW),
        Condition("QuorumLost", "nobody waits in it any more", "a step", NOW),
        Condition("BootFailed/slot-2", "nobody waits in it any more", "a step", NOW),
    ]
    told = tell(Boot(f"{PREFIX}i-4", "decide", "a reason", condition="RestoreBlocked"))
    table = MemoryTable(
        looks.RECORD.item(),
        *(each.item() for each in looks.ROWS),
        *(each.item() for each in others),
        as_item(told.item_id, dict(told.changes)),
        *items,
    )
    slots = [GroupInstance(f"i-{number}", "slot", "control-plane", "InService") for number in range(1, 5)]
    pool = [GroupInstance(WORKER, "pool", "worker", "InService")] if state == "running" else []
    observer = Observer(
        ObservationSources(
            instance_id="i-1",
            table=table,
            etcd=lambda: Known(looks.view(*looks.THREE, problems={2: "no answer"})),
            states=lambda asked: Known({each: state if each == WORKER else "running" for each in asked}),
            instances=lambda: Known((*slots, *pool)),
            nodes=lambda: Known(Nodes(5, 4)),
            certificates=list,
            wall=lambda: NOW,
            steady=lambda: 0.0,
        ),
        table,
    )
    said = observer.observe()
    return said, {key: table.stored(key) for key in table.keys if key != ROW}


@every
@given(ITEMS, st.sampled_from(["running", "terminated", None]))
def test_the_leading_agent_sees_and_writes_the_same(item: Item, state: str | None) -> None:
    assert observing(state, item) == observing(state)


@dataclass(frozen=True)
class Requests:
    """An API server at which one worker's first request waits, and what was judged."""

    stored: Object
    judged: list[tuple[str, str]] = field(default_factory=list)

    def pages(self, _: Resource, selectors: Mapping[str, str], largest: int) -> Iterator[Known[tuple[Object, ...]]]:
        wanted = selectors["fieldSelector"].removeprefix("spec.signerName=")
        yield Known((self.stored,) if self.stored["spec"]["signerName"] == wanted else ())

    def get(self, *_: object) -> NotFound:
        return NotFound("no such Node")

    def judge(self, request: Object, condition: Mapping[str, str]) -> Done:
        self.judged.append((request["metadata"]["name"], condition["type"]))
        return Done()


@dataclass(frozen=True)
class Cloud:
    """Two workers that run."""

    def instances(self) -> Known[tuple[GroupInstance, ...]]:
        return Known(tuple(GroupInstance(name, "pool", "worker", "Pending:Wait") for name in (WORKER, JOINER)))

    def states(self, names: Any) -> Known[dict[str, str | None]]:
        return Known(dict.fromkeys(names, "running"))

    def addresses(self, names: Any) -> Known[dict[str, frozenset[str]]]:
        return Known(dict.fromkeys(names, frozenset()))


@pytest.fixture(scope="module")
def key(root: Path) -> Key:
    return bootstrap_csr.new(root, JOINER)


# Each runs openssl some times.
@settings(max_examples=15, deadline=None)
@given(ITEMS)
def test_another_workers_request_is_judged_the_same(key: Key, item: Item) -> None:
    request = {
        "metadata": {
            "name": "csr-1",
            "uid": "1",
            "resourceVersion": "1",
            "creationTimestamp": datetime.fromtimestamp(NOW, UTC).isoformat(),
        },
        "spec": {
            "signerName": "kubernetes.io/kube-apiserver-client-kubelet",
            "username": "system:bootstrap:abcdef",
            "groups": [GROUP, "system:bootstrappers", "system:authenticated"],
            "usages": ["digital signature", "client auth"],
            "request": base64.b64encode(key.request.encode()).decode(),
        },
    }
    told = tell(Boot(PREFIX + JOINER, "certificate", fingerprint=key.fingerprint))
    table = MemoryTable(as_item(told.item_id, dict(told.changes)), item)
    api: Any = Requests(request)
    CsrApprover(api, Cloud(), table, PREFIX.__add__, now=lambda: NOW).run()
    assert api.judged == [("csr-1", "Approved")]


# function and status


def deciding(*items: Item) -> object:
    table: Any = MemoryTable(
        ClusterRecord(CLUSTER_ID, Phase.READY, 1).item(),
        {TABLE_KEY: "member#i-1", "Epoch": 1, "State": "voter"},
        *items,
    )
    table.deletion_protection = lambda: Known(True)
    leaving = [instance(), instance(WORKER, role="worker", group="pool"), instance("i-3")]
    groups, root = FakeGroups(*leaving), FakeRoot(Known("UPDATE_COMPLETE"))
    ports = Ports(table, groups, groups, groups, root, _no_answer, lambda: NOW, lambda: 60)
    return function_decides(function_gathers(ports, SETTINGS, Known(1), None))


def _no_answer(url: str, body: bytes) -> Unknown:
    return Unknown("nobody asked")


@every
@given(ITEMS)
def test_the_function_decides_the_same(item: Item) -> None:
    assert deciding(item) == deciding()


def telling(root: Path, *items: Item) -> str:
    table = MemoryTable(looks.RECORD.item(), *(each.item() for each in looks.ROWS), *items)
    sources = status.StatusSources(
        root=root,
        who=Known(Who("i-1", "control-plane", "0", "one")),
        is_control_plane=True,
        table=Known(table),
        etcd=lambda: Known(looks.view(*looks.THREE)),
        now=lambda: looks.NOW,
        booted=lambda: looks.NOW - 100,
    )
    return document(status_decides(status.gather(sources)))


@every
@given(ITEMS)
def test_status_tells_the_same(root: Path, item: Item) -> None:
    assert telling(root, item) == telling(root)
