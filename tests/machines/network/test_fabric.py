"""Interfaces that are attached: what is in the owner's namespace, whom it reaches, and that nothing is left."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from rehearsal.aws.server import LocalAws
from rehearsal.machines.network import namespaces
from rehearsal.machines.network.fabric import Fabric
from rehearsal.machines.network.names import cloud_prefix, device_of
from rehearsal.machines.network.router import AWS, METADATA, MTU_BYTES, RESOLVER
from tests.machines.claims import claimed_cloud
from tests.machines.network.harness import ALL, ANYWHERE, NetworkHarness, tcp
from tests.machines.network.probing import ARRIVES_SECONDS, connects, drops

OPEN = ALL | ANYWHERE


@pytest.fixture
def other_cloud(aws: LocalAws) -> Iterator[Fabric]:
    """A second local cloud."""
    with claimed_cloud() as cloud_id:
        fabric = Fabric(aws, cloud_id)
        yield fabric
        fabric.close()


def said_by(command: str, namespace: str) -> str:
    """What a program prints inside a namespace."""
    with namespaces.inside(namespace):
        return subprocess.run(command.split(), capture_output=True, text=True, check=True).stdout


def devices_of(router: str) -> list[str]:
    """The interfaces' ends in a router."""
    lines = said_by("ip -o link", router).splitlines()
    return [line.split(": ")[1].split("@")[0] for line in lines if ": eni" in line]


def left_of(cloud_id: str) -> tuple[list[str], list[str], list[str]]:
    """What a local cloud has on this computer: namespaces, mounts, and links outside of all namespaces."""
    prefix = cloud_prefix(cloud_id)
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout.splitlines()
    return (
        namespaces.existing(prefix),
        [line for line in mounts if prefix in line],
        [line for line in links if ": eni" in line or ": away" in line],
    )


# what is there


def test_an_owner_finds_its_address_its_mac_and_its_subnets_gateway(harness: NetworkHarness) -> None:
    interface = harness.attached(harness.group())
    inside = harness.namespace(interface)
    address, link = said_by("ip -o -4 addr show eth0", inside), said_by("ip -o link show eth0", inside)
    assert f"inet {interface.address}/24 brd 10.0.0.255" in address
    assert interface.mac in link
    assert f"mtu {MTU_BYTES}" in link
    assert said_by("ip route show default", inside).strip() == "default via 10.0.0.1 dev eth0"
    assert "LOWER_UP" in said_by("ip -o link show lo", inside)


def test_interfaces_reach_each_other_within_a_subnet_and_between_subnets(harness: NetworkHarness) -> None:
    group = harness.group(tcp(80))
    target, near, far = harness.attached(group), harness.attached(group), harness.attached(group, zone=harness.zones[1])
    with harness.listen(target, 80):
        assert harness.connects(near, target, 80)
        assert harness.connects(far, target, 80)


def test_an_interface_that_is_attached_twice_is_made_once(harness: NetworkHarness) -> None:
    interface = harness.attached(harness.group())
    with harness.listen(interface, 80):
        assert harness.fabric.attach(interface) == harness.namespace(interface)
        assert devices_of(harness.fabric.router(harness.vpc_id)) == [device_of(interface.interface_id)]


def test_many_threads_attach_at_once(harness: NetworkHarness) -> None:
    group = harness.group(OPEN)
    interfaces = [harness.interface(group) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(harness.fabric.attach, [*interfaces, *interfaces]))
    assert names[:8] == names[8:]
    with harness.listen(interfaces[0], 80):
        assert all(harness.connects(each, interfaces[0], 80) for each in interfaces[1:])


def test_an_address_that_another_interface_has_is_refused_by_name(harness: NetworkHarness, cloud_id: str) -> None:
    first = harness.attached(harness.group())
    second = replace(harness.interface(harness.group()), address=first.address)
    before = left_of(cloud_id)
    with pytest.raises(namespaces.Failed, match=f"{second.interface_id}: {first.interface_id} has the address"):
        harness.fabric.attach(second)
    assert left_of(cloud_id) == before


def test_an_attach_that_fails_halfway_leaves_nothing(harness: NetworkHarness, cloud_id: str) -> None:
    first, second = harness.attached(harness.group()), harness.interface(harness.group())
    router = harness.fabric.router(harness.vpc_id)
    # Somebody took the second's address behind our back.
    namespaces.ip([f"route add {second.address}/32 dev {device_of(first.interface_id)}"], router)
    before = left_of(cloud_id), devices_of(router)
    with pytest.raises(namespaces.Failed, match=f"ip route add {second.address}.*File exists"):
        harness.fabric.attach(second)
    assert (left_of(cloud_id), devices_of(router)) == before


