"""Examples deploy and delete in a region of their partition, all of them side by side in one account.

The default and the minimal example are left to the modules that need a cluster anyway. `make check` takes the given
network, whose templates differ most; `make slow` takes the others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import pytest

from rehearsal.local import inventory, surroundings
from tests.integration import test_deploy, test_terminations
from tests.integration.cluster import Cluster, package
from tests.integration.conftest import Generated
from tests.integration.harness import REPOSITORY, LocalAwsHarness, Processes, wait_for

SPEED = 5
ELSEWHERE = {"default": test_deploy, "minimal": test_terminations}
ALL = {path.stem: path for path in sorted((REPOSITORY / "examples").glob("*.yaml")) if path.stem not in ELSEWHERE}
GIVEN_NETWORK = "existing-network"
_GIVEN = pytest.param((GIVEN_NETWORK,), id=GIVEN_NETWORK, marks=pytest.mark.slow)
_OTHERS = pytest.param(tuple(sorted(ALL.keys() - {GIVEN_NETWORK})), id="every other", marks=pytest.mark.slow)
of_all = pytest.mark.parametrize("rehearsal", [_GIVEN, _OTHERS], indirect=True)
of_given_network = pytest.mark.parametrize("rehearsal", [_GIVEN], indirect=True)
ALL_SECONDS = 300.0
"""For all of them together, on a machine that has other things to do."""


def region_of(config: Path) -> str:
    """Where an example is deployed."""
    return surroundings.facts(config).region


@dataclass
class Run:
    """What became of one example."""

    cluster: Cluster
    created: str = ""
    failures: tuple[str, ...] = ()
    types: frozenset[str] = frozenset()
    deleted: str = ""


@dataclass(frozen=True)
class Rehearsal:
    """What became of some examples; what there was in each region before them, and what they are to keep there."""

    runs: dict[str, Run]
    harnesses: dict[str, LocalAwsHarness]
    before: dict[str, inventory.Inventory]
    kept: dict[str, set[str]]


@pytest.fixture(scope="module")
def stubbed(processes: Processes, endpoint: str) -> Callable[[str], LocalAwsHarness]:
    """A region, whose nodes are stubbed from the first time on."""

    def stub(region: str) -> LocalAwsHarness:
        harness = LocalAwsHarness(processes, endpoint, region)
        harness.stub_nodes()
        return harness

    return cache(stub)


@pytest.fixture(scope="module")
def rehearsal(
    request: pytest.FixtureRequest, stubbed: Callable[[str], LocalAwsHarness], generated: Generated
) -> Rehearsal:
    """The examples that are asked for, deployed at the same time, then deleted at the same time."""
    examples: tuple[str, ...] = request.param
    harnesses = {region: stubbed(region) for region in sorted({region_of(ALL[example]) for example in examples})}

    def prepared(example: str) -> Run:
        config, root = generated(example)
        harness = harnesses[region_of(config)]
        return Run(Cluster(harness, example, package(harness, config, root)))

    with ThreadPoolExecutor(2) as pool:
        runs = dict(zip(examples, pool.map(prepared, examples), strict=True))
    before = {region: inventory.take(harness.client) for region, harness in harnesses.items()}
    deploys = {example: run.cluster.start_create() for example, run in runs.items()}
    kept: dict[str, set[str]] = defaultdict(set)
    for example, run in runs.items():
        deploys[example].communicate(timeout=ALL_SECONDS)
        run.created = str(run.cluster.stack()["StackStatus"])
        run.failures = tuple(run.cluster.failures())
        run.types = frozenset(each["ResourceType"] for each in run.cluster.resources().values())
        kept[run.cluster.harness.region] |= run.cluster.kept()
    ids = {example: run.cluster.start_delete() for example, run in runs.items()}
    for example, run in runs.items():
        run.deleted = run.cluster.settled(ids[example], ALL_SECONDS)
    return Rehearsal(runs, harnesses, before, kept)


@of_all
def test_examples_deploy_and_delete(rehearsal: Rehearsal) -> None:
    became = {example: (run.created, run.failures, run.deleted) for example, run in rehearsal.runs.items()}
    assert became == dict.fromkeys(rehearsal.runs, ("CREATE_COMPLETE", (), "DELETE_COMPLETE"))


@pytest.mark.parametrize("example", ELSEWHERE)
def test_an_example_that_is_left_out_is_deployed_elsewhere(example: str) -> None:
    assert example == ELSEWHERE[example].EXAMPLE


@of_all
def test_nothing_is_left_in_a_region_but_what_the_templates_retain(rehearsal: Rehearsal) -> None:
    def only_kept(region: str) -> bool:
        left = inventory.take(rehearsal.harnesses[region].client) - rehearsal.before[region]
        return {name for _, name in left} == rehearsal.kept[region]

    for region, harness in rehearsal.harnesses.items():
        kept = rehearsal.kept[region]
        wait_for(partial(only_kept, region), f"only {sorted(kept)} are left")
        assert len(kept) == 3 * sum(run.cluster.harness is harness for run in rehearsal.runs.values())


@of_given_network
def test_a_given_network_gets_the_cluster_and_no_network_of_its_own(rehearsal: Rehearsal) -> None:
    made = rehearsal.runs[GIVEN_NETWORK].types
    assert {"AWS::AutoScaling::AutoScalingGroup", "AWS::EC2::SecurityGroup", "AWS::Route53::RecordSet"} <= made
    assert made.isdisjoint({"AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::RouteTable", "AWS::Route53::HostedZone"})


@of_given_network
def test_a_given_network_is_as_it_was_after_the_delete(rehearsal: Rehearsal) -> None:
    cluster = rehearsal.runs[GIVEN_NETWORK].cluster
    values, ec2 = cluster.values, cluster.harness.client("ec2")
    subnets = [*values["ControlPlaneSubnetIds"].split(","), *values["WorkerSubnetIds"].split(",")]
    found = ec2.describe_subnets(SubnetIds=subnets)["Subnets"]
    assert [each["VpcId"] for each in found] == [values["VpcId"]] * 6
    chosen = [{"Name": "association.subnet-id", "Values": subnets}]
    for table in ec2.describe_route_tables(Filters=chosen)["RouteTables"]:
        # Those of the VPC's own ranges, and one over the peering of its owner.
        assert {route.get("GatewayId", "") for route in table["Routes"]} == {"local", ""}
        assert [route for route in table["Routes"] if "DestinationPrefixListId" in route] == []
    records = cluster.harness.client("route53").list_resource_record_sets(HostedZoneId=values["HostedZoneId"])
    assert {record["Type"] for record in records["ResourceRecordSets"]} <= {"NS", "SOA"}
