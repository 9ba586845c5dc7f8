"""A balancer of the local ELBv2 between namespaces: connections, health, draining, zones, and its end."""

from __future__ import annotations

import os
import signal

import pytest

from rehearsal.machines.network import namespaces
from tests.machines.balancing.harness import PORT, Bed, connects, wait

MANY = 30
"""Connections in a row: with two targets to choose from, one is never chosen in one of 2^29 runs."""


def names(bed: Bed, address: str, source: int = 0) -> set[str]:
    """Who answers at an address, in many connections."""
    return {bed.ask(bed.targets[source], address)[0] for _ in range(MANY)}


def test_connections_go_to_all_healthy_targets_and_come_from_the_balancers_address(bed: Bed) -> None:
    node = bed.nodes()[bed.zones[0]]
    assert names(bed, node) == {target.instance_id for target in bed.targets}
    assert bed.ask(bed.targets[0], node)[1] == node


def test_who_is_not_in_the_balancers_rules_does_not_reach_it_nor_the_targets_past_it(bed: Bed) -> None:
    stranger = bed.stranger()
    for address in (*bed.nodes().values(), bed.targets[0].interface.address):
        assert not connects(stranger, address, PORT)
        assert connects(bed.targets[1].namespace, address, PORT)


def test_a_target_reaches_itself_through_the_balancer(bed: Bed) -> None:
    first, second = bed.targets
    second.kill()
    wait(lambda: bed.state(second) == "unhealthy")
    assert bed.ask(first, bed.nodes()[bed.zones[0]])[0] == first.instance_id


def test_a_target_that_is_killed_becomes_unhealthy_gets_nothing_more_and_recovers(bed: Bed) -> None:
    first, second = bed.targets
    second.kill()
    wait(lambda: bed.health()[second.instance_id] == ("unhealthy", "Target.FailedHealthChecks"))
    assert names(bed, bed.nodes()[bed.zones[1]]) == {first.instance_id}
    second.start()
    wait(lambda: bed.state(second) == "healthy")


def test_a_target_that_answers_with_another_code_is_unhealthy_and_its_connections_are_cut(bed: Bed) -> None:
    first, second = bed.targets
    node = bed.nodes()[bed.zones[0]]
    kept = [bed.connection(first, node) for _ in range(MANY)]
    to_second = [each for each in kept if each.ask()[0] == second.instance_id]
    second.answer_with(500)
    wait(lambda: bed.health()[second.instance_id] == ("unhealthy", "Target.ResponseCodeMismatch"))
    wait(lambda: not any(each.works() for each in to_second))
    assert all(each.works() for each in kept if each not in to_second)
    for each in kept:
        with each:
            pass


def test_without_a_healthy_target_connections_go_to_all(bed: Bed) -> None:
    for target in bed.targets:
        target.answer_with(500)
    wait(lambda: all(bed.state(target) == "unhealthy" for target in bed.targets))
    assert names(bed, bed.nodes()[bed.zones[0]]) == {target.instance_id for target in bed.targets}


def test_a_target_drains_keeps_its_connections_until_the_delay_is_over_and_gets_no_new_ones(bed: Bed) -> None:
    first, second = bed.targets
    node = bed.nodes()[bed.zones[0]]
    kept = [bed.connection(first, node) for _ in range(MANY)]
    to_second = [each for each in kept if each.ask()[0] == second.instance_id]
    bed.deregister(second)
    assert bed.health()[second.instance_id] == ("draining", "Target.DeregistrationInProgress")
    wait(lambda: names(bed, node) == {first.instance_id})
    assert all(each.works() for each in to_second)
    assert bed.state(second) == "draining"
    wait(lambda: bed.state(second) == "")
    wait(lambda: not any(each.works() for each in to_second))
    assert all(each.works() for each in kept if each not in to_second)
    for each in kept:
        with each:
            pass