# the link-local services


def test_the_routers_services_are_reached_at_their_ports_and_nowhere_else(harness: NetworkHarness) -> None:
    # No group allows anything: Amazon's own services are not subject to groups.
    inside = harness.namespace(harness.attached(harness.group(open_egress=False)))
    router = harness.fabric.router(harness.vpc_id)
    served = [(METADATA, 80), (AWS, 80), (RESOLVER, 53), ("10.0.0.2", 53)]
    others = [(METADATA, 53), (METADATA, 443), (AWS, 443), (RESOLVER, 80), ("10.0.0.2", 80), ("10.0.0.1", 80)]
    listeners = [namespaces.listen(router, "0.0.0.0", port) for port in (53, 80, 443)]
    try:
        assert [place for place in served if not connects(inside, *place)] == []
        assert [place for place in others if not drops(inside, *place)] == []
    finally:
        for listener in listeners:
            listener.close()
    refused = {(each.target, each.port, each.reason) for each in harness.fabric.refused()}
    assert (METADATA, 443, "nothing answers there") in refused


def test_a_name_is_asked_for_by_udp_at_both_addresses(harness: NetworkHarness) -> None:
    inside = harness.namespace(harness.attached(harness.group(open_egress=False)))
    router = harness.fabric.router(harness.vpc_id)
    for address in (RESOLVER, "10.0.0.2"):
        with (
            namespaces.listen(router, address, 53, socket.SOCK_DGRAM) as server,
            namespaces.listen(inside, "0.0.0.0", 0, socket.SOCK_DGRAM) as client,
        ):
            for each in (server, client):
                each.settimeout(ARRIVES_SECONDS)
            client.sendto(b"question", (address, 53))
            question, asker = server.recvfrom(100)
            server.sendto(question + b" answered", asker)
            assert client.recv(100) == b"question answered"


# what does not meet


def test_no_route_leaves_this_computer(harness: NetworkHarness) -> None:
    interface = harness.attached(harness.group(OPEN))
    inside = harness.namespace(interface)
    with socket.create_server(("0.0.0.0", 0)) as outside:
        port = outside.getsockname()[1]
        assert drops(inside, "192.0.2.1", port)
        assert drops(inside, "10.0.0.1", port)
    (line,) = [str(each) for each in harness.fabric.refused() if each.target == "192.0.2.1"]
    assert line.endswith(f"-> 192.0.2.1:{port}/tcp refused: no network interface has the address 192.0.2.1")


def test_two_vpcs_with_the_same_addresses_do_not_meet(aws: LocalAws, harness: NetworkHarness) -> None:
    other = NetworkHarness(aws, harness.fabric)
    mine, theirs = harness.group(OPEN), other.group(OPEN)
    source = harness.attached(mine)
    namesake, target = other.attached(theirs), other.attached(theirs)
    assert namesake.address == source.address
    with other.listen(target, 80):
        assert harness.drops(source, target, 80)
        assert other.connects(namesake, target, 80)


def test_two_sites_with_the_same_addresses_do_not_meet(
    aws: LocalAws, harness: NetworkHarness, other_cloud: Fabric
) -> None:
    group = harness.group(OPEN)
    source, target = harness.attached(group), harness.interface(group)
    there = other_cloud.attach(target)
    with namespaces.listen(there, target.address, 80):
        assert drops(harness.namespace(source), target.address, 80)
        assert connects(other_cloud.attach(source), target.address, 80)


def test_a_forged_source_is_dropped_and_noted(harness: NetworkHarness) -> None:
    group = harness.group(OPEN)
    liar, victim, target = harness.attached(group), harness.attached(group), harness.attached(group)
    inside = harness.namespace(liar)
    namespaces.ip([f"address add {victim.address}/32 dev lo"], inside)
    with (
        namespaces.listen(harness.namespace(target), target.address, 53, socket.SOCK_DGRAM) as heard,
        namespaces.listen(inside, victim.address, 0, socket.SOCK_DGRAM) as forged,
        namespaces.listen(inside, liar.address, 0, socket.SOCK_DGRAM) as honest,
    ):
        heard.settimeout(ARRIVES_SECONDS)
        forged.sendto(b"forged", (target.address, 53))
        honest.sendto(b"honest", (target.address, 53))
        assert heard.recv(100) == b"honest"
    reasons = [each.reason for each in harness.fabric.refused() if each.source == victim.address]
    assert reasons == ["its source is not the address of the interface that sent it"]


# routers


