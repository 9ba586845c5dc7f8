"""A given network as EC2 and Route 53 describe it, in moto's account; each test spoils one thing of a sound one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from deployment.aws import Account
from deployment.preflight import given_endpoints, given_subnets, given_vpc, given_zone, plan
from deployment.preflight.finding import Finding, State
from deployment.preflight.given_subnets import Subnet
from deployment.preflight.plan import Plan
from tests.unit.deployment import trees

REGION = "eu-central-1"
ZONES = [f"{REGION}a", f"{REGION}b", f"{REGION}c"]
NAME = "api.example.internal"
CREATES = (
    "name: ours\nnetwork: {vpc: given, vpcCidr: 10.1.0.0/20, tenancy: default, endpoints: create, privateZone: given}\n"
    "controlPlane: {tenancy: dedicated}\npools: [{name: general, tenancy: default}]\n"
)


@dataclass
class World:
    """A network that a cluster can be built in, and its parameters."""

    account: Account
    vpc: str = ""
    subnets: list[str] = field(default_factory=list)
    table: str = ""
    zone: str = ""

    def __post_init__(self) -> None:
        self.vpc = self.new_vpc("10.1.0.0/20")
        self.table = self.ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        for number in range(6):
            self.subnets.append(self.new_subnet(f"10.1.{number}.0/24", ZONES[number % 3]))
            self.ec2.associate_route_table(RouteTableId=self.table, SubnetId=self.subnets[-1])
        self.zone = self.new_zone("example.internal", self.vpc)

    @property
    def ec2(self) -> Any:
        return self.account.client("ec2")

    def new_vpc(self, cidr: str, tenancy: str = "default") -> str:
        vpc = self.ec2.create_vpc(CidrBlock=cidr, InstanceTenancy=tenancy)["Vpc"]["VpcId"]
        self.ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
        options = {"Key": "domain-name-servers", "Values": ["AmazonProvidedDNS"]}
        self.associate(vpc, options)
        return str(vpc)

    def associate(self, vpc: str, options: dict[str, Any]) -> None:
        made = self.ec2.create_dhcp_options(DhcpConfigurations=[options])["DhcpOptions"]["DhcpOptionsId"]
        self.ec2.associate_dhcp_options(DhcpOptionsId=made, VpcId=vpc)

    def new_subnet(self, cidr: str, zone: str, vpc: str = "") -> str:
        made = self.ec2.create_subnet(VpcId=vpc or self.vpc, CidrBlock=cidr, AvailabilityZone=zone)
        return str(made["Subnet"]["SubnetId"])

    def new_zone(self, name: str, vpc: str = "") -> str:
        private = {"VPC": {"VPCRegion": REGION, "VPCId": vpc}} if vpc else {}
        config = {"PrivateZone": bool(vpc)}
        route53 = self.account.client("route53")
        made = route53.create_hosted_zone(Name=name, CallerReference=name, HostedZoneConfig=config, **private)
        return str(made["HostedZone"]["Id"].rpartition("/")[2])

    def endpoint(self, service: str, kind: str, **more: Any) -> str:
        name = f"com.amazonaws.{REGION}.{service}"
        made = self.ec2.create_vpc_endpoint(VpcId=self.vpc, ServiceName=name, VpcEndpointType=kind, **more)
        return str(made["VpcEndpoint"]["VpcEndpointId"])

    def plan(self, configuration: str = CREATES, **changed: str) -> Plan:
        values = trees.IMAGES | {
            "VpcId": self.vpc,
            "ControlPlaneSubnetIds": ",".join(self.subnets[:3]),
            "WorkerSubnetIds": ",".join(self.subnets[3:]),
            "HostedZoneId": self.zone,
            "ApiEndpointName": NAME,
            "RouteTableIds": self.table,
            "EndpointCidrs": "10.9.0.0/24",
        }
        bodies = trees.of(configuration)
        own = {name: value for name, value in values.items() if name in bodies[""]["Parameters"]}
        return plan.read(bodies, own | changed, REGION)

    def check(self, wanted: Plan) -> list[Finding]:
        assert wanted.given is not None
        subnets = given_subnets.look(self.account, wanted.given)
        found = given_vpc.check(self.account, wanted) + given_subnets.check(self.account, wanted, subnets)
        return found + given_endpoints.check(self.account, wanted) + given_zone.check(self.account, wanted)


@pytest.fixture
def world(account: Account) -> World:
    return World(account)


def told(found: list[Finding], state: State = State.FAILED) -> list[str]:
    return [f"{each.subject}: {each.detail}" for each in found if each.state is state]


def test_a_sound_network_is_ok(world: World) -> None:
    found = world.check(world.plan())
    assert {finding.state for finding in found} == {State.OK}, found


def spoil_hostnames(world: World) -> dict[str, str]:
    world.ec2.modify_vpc_attribute(VpcId=world.vpc, EnableDnsHostnames={"Value": False})
    return {}


def spoil_support(world: World) -> dict[str, str]:
    world.ec2.modify_vpc_attribute(VpcId=world.vpc, EnableDnsSupport={"Value": False})
    return {}


def spoil_range(world: World) -> dict[str, str]:
    world.ec2.associate_vpc_cidr_block(VpcId=world.vpc, CidrBlock="100.64.0.0/20")
    return {}


def spoil_dhcp(world: World) -> dict[str, str]:
    world.associate(world.vpc, {"Key": "domain-name", "Values": ["example.internal"]})
    return {}


def no_dhcp(world: World) -> dict[str, str]:
    world.ec2.associate_dhcp_options(DhcpOptionsId="default", VpcId=world.vpc)
    return {}


def other_vpc(world: World) -> dict[str, str]:
    return {"VpcId": world.new_vpc("10.2.0.0/20")}


def foreign_subnet(world: World) -> dict[str, str]:
    vpc = world.new_vpc("10.3.0.0/20")
    return {"WorkerSubnetIds": ",".join([*world.subnets[3:5], world.new_subnet("10.3.0.0/24", ZONES[2], vpc)])}


def one_zone(world: World) -> dict[str, str]:
    third = world.new_subnet("10.1.8.0/24", ZONES[0])
    world.ec2.associate_route_table(RouteTableId=world.table, SubnetId=third)
    return {"ControlPlaneSubnetIds": ",".join([*world.subnets[:2], third])}


def small_subnet(world: World) -> dict[str, str]:
    small = world.new_subnet("10.1.8.0/28", ZONES[2])
    world.ec2.associate_route_table(RouteTableId=world.table, SubnetId=small)
    return {"ControlPlaneSubnetIds": ",".join([*world.subnets[:2], small])}


def other_table(world: World) -> dict[str, str]:
    return {"RouteTableIds": world.ec2.create_route_table(VpcId=world.vpc)["RouteTable"]["RouteTableId"]}


def foreign_table(world: World) -> dict[str, str]:
    made = world.ec2.create_route_table(VpcId=world.new_vpc("10.4.0.0/20"))["RouteTable"]["RouteTableId"]
    return {"RouteTableIds": f"{world.table},{made}"}


def interface_there(world: World) -> dict[str, str]:
    world.endpoint("ssm", "Interface", PrivateDnsEnabled=True, SubnetIds=world.subnets[:1])
    return {}


def gateway_there(world: World) -> dict[str, str]:
    world.endpoint("s3", "Gateway", RouteTableIds=[world.table])
    return {}


def public_zone(world: World) -> dict[str, str]:
    return {"HostedZoneId": world.new_zone("example.com"), "ApiEndpointName": "api.example.com"}


def zone_elsewhere(world: World) -> dict[str, str]:
    zone = world.new_zone("other.internal", world.new_vpc("10.5.0.0/20"))
    return {"HostedZoneId": zone, "ApiEndpointName": "api.other.internal"}


def name_taken(world: World) -> dict[str, str]:
    record = {"Name": NAME, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.1.0.9"}]}
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    world.account.client("route53").change_resource_record_sets(HostedZoneId=world.zone, ChangeBatch=batch)
    return {}


ABSENT = "subnet-0123456789abcdef0"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_hostnames, "enableDnsHostnames"),
        (spoil_support, "enableDnsSupport"),
        (spoil_range, "its range 100.64.0.0/20 overlaps the pods' or Services' range 100.64.0.0/16"),
        (spoil_dhcp, "no domain-name-servers"),
        (no_dhcp, "the VPC has no DHCP option set"),
        (lambda _: {"VpcId": trees.VPC}, "does not exist in eu-central-1"),
        (other_vpc, "and not in vpc-"),
        (foreign_subnet, "and not in vpc-"),
        (lambda world: {"WorkerSubnetIds": ",".join([*world.subnets[3:5], ABSENT])}, f"{ABSENT}: does not exist"),
        (one_zone, "more than one is in eu-central-1a"),
        (
            lambda world: {"WorkerSubnetIds": ",".join(world.subnets[5:2:-1])},
            "eu-central-1c, eu-central-1b, eu-central-1a; those of ControlPlaneSubnetIds are",
        ),
        (small_subnet, "11 are free, and 18 are needed"),
        (other_table, "which is not in RouteTableIds"),
        (foreign_table, "is no route table of vpc-"),
        (interface_there, "it has the private name of com.amazonaws.eu-central-1.ssm already"),
        (gateway_there, "has its route to com.amazonaws.eu-central-1.s3 already"),
        (lambda _: {"HostedZoneId": "Z123"}, "does not exist in this account"),
        (public_zone, "is a public zone"),
        (zone_elsewhere, "not associated with vpc-"),
        (lambda _: {"ApiEndpointName": "api.example.com"}, "is not within the zone example.internal"),
        (lambda _: {"ApiEndpointName": "apiexample.internal"}, "is not within the zone example.internal"),
        (name_taken, "has a record A of this name already"),
    ],
)
def test_what_one_look_at_the_network_tells_has_failed(
    world: World, spoil: Callable[[World], dict[str, str]], words: str
) -> None:
    changed = spoil(world)
    failed = told(world.check(world.plan(**changed)))
    assert [line for line in failed if words in line], failed


def test_dns_servers_of_ones_own_are_a_warning_for_they_may_forward(world: World) -> None:
    world.associate(world.vpc, {"Key": "domain-name-servers", "Values": ["10.0.0.2"]})
    (line,) = told(world.check(world.plan()), State.WARNING)
    assert "the DNS servers are 10.0.0.2" in line


def test_shared_hardware_in_a_dedicated_vpc_is_a_warning(world: World) -> None:
    wanted = world.plan(VpcId=world.new_vpc("10.6.0.0/20", "dedicated"))
    lines = told(given_vpc.check(world.account, wanted), State.WARNING)
    assert [line for line in lines if "nodes of GeneralInstanceType are dedicated instances there" in line]


CENTRAL = CREATES.replace("endpoints: create", "endpoints: given, gatewayEndpoints: given")
GATEWAYS_MADE = CREATES.replace("endpoints: create", "endpoints: given")


def test_with_central_endpoints_gateways_have_to_be_in_the_subnets_route_tables(world: World) -> None:
    found = world.check(world.plan(CENTRAL))
    assert told(found) == []
    assert {line.partition(":")[0] for line in told(found, State.WARNING)} == {"way to dynamodb", "way to s3"}
    assert {line.partition(":")[0] for line in told(found, State.NOTE)} == {
        f"way to {service}"
        for service in ("autoscaling", "cloudformation", "ec2", "ecr.api", "ecr.dkr", "logs", "ssm", "sts")
    }


def test_gateways_are_made_for_central_endpoints_in_route_tables_that_have_none_yet(world: World) -> None:
    sound = world.check(world.plan(GATEWAYS_MADE))
    assert [each for each in sound if each.state in (State.FAILED, State.WARNING)] == []
    world.endpoint("dynamodb", "Gateway", RouteTableIds=[world.table])
    own = world.ec2.create_route_table(VpcId=world.vpc)["RouteTable"]["RouteTableId"]
    lonely = world.new_subnet("10.1.9.0/24", ZONES[2])
    world.ec2.associate_route_table(RouteTableId=own, SubnetId=lonely)
    workers = ",".join([*world.subnets[3:5], lonely])
    unlisted, met = told(world.check(world.plan(GATEWAYS_MADE, WorkerSubnetIds=workers)))
    assert f"it uses {own}, which is not in RouteTableIds" in unlisted
    assert f"{world.table} has its route to com.amazonaws.{REGION}.dynamodb already" in met


def test_what_the_vpc_has_is_compared_with_what_the_configuration_states(world: World) -> None:
    stated = CREATES.replace("vpcCidr: 10.1.0.0/20", "vpcCidr: 10.1.0.0/20, vpcSecondaryCidrs: [100.127.0.0/20]")
    (lacking,) = told(world.check(world.plan(stated)))
    assert "it has no range 100.127.0.0/20, which the configuration states" in lacking
    world.ec2.associate_vpc_cidr_block(VpcId=world.vpc, CidrBlock="100.127.0.0/20")
    found = world.check(world.plan(stated))
    assert told(found) == told(found, State.WARNING) == []
    assert f"VPC {world.vpc}: available, 10.1.0.0/20, 100.127.0.0/20, tenancy default" in told(found, State.OK)
    (unstated,) = told(world.check(world.plan()), State.WARNING)
    assert "the configuration does not state its ranges 100.127.0.0/20" in unstated
    (tenancy,) = told(given_vpc.check(world.account, world.plan(VpcId=world.new_vpc("10.1.0.0/20", "dedicated"))))
    assert "its tenancy is dedicated, and the configuration states default" in tenancy


def test_endpoints_that_are_there_are_ok(world: World) -> None:
    world.endpoint("dynamodb", "Gateway", RouteTableIds=[world.table])
    world.endpoint("s3", "Gateway", RouteTableIds=[world.table])
    world.endpoint("ssm", "Interface", PrivateDnsEnabled=True, SubnetIds=world.subnets[:1])
    found = world.check(world.plan(CENTRAL))
    assert told(found, State.WARNING) == []
    ways = {line.partition(":")[0] for line in told(found, State.OK) if line.startswith("way to ")}
    assert ways == {"way to dynamodb", "way to s3", "way to ssm"}


def test_a_gateway_that_one_subnet_does_not_use_is_a_warning_with_the_subnet(world: World) -> None:
    own = world.ec2.create_route_table(VpcId=world.vpc)["RouteTable"]["RouteTableId"]
    lonely = world.new_subnet("10.1.9.0/24", ZONES[2])
    world.ec2.associate_route_table(RouteTableId=own, SubnetId=lonely)
    for service in ("dynamodb", "s3"):
        world.endpoint(service, "Gateway", RouteTableIds=[world.table])
    workers = ",".join([*world.subnets[3:5], lonely])
    lines = told(world.check(world.plan(CENTRAL, WorkerSubnetIds=workers)), State.WARNING)
    assert len(lines) == 2
    assert all(f"in the route tables of {lonely}:" in line for line in lines)


def subnets_with(world: World, free: dict[str, int]) -> dict[str, Subnet]:
    given = world.plan().given
    assert given is not None
    found = given_subnets.look(world.account, given)
    return {key: replace(each, free=free.get(key, each.free)) for key, each in found.items()}


@pytest.mark.parametrize(("free", "failed"), [(18, 0), (17, 1)])
def test_a_subnet_has_to_have_room_for_balancer_endpoints_and_a_replaced_control_plane(
    world: World, free: int, failed: int
) -> None:
    wanted = world.plan()
    assert wanted.given is not None
    # Eight of the balancer, eight endpoints, one slot and its replacement.
    found = list(given_subnets.judge(wanted, wanted.given, subnets_with(world, {world.subnets[0]: free})))
    assert len(told(found)) == failed


def test_an_update_needs_room_for_replacements_alone(world: World) -> None:
    wanted = replace(world.plan(), creates=False)
    assert wanted.given is not None
    for free, failed in ((1, 0), (0, 1)):
        found = list(given_subnets.judge(wanted, wanted.given, subnets_with(world, {world.subnets[0]: free})))
        assert len(told(found)) == failed


def test_pools_that_cannot_grow_to_their_maximum_are_a_warning(world: World) -> None:
    wanted = world.plan(GeneralMaxSize="20")
    assert wanted.given is not None
    free = dict.fromkeys(world.subnets[3:], 6)
    found = list(given_subnets.judge(wanted, wanted.given, subnets_with(world, free)))
    assert told(found) == []
    assert told(found, State.WARNING) == [
        "addresses of WorkerSubnetIds: 18 are free together, and the pools may grow to 20 nodes"
    ]
