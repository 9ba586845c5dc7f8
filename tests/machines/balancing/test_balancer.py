"""A balancer of the local ELBv2 between namespaces: connections, health, draining, zones, and its end."""

from __future__ import annotations

import os
import signal

import pytest

from rehearsal.machines.network import namespaces
from tests.machines.balancing.harness import PORT, BalancerHarness, connects, wait

# Every rehearsal needs what is tested here, so what breaks it shows in CI; why it does shows here.
pytestmark = pytest.mark.slow

MANY = 30
"""Connections in a row: with two targets to choose from, one is never chosen in one of 2^29 runs."""


def names(harness: BalancerHarness, address: str, source: int = 0) -> set[str]:
    """Who answers at an address, in many connections."""
    return {harness.ask(harness.targets[source], address)[0] for _ in range(MANY)}


def test_connections_go_to_all_healthy_targets_and_come_from_the_balancers_address(harness: BalancerHarness) -> None:
    node = harness.nodes()[harness.zones[0]]
    assert names(harness, node) == {target.instance_id for target in harness.targets}
    assert harness.ask(harness.targets[0], node)[1] == node


def test_who_is_not_in_the_balancers_rules_does_not_reach_it_nor_the_targets_past_it(harness: BalancerHarness) -> None:
    stranger = harness.stranger()
    for address in (*harness.nodes().values(), harness.targets[0].interface.address):
        assert not connects(stranger, address, PORT, 1.0)
        assert connects(harness.targets[1].namespace, address, PORT)


def test_a_target_reaches_itself_through_the_balancer(harness: BalancerHarness) -> None:
    first, second = harness.targets
    second.kill()
    wait(lambda: harness.state(second) == "unhealthy")
    assert harness.ask(first, harness.nodes()[harness.zones[0]])[0] == first.instance_id


def test_a_target_that_is_killed_becomes_unhealthy_gets_nothing_more_and_recovers(harness: BalancerHarness) -> None:
    first, second = harness.targets
    second.kill()
    wait(lambda: harness.health()[second.instance_id] == ("unhealthy", "Target.FailedHealthChecks"))
    assert names(harness, harness.nodes()[harness.zones[1]]) == {first.instance_id}
    second.start()
    wait(lambda: harness.state(second) == "healthy")


def test_a_target_that_answers_with_another_code_is_unhealthy_and_its_connections_are_cut(
    harness: BalancerHarness,
) -> None:
    first, second = harness.targets
    node = harness.nodes()[harness.zones[0]]
    kept = [harness.connection(first, node) for _ in range(MANY)]
    to_second = [each for each in kept if each.ask()[0] == second.instance_id]
    second.answer_with(500)
    wait(lambda: harness.health()[second.instance_id] == ("unhealthy", "Target.ResponseCodeMismatch"))
    wait(lambda: not any(each.works() for each in to_second))
    assert all(each.works() for each in kept if each not in to_second)
    for each in kept:
        with each:
            pass


def test_without_a_healthy_target_connections_go_to_all(harness: BalancerHarness) -> None:
    for target in harness.targets:
        target.answer_with(500)
    wait(lambda: all(harness.state(target) == "unhealthy" for target in harness.targets))
    assert names(harness, harness.nodes()[harness.zones[0]]) == {target.instance_id for target in harness.targets}


@pytest.mark.slow
def test_a_target_drains_keeps_its_connections_until_the_delay_is_over_and_gets_no_new_ones(
    harness: BalancerHarness,
) -> None:
    first, second = harness.targets
    node = harness.nodes()[harness.zones[0]]
    kept = [harness.connection(first, node) for _ in range(MANY)]
    to_second = [each for each in kept if each.ask()[0] == second.instance_id]
    # A quarter of a minute, in which a busy machine can ask everybody.
    harness.set_drain_seconds(300)
    harness.deregister(second)
    assert harness.health()[second.instance_id] == ("draining", "Target.DeregistrationInProgress")
    wait(lambda: names(harness, node) == {first.instance_id})
    assert all(each.works() for each in to_second)
    assert harness.state(second) == "draining"
    wait(lambda: harness.state(second) == "")
    wait(lambda: not any(each.works() for each in to_second))
    assert all(each.works() for each in kept if each not in to_second)
    for each in kept:
        with each:
            pass


