"""The light world's own parts: what may be left is told, traps catch one, errors look like AWS's, networks are cut."""

from __future__ import annotations

import copy
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

import coordination.members
import functions.reconcile.endings
import functions.reconcile.handler
from tests.storm.light import faulty, pace, settling
from tests.storm.light.hypervisor import Relay
from tests.storm.light.kubeadm import PEER_LISTENER_PORT
from tests.storm.light.shared import Places, State
from tests.storm.light.watcher import Seen
from tests.waiting import wait_for
from userdata.etcd.model import EtcdMember, MemberList
from userdata.host import https

ANSWER = b'{"TableNames": []}'


def group(slot: int, **changes: Any) -> dict[str, Any]:
    instance = {"InstanceId": f"i-{slot}", "LifecycleState": "InService"}
    return {
        "AutoScalingGroupName": f"slot{slot}",
        "Tags": [{"Key": "holdfast:slot", "Value": str(slot)}],
        "MinSize": 0,
        "DesiredCapacity": 1,
        "SuspendedProcesses": [],
        "Instances": [instance],
        **changes,
    }


def whole() -> SimpleNamespace:
    """A cluster as it should be; a test changes one thing of it."""
    rows = {f"member#i-{slot}": {"State": {"S": "voter"}} for slot in range(3)}
    members = tuple(EtcdMember(slot, f"i-{slot}", (), (), False) for slot in range(3))
    return SimpleNamespace(
        groups=[group(slot) for slot in range(3)],
        items={"cluster": {"Phase": {"S": "ready"}}, **copy.deepcopy(rows)},
        status="UPDATE_COMPLETE",
        listed=MemberList(1, members),
        silent=set[str](),
        without_agent=[],
    )


def left(seen: SimpleNamespace) -> list[str]:
    look = Seen(seen.groups, seen.items, seen.status)
    return settling.left(look, 3, seen.listed, lambda name: name not in seen.silent, seen.without_agent)


def learner(seen: SimpleNamespace) -> None:
    more = EtcdMember(9, "i-9", (), (), True)
    seen.listed = MemberList(1, (*seen.listed.members, more))


LEFT: dict[str, tuple[Callable[[SimpleNamespace], object], str]] = {
    "an update goes on": (lambda s: setattr(s, "status", "UPDATE_IN_PROGRESS"), "the root stack is UPDATE_IN_PROGRESS"),
    "a rollback failed": (lambda s: setattr(s, "status", "UPDATE_ROLLBACK_FAILED"), "the root stack is UPDATE_ROLL"),
    "a group is missing": (lambda s: s.groups.pop(), "2 groups for 3 slots"),
    "an instance boots": (
        lambda s: s.groups[1]["Instances"][0].update(LifecycleState="Pending:Wait"),
        "slot 1 has i-1 Pending:Wait",
    ),
    "a slot is empty": (lambda s: s.groups[1]["Instances"].clear(), "slot 1 has no instance"),
    "an instance is held": (
        lambda s: s.groups[1]["Instances"].append({"InstanceId": "i-8", "LifecycleState": "Terminating:Wait"}),
        "slot 1 has i-1 InService, i-8 Terminating:Wait",
    ),
    "a surplus is wanted": (lambda s: s.groups[1].update(DesiredCapacity=2), "slot 1 has MinSize 0 and desired capa"),
    "a size was left": (lambda s: s.groups[1].update(MinSize=1), "slot 1 has MinSize 1 and desired capacity 1"),
    "processes are suspended": (
        lambda s: s.groups[1].update(SuspendedProcesses=[{"ProcessName": "Launch"}]),
        "processes of slot 1 are suspended",
    ),
    "etcd has a learner": (learner, "etcd lists i-0, i-1, i-2, in service are i-0, i-1, i-2"),
    "etcd lacks one": (
        lambda s: setattr(s, "listed", MemberList(1, s.listed.members[:2])),
        "etcd lists i-0, i-1, in service are i-0, i-1, i-2",
    ),
    "etcd was not asked": (lambda s: setattr(s, "listed", None), "etcd lists nobody"),
    "a member is silent": (lambda s: s.silent.add("i-2"), "i-2 does not answer"),
    "an agent is missing": (lambda s: s.without_agent.append("i-2"), "i-2 has no agent"),
    "the cluster is being deleted": (
        lambda s: s.items["cluster"].update(Phase={"S": "deleting"}),
        "the record's phase is deleting",
    ),
    "an operation stands": (lambda s: s.items.update(operation={}), "an operation is there"),
    "a condition stands": (
        lambda s: s.items.update({"condition#SlotEmpty/1": {"Reason": {"S": "no room"}}}),
        "condition#SlotEmpty/1: no room",
    ),
    "a drain stands": (lambda s: s.items.update({"drain#i-1": {}}), "drain#i-1: "),
    "a row is behind": (
        lambda s: s.items["member#i-1"].update(State={"S": "joining"}),
        "the row of i-1 says joining",
    ),
    "a row of one that left says voter": (
        lambda s: s.items.update({"member#i-7": {"State": {"S": "voter"}}}),
        "the row of i-7 says voter",
    ),
}


