"""Firewalls that follow EC2 and the test's faults, while connections are open; and what they say they refused."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from rehearsal.aws.server import LocalAws
from rehearsal.machines.model import Interface
from rehearsal.machines.network import namespaces
from rehearsal.machines.network.refusals import Refusal
from rehearsal.machines.network.router import METADATA, RESOLVER
from tests.machines.network.harness import ALL, ANYWHERE, NetworkHarness, tcp
from tests.machines.network.probing import (
    ACK,
    ARRIVES_SECONDS,
    DROPPED_SECONDS,
    SYN,
    Probe,
    connects,
    drops,
    listening,
    passing,
    send_segment,
)
from tests.waiting import wait_for

OPEN = ALL | ANYWHERE


@contextmanager
def connection(harness: NetworkHarness, source: Interface, target: Interface, port: int) -> Iterator[Connection]:
    """An open connection."""
    with harness.listen(target, port) as listener:
        with namespaces.inside(harness.namespace(source)):
            client = socket.create_connection((target.address, port), timeout=ARRIVES_SECONDS)
        server, _ = listener.accept()
        with client, server:
            yield Connection(client, server)


class Connection:
    """Both ends of a TCP connection."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._client, self._server = client, server

    def works(self) -> bool:
        """Whether a byte from the client arrives."""
        self._client.send(b"x")
        return self.hears(ARRIVES_SECONDS)

    def drops(self) -> bool:
        """Whether a byte from the client does not arrive; it is sent again later and later, as TCP does."""
        self._client.send(b"x")
        return not self.hears(DROPPED_SECONDS)

    def hears(self, seconds: float) -> bool:
        """Whether something arrives at the server."""
        self._server.settimeout(seconds)
        try:
            return bool(self._server.recv(100))
        except TimeoutError:
            return False


def refusals(harness: NetworkHarness, source: Interface) -> list[Refusal]:
    """What an interface was refused."""
    owner = source.interface_id
    return [each for each in harness.fabric.refused() if each.source_owner == owner]


# rules


def test_a_rule_that_is_added_or_taken_away_is_followed(harness: NetworkHarness) -> None:
    group = harness.group()
    source, target = harness.attached(group), harness.attached(group)
    with harness.listen(target, 80):
        assert harness.drops(source, target, 80)
        harness.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(80)])
        wait_for(lambda: not harness.drops(source, target, 80), "the new rule")
        harness.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[tcp(80)])
        wait_for(lambda: harness.drops(source, target, 80), "the end of the rule")


def test_another_group_of_an_interface_is_followed(harness: NetworkHarness) -> None:
    closed, opened = harness.group(), harness.group(tcp(80))
    source, target = harness.attached(closed), harness.attached(closed)
    with harness.listen(target, 80):
        assert harness.drops(source, target, 80)
        harness.ec2.modify_network_interface_attribute(NetworkInterfaceId=target.interface_id, Groups=[closed, opened])
        wait_for(lambda: not harness.drops(source, target, 80), "the group's rule")


def test_a_group_as_the_source_means_the_interfaces_in_it_also_those_that_come_later(harness: NetworkHarness) -> None:
    friends, strangers = harness.group(), harness.group()
    target = harness.attached(harness.group(tcp(80, UserIdGroupPairs=[{"GroupId": friends}])))
    stranger = harness.attached(strangers)
    friend = harness.attached(friends)
    with harness.listen(target, 80):
        assert harness.connects(friend, target, 80)
        assert harness.drops(stranger, target, 80)


def test_a_connection_goes_on_when_its_rule_is_taken_away_and_a_new_one_is_refused(harness: NetworkHarness) -> None:
    group = harness.group(tcp(80))
    source, target = harness.attached(group), harness.attached(group)
    with connection(harness, source, target, 80) as open_connection:
        assert open_connection.works()
        harness.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[tcp(80)])
        wait_for(lambda: harness.drops(source, target, 80), "the end of the rule")
        assert open_connection.works()