def test_a_target_that_is_registered_is_initial_until_its_checks_have_passed(harness: BalancerHarness) -> None:
    second = harness.targets[1]
    harness.deregister(second)
    wait(lambda: harness.state(second) == "")
    harness.register(second)
    assert harness.state(second) == "initial"
    wait(lambda: harness.state(second) == "healthy")


def test_a_target_that_is_registered_again_while_it_drains_is_checked_anew(harness: BalancerHarness) -> None:
    second = harness.targets[1]
    harness.deregister(second)
    assert harness.state(second) == "draining"
    harness.register(second)
    assert harness.state(second) == "initial"
    wait(lambda: harness.state(second) == "healthy")


def test_a_target_that_has_drained_is_no_target(harness: BalancerHarness) -> None:
    second = harness.targets[1]
    harness.deregister(second)
    wait(lambda: harness.state(second) == "")
    asked = [{"Id": second.instance_id}]
    answer = harness.elb.describe_target_health(TargetGroupArn=harness.target_group, Targets=asked)
    (health,) = (each["TargetHealth"] for each in answer["TargetHealthDescriptions"])
    assert (health["State"], health["Reason"]) == ("unused", "Target.NotRegistered")


def test_a_node_sends_to_targets_of_its_own_zone_only_without_cross_zone(harness: BalancerHarness) -> None:
    harness.set_cross_zone("false")
    wait(lambda: names(harness, harness.nodes()[harness.zones[0]]) == {harness.targets[0].instance_id})
    wait(lambda: names(harness, harness.nodes()[harness.zones[1]]) == {harness.targets[1].instance_id})


def test_an_instance_that_is_stopped_is_unused(harness: BalancerHarness) -> None:
    spare = harness.launch(harness.zones[0])
    harness.elb.register_targets(TargetGroupArn=harness.target_group, Targets=[{"Id": spare}])
    harness.ec2.stop_instances(InstanceIds=[spare])
    assert harness.health()[spare] == ("unused", "Target.InvalidState")
    harness.ec2.terminate_instances(InstanceIds=[spare])
    assert harness.health()[spare] == ("draining", "Target.DeregistrationInProgress")


def test_without_a_target_connections_are_reset(harness: BalancerHarness) -> None:
    for target in harness.targets:
        harness.deregister(target)
    node = harness.nodes()[harness.zones[0]]

    def is_reset() -> bool:
        try:
            harness.ask(harness.targets[0], node)
        except ConnectionResetError:
            return True
        return False

    wait(is_reset)


def test_a_process_that_was_killed_is_started_again(harness: BalancerHarness) -> None:
    os.kill(harness.balancers.processes()[harness.balancer["LoadBalancerArn"]], signal.SIGKILL)
    node = harness.nodes()[harness.zones[0]]

    def answers() -> bool:
        try:
            harness.ask(harness.targets[0], node)
        except OSError:
            return False
        return True

    wait(lambda: not answers())
    wait(answers)


def test_a_balancers_interfaces_have_its_groups_and_go_with_it(harness: BalancerHarness) -> None:
    made = harness.elb.create_load_balancer(
        Name="short", Type="network", Subnets=list(harness.subnets.values()), SecurityGroups=[harness.group_id]
    )["LoadBalancers"][0]
    name = "ELB " + made["LoadBalancerArn"].partition(":loadbalancer/")[2]
    filters = [{"Name": "description", "Values": [name]}]

    def shown() -> list[dict[str, object]]:
        return list(harness.ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"])

    before = set(namespaces.existing(harness.prefix))
    wait(lambda: len(shown()) == len(harness.zones))
    assert {each["SubnetId"] for each in shown()} == set(harness.subnets.values())
    with pytest.raises(harness.ec2.exceptions.ClientError, match="DependencyViolation"):
        harness.ec2.delete_security_group(GroupId=harness.group_id)
    harness.elb.delete_load_balancer(LoadBalancerArn=made["LoadBalancerArn"])
    wait(lambda: not shown())
    wait(lambda: set(namespaces.existing(harness.prefix)) <= before)