def test_a_cluster_that_stands_has_nothing_left() -> None:
    seen = whole()
    seen.items["member#i-7"] = {"State": {"S": "removed"}}
    assert left(seen) == []


@pytest.mark.parametrize("name", LEFT)
def test_what_is_not_as_it_should_be_is_left(name: str) -> None:
    change, said = LEFT[name]
    seen = whole()
    change(seen)
    assert any(each.startswith(said) for each in left(seen)), left(seen)


def test_one_alone_walks_into_a_trap(tmp_path: Path) -> None:
    places, caught = Places(tmp_path), []
    places.trap("agent-move", {"what": "kill"})
    threads = [threading.Thread(target=lambda: caught.append(places.take("agent-move"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each for each in caught if each is not None] == [{"what": "kill"}]


def test_a_state_is_seen_once_it_is_written(tmp_path: Path) -> None:
    writer, reader = Places(tmp_path), Places(tmp_path)
    assert reader.state == State()
    writer.write_state(State(cut=("127.0.0.1",), share=0.5))
    assert reader.state.separates("127.0.0.1", "127.0.0.2")
    assert not reader.state.separates("127.0.0.2", "127.0.0.3")
    assert not reader.state.separates("127.0.0.1", "127.0.0.1")


def test_short_values_reach_the_modules_that_have_imported_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in list(sys.modules.values()):
        for _, name in pace.CONSTANTS:
            if getattr(module, "__name__", "").partition(".")[0] in pace.ROOMS and name in vars(module):
                # Back to what it was, once the test is over.
                monkeypatch.setattr(module, name, getattr(module, name))
    pace.shorten()
    assert pace.CONSTANTS["coordination.members", "SILENT_SECONDS"] == coordination.members.SILENT_SECONDS
    assert functions.reconcile.endings.__dict__["_HOUR_SECONDS"] == 120


@pytest.fixture
def disturbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """All requests are disturbed; what is sent is answered."""
    places = Places(tmp_path)
    answer = SimpleNamespace(content=ANSWER)
    monkeypatch.setattr(URLLib3Session, "send", lambda self, request: answer)
    monkeypatch.setattr(https, "ask", https.ask)
    faulty.install(places)
    places.write_state(State(share=1.0, seed=3))
    return places


CALLS = {
    "dynamodb": "list_tables",
    "autoscaling": "describe_auto_scaling_groups",
    "ec2": "describe_instances",
    "cloudformation": "describe_stacks",
    "elbv2": "describe_target_groups",
    "ssm": "describe_parameters",
}


@pytest.mark.parametrize("service", CALLS)
def test_a_disturbed_request_fails_as_with_aws(disturbed: Places, service: str) -> None:
    session: Any = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name="us-east-1")
    config = Config(retries={"total_max_attempts": 1})
    client = session.client(service, endpoint_url="http://localhost:1", config=config)
    seen = set()
    for _ in range(40):
        try:
            getattr(client, CALLS[service])()
        except ClientError as error:
            seen.add(error.response["Error"]["Code"])
        except ReadTimeoutError:
            seen.add("lost")
    assert seen == {"ThrottlingException", "InternalServerError", "lost"}


def test_only_the_services_that_are_named_are_disturbed(disturbed: Places) -> None:
    disturbed.write_state(State(share=1.0, services=("ssm",)))
    request: Any = SimpleNamespace(
        headers={"Authorization": b"Credential=local/20260101/us-east-1/dynamodb/aws4_request"}, url="http://x"
    )
    answered: Any = URLLib3Session().send(request)
    assert answered.content == ANSWER


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[tuple[Places, Relay]]:
    places = Places(tmp_path)
    started = Relay(places, sys.executable)
    yield places, started
    started.close()


def test_nodes_that_are_cut_off_lose_their_connections_and_get_them_back(relay: tuple[Places, Relay]) -> None:
    places, network = relay
    one, other = "127.9.8.1", "127.9.8.2"
    for address in (one, other):
        network.listen(address)
    with socket.create_server((other, PEER_LISTENER_PORT)) as member:
        before = connected(other, member)
        places.write_state(State(cut=(other,)))
        wait_for(lambda: is_ended(before), "the connection is ended")
        refused = socket.create_connection((other, 2380), 5)
        wait_for(lambda: is_ended(refused), "a new one is ended")
        places.write_state(State())
        assert not is_ended(connected(other, member))


def connected(address: str, member: socket.socket) -> socket.socket:
    """A connection to a member through the network, over which something was said."""
    made = socket.create_connection((address, 2380), 5)
    made.settimeout(5)
    made.sendall(b"a")
    while True:
        accepted, _ = member.accept()
        accepted.settimeout(5)
        # Those that were cut off before have come so far, too, and are ended.
        if accepted.recv(1) == b"a":
            break
    accepted.sendall(b"b")
    assert made.recv(1) == b"b"
    # It stays open for as long as the test has the other end.
    OPEN.append(accepted)
    return made


OPEN: list[socket.socket] = []


def is_ended(connection: socket.socket) -> bool:
    connection.settimeout(0.3)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True