def test_a_connection_survives_firewalls_that_change_all_the_time(harness: NetworkHarness) -> None:
    group = harness.group(tcp(80))
    source, target = harness.attached(group), harness.attached(group)
    with connection(harness, source, target, 80) as open_connection:
        for port in range(1000, 1010):
            harness.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(port)])
            harness.fabric.refresh()
            assert open_connection.works()


def test_nothing_passes_any_more_in_a_network_that_was_deleted(aws: LocalAws, harness: NetworkHarness) -> None:
    from moto.ec2.models import ec2_backends

    group = harness.group(OPEN)
    source, target = harness.attached(group), harness.attached(group)
    with harness.listen(target, 80):
        assert harness.connects(source, target, 80)
        # EC2 would refuse: it still has interfaces.
        with aws.lock:
            del ec2_backends[aws.account_id][aws.region].vpcs[harness.vpc_id]
        harness.fabric.refresh()
        assert harness.drops(source, target, 80)


def test_rules_that_are_made_while_interfaces_are_attached_are_all_in_force_in_the_end(harness: NetworkHarness) -> None:
    group = harness.group()
    target = harness.attached(group)
    ports = range(1000, 1020)
    interfaces = [harness.interface(group) for _ in range(6)]

    def make_rules() -> None:
        for port in ports:
            harness.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(port)])

    making = threading.Thread(target=make_rules)
    making.start()
    for interface in interfaces:
        harness.fabric.attach(interface)
    making.join()
    owners = {each.address: harness.namespace(each) for each in (*interfaces, target)}
    probes = {Probe(each.address, target.address, "tcp", port) for each in interfaces for port in ports}
    with listening({target.address: owners[target.address]}, ports, ()):
        wait_for(lambda: passing(probes, owners) == probes, "all rules are in force")


# faults


def test_a_cut_interface_is_cut_off_from_everything_and_its_connections_go_on_when_it_is_healed(
    harness: NetworkHarness,
) -> None:
    group = harness.group(OPEN)
    source, target, other = harness.attached(group), harness.attached(group), harness.attached(group)
    router = harness.fabric.router(harness.vpc_id)
    with (
        namespaces.listen(router, METADATA, 80),
        harness.listen(other, 80),
        connection(harness, source, target, 81) as open_connection,
    ):
        harness.fabric.cut(source.interface_id)
        assert open_connection.drops()
        assert harness.drops(source, other, 80)
        assert drops(harness.namespace(source), METADATA, 80)
        assert harness.connects(target, other, 80)
        harness.fabric.heal(source.interface_id)
        assert harness.connects(source, other, 80)
        # What was sent meanwhile is sent again.
        assert open_connection.hears(ARRIVES_SECONDS)
        assert connects(harness.namespace(source), METADATA, 80)


def test_a_cut_interface_hears_nothing_either(harness: NetworkHarness) -> None:
    group = harness.group(OPEN)
    source, target = harness.attached(group), harness.attached(group)
    with namespaces.listen(harness.namespace(target), target.address, 53, socket.SOCK_DGRAM) as heard:
        harness.fabric.cut(target.interface_id)
        with namespaces.listen(harness.namespace(source), source.address, 0, socket.SOCK_DGRAM) as client:
            client.sendto(b"x", (target.address, 53))
        heard.settimeout(DROPPED_SECONDS)
        with pytest.raises(TimeoutError):
            heard.recv(100)


def test_an_interface_that_is_attached_while_it_is_cut_stays_cut(harness: NetworkHarness) -> None:
    group = harness.group(OPEN)
    source, target = harness.attached(group), harness.attached(group)
    harness.fabric.cut(source.interface_id)
    harness.fabric.detach(source.interface_id)
    with harness.listen(target, 80):
        assert harness.drops(source, target, 80)
        harness.fabric.heal(source.interface_id)
        assert harness.connects(source, target, 80)