def test_a_target_that_is_registered_is_initial_until_its_checks_have_passed(bed: Bed) -> None:
    second = bed.targets[1]
    bed.deregister(second)
    wait(lambda: bed.state(second) == "")
    bed.register(second)
    assert bed.state(second) == "initial"
    wait(lambda: bed.state(second) == "healthy")


def test_a_target_that_is_registered_again_while_it_drains_is_checked_anew(bed: Bed) -> None:
    second = bed.targets[1]
    bed.deregister(second)
    assert bed.state(second) == "draining"
    bed.register(second)
    assert bed.state(second) == "initial"
    wait(lambda: bed.state(second) == "healthy")


def test_a_target_that_has_drained_is_no_target(bed: Bed) -> None:
    second = bed.targets[1]
    bed.deregister(second)
    wait(lambda: bed.state(second) == "")
    asked = [{"Id": second.instance_id}]
    answer = bed.elb.describe_target_health(TargetGroupArn=bed.target_group, Targets=asked)
    (health,) = (each["TargetHealth"] for each in answer["TargetHealthDescriptions"])
    assert (health["State"], health["Reason"]) == ("unused", "Target.NotRegistered")


def test_a_node_sends_to_targets_of_its_own_zone_only_without_cross_zone(bed: Bed) -> None:
    bed.set_cross_zone("false")
    wait(lambda: names(bed, bed.nodes()[bed.zones[0]]) == {bed.targets[0].instance_id})
    wait(lambda: names(bed, bed.nodes()[bed.zones[1]]) == {bed.targets[1].instance_id})


def test_an_instance_that_is_stopped_is_unused(bed: Bed) -> None:
    spare = bed.launch(bed.zones[0])
    bed.elb.register_targets(TargetGroupArn=bed.target_group, Targets=[{"Id": spare}])
    bed.ec2.stop_instances(InstanceIds=[spare])
    assert bed.health()[spare] == ("unused", "Target.InvalidState")
    bed.ec2.terminate_instances(InstanceIds=[spare])
    assert bed.health()[spare] == ("draining", "Target.DeregistrationInProgress")


def test_without_a_target_connections_are_reset(bed: Bed) -> None:
    for target in bed.targets:
        bed.deregister(target)
    node = bed.nodes()[bed.zones[0]]

    def is_reset() -> bool:
        try:
            bed.ask(bed.targets[0], node)
        except ConnectionResetError:
            return True
        return False

    wait(is_reset)


def test_a_process_that_was_killed_is_started_again(bed: Bed) -> None:
    os.kill(bed.balancers.processes()[bed.balancer["LoadBalancerArn"]], signal.SIGKILL)
    node = bed.nodes()[bed.zones[0]]

    def answers() -> bool:
        try:
            bed.ask(bed.targets[0], node)
        except OSError:
            return False
        return True

    wait(lambda: not answers())
    wait(answers)


def test_a_balancers_interfaces_have_its_groups_and_go_with_it(bed: Bed) -> None:
    made = bed.elb.create_load_balancer(
        Name="short", Type="network", Subnets=list(bed.subnets.values()), SecurityGroups=[bed.group_id]
    )["LoadBalancers"][0]
    name = "ELB " + made["LoadBalancerArn"].partition(":loadbalancer/")[2]
    filters = [{"Name": "description", "Values": [name]}]

    def shown() -> list[dict[str, object]]:
        return list(bed.ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"])

    before = set(namespaces.existing(bed.prefix))
    wait(lambda: len(shown()) == len(bed.zones))
    assert {each["SubnetId"] for each in shown()} == set(bed.subnets.values())
    with pytest.raises(bed.ec2.exceptions.ClientError, match="DependencyViolation"):
        bed.ec2.delete_security_group(GroupId=bed.group_id)
    bed.elb.delete_load_balancer(LoadBalancerArn=made["LoadBalancerArn"])
    wait(lambda: not shown())
    wait(lambda: set(namespaces.existing(bed.prefix)) <= before)