def test_each_router_is_told_once_also_to_those_who_come_later(harness: NetworkHarness) -> None:
    told: list[tuple[str, str]] = []
    first = harness.fabric.router(harness.vpc_id)
    harness.fabric.on_router(lambda *router: told.append(router))
    assert told.count((harness.vpc_id, first)) == 1
    second = str(harness.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])
    made = harness.fabric.router(second)
    assert harness.fabric.router(second) == made
    assert told.count((second, made)) == 1


def test_a_router_is_told_of_before_the_first_interface_is_there(harness: NetworkHarness) -> None:
    seen: list[list[str]] = []
    harness.fabric.on_router(
        lambda vpc_id, router: seen.append(devices_of(router)) if vpc_id == harness.vpc_id else None
    )
    harness.attached(harness.group())
    assert seen == [[]]


def test_there_is_no_router_for_an_unknown_vpc(fabric: Fabric, cloud_id: str) -> None:
    before = left_of(cloud_id)
    with pytest.raises(KeyError, match="vpc-unknown"):
        fabric.router("vpc-unknown")
    assert left_of(cloud_id) == before


def test_only_the_calling_thread_is_inside(harness: NetworkHarness) -> None:
    name = harness.namespace(harness.attached(harness.group()))
    seen: list[str] = []
    here, there, done = Path("/proc/thread-self/ns/net").readlink(), threading.Event(), threading.Event()

    def look() -> None:
        there.wait(ARRIVES_SECONDS)
        seen.append(str(Path("/proc/thread-self/ns/net").readlink()))
        done.set()

    threading.Thread(target=look).start()
    with namespaces.inside(name):
        assert Path("/proc/thread-self/ns/net").readlink() != here
        there.set()
        done.wait(ARRIVES_SECONDS)
    assert seen == [str(here)]
    assert Path("/proc/thread-self/ns/net").readlink() == here


def test_a_thread_is_back_also_after_an_error(harness: NetworkHarness) -> None:
    name = harness.namespace(harness.attached(harness.group()))
    here = Path("/proc/thread-self/ns/net").readlink()
    with pytest.raises(ZeroDivisionError), namespaces.inside(name):
        raise ZeroDivisionError
    assert Path("/proc/thread-self/ns/net").readlink() == here


# the end


def test_an_interface_can_be_attached_again_at_once(harness: NetworkHarness) -> None:
    group = harness.group(OPEN)
    source, target = harness.attached(group), harness.attached(group)
    for _ in range(3):
        harness.fabric.detach(target.interface_id)
        harness.fabric.attach(target)
        with harness.listen(target, 80):
            assert harness.connects(source, target, 80)


def test_a_detached_interface_is_silent_although_a_process_holds_its_namespace(harness: NetworkHarness) -> None:
    group = harness.group(OPEN)
    source, target = harness.attached(group), harness.attached(group)
    with harness.listen(target, 80):
        assert harness.connects(source, target, 80)
        harness.fabric.detach(target.interface_id)
        harness.fabric.detach(target.interface_id)
        # Silence and no error, as from an instance that lost its power.
        assert harness.drops(source, target, 80)


def test_an_interface_whose_owner_has_deleted_it_can_be_detached_and_attached(harness: NetworkHarness) -> None:
    group = harness.group(OPEN)
    source, target = harness.attached(group), harness.attached(group)
    namespaces.ip(["link delete eth0"], harness.namespace(target))
    harness.fabric.detach(target.interface_id)
    harness.fabric.attach(target)
    with harness.listen(target, 80):
        assert harness.connects(source, target, 80)


def test_fifty_interfaces_leave_nothing(harness: NetworkHarness, cloud_id: str) -> None:
    group = harness.group(OPEN)
    router = harness.fabric.router(harness.vpc_id)
    before = left_of(cloud_id)
    interfaces = [harness.attached(group) for _ in range(50)]
    assert len(devices_of(router)) == 50
    for interface in interfaces:
        harness.fabric.detach(interface.interface_id)
    assert left_of(cloud_id) == before
    assert devices_of(router) == []
    assert "10.0.0." not in said_by("ip route", router) + said_by("ip neighbour", router)


def test_a_closed_cloud_leaves_nothing_and_attaches_nothing(aws: LocalAws, harness: NetworkHarness) -> None:
    with claimed_cloud() as cloud_id:
        fabric = Fabric(aws, cloud_id)
        fabric.attach(harness.interface(harness.group()))
        assert len(namespaces.existing(cloud_prefix(cloud_id))) == 2
        fabric.close()
        fabric.close()
        assert left_of(cloud_id) == ([], [], [])
        with pytest.raises(RuntimeError, match="closed"):
            fabric.attach(harness.interface(harness.group()))
        assert left_of(cloud_id) == ([], [], [])