def test_a_cut_zone_is_cut_off_from_everything_outside_and_whole_within(harness: NetworkHarness) -> None:
    group, (cut, other) = harness.group(OPEN), harness.zones
    first, second = harness.attached(group, zone=cut), harness.attached(group, zone=cut)
    far, farther = harness.attached(group, zone=other), harness.attached(group, zone=other)
    router = harness.fabric.router(harness.vpc_id)
    with (
        namespaces.listen(router, METADATA, 80),
        harness.listen(second, 80),
        harness.listen(farther, 80),
        connection(harness, first, farther, 81) as across,
    ):
        harness.fabric.cut_zone(cut)
        try:
            assert across.drops()
            assert harness.drops(first, farther, 80)
            assert harness.drops(far, second, 80)
            assert drops(harness.namespace(first), METADATA, 80)
            assert harness.connects(first, second, 80)
            assert harness.connects(far, farther, 80)
            assert connects(harness.namespace(far), METADATA, 80)
        finally:
            harness.fabric.heal_zone(cut)
        assert harness.connects(first, farther, 80)
        assert harness.connects(far, second, 80)


# refusals


def test_a_refusal_names_both_ends_and_the_groups_that_lack_a_rule(harness: NetworkHarness) -> None:
    outward, inward = harness.group(), harness.group(tcp(80))
    source, target = harness.attached(outward), harness.attached(inward)
    assert harness.drops(source, target, 6443)
    (refusal,) = refusals(harness, source)
    name = harness.ec2.describe_security_groups(GroupIds=[inward])["SecurityGroups"][0]["GroupName"]
    assert str(refusal) == (
        f"{source.address} ({source.interface_id}) -> {target.address}:6443/tcp ({target.interface_id}) refused: "
        f"no ingress rule of {inward} ({name}) allows it"
    )


def test_a_refusal_at_the_source_names_the_source_s_groups(harness: NetworkHarness) -> None:
    outward, inward = harness.group(open_egress=False), harness.group(OPEN)
    source, target = harness.attached(outward), harness.attached(inward)
    assert harness.drops(source, target, 6443)
    (refusal,) = refusals(harness, source)
    assert refusal.reason.startswith(f"no egress rule of {outward} (")


def test_a_refusal_is_there_although_the_firewall_was_replaced_since(harness: NetworkHarness) -> None:
    group = harness.group()
    source, target = harness.attached(group), harness.attached(group)
    assert harness.drops(source, target, 6443)
    harness.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(80)])
    harness.fabric.refresh()
    assert [each.port for each in refusals(harness, source)] == [6443]


def test_what_passes_and_what_a_cut_drops_is_not_a_refusal(harness: NetworkHarness) -> None:
    group = harness.group(OPEN)
    source, target = harness.attached(group), harness.attached(group)
    with harness.listen(target, 80):
        assert harness.connects(source, target, 80)
    harness.fabric.cut(source.interface_id)
    assert harness.drops(source, target, 80)
    assert refusals(harness, source) == []
    harness.fabric.heal(source.interface_id)


def test_a_stray_segment_of_a_connection_that_nobody_knows_is_dropped_and_is_not_a_refusal(
    harness: NetworkHarness,
) -> None:
    group = harness.group()
    source, target = harness.attached(group), harness.attached(group)
    send_segment(harness.namespace(source), source.address, target.address, 80, ACK)
    assert refusals(harness, source) == []
    send_segment(harness.namespace(source), source.address, target.address, 80, SYN)
    assert [each.port for each in refusals(harness, source)] == [80]


def test_an_answer_of_the_router_to_an_interface_that_is_gone_is_not_a_refusal(harness: NetworkHarness) -> None:
    gone = harness.attached(harness.group())
    router = harness.fabric.router(harness.vpc_id)
    harness.fabric.detach(gone.interface_id)
    with namespaces.listen(router, RESOLVER, 53, socket.SOCK_DGRAM) as server:
        server.sendto(b"answer", (gone.address, 40000))
    assert [each for each in harness.fabric.refused() if each.target == gone.address and each.source == RESOLVER] == []
