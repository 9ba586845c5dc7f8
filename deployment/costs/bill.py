"""The bill of a month: every type of resource in the templates is billed here, or named as free."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from deployment.costs.counted import GROUP, Group, Tree
from deployment.costs.prices import Price, PriceTable
from deployment.refusal import Refusal

_DAYS = 365 / 12
# What a volume of the type includes without charge: IOPS, and MiB a second (EBS pricing, gp3).
_INCLUDED = {"gp3": (3000, 125)}

# Of the value of a standard SSM parameter.
_STANDARD_BYTES = 4096


class Part(Enum):
    """Of the bill."""

    FIXED = "fixed"
    CONTROL_PLANES = "control planes"
    WORKERS = "workers"
    USE = "use, assumed"


@dataclass(frozen=True)
class Line:
    """So many of what the price is of, during the whole month: at every pool's MinSize, and at its MaxSize."""

    part: Part
    what: str
    price: Price
    least: float
    most: float

    @property
    def count(self) -> str:
        """Of units, for a person."""
        least, most = (f"{each:,.1f}".removesuffix(".0") for each in (self.least, self.most))
        return least if least == most else f"{least} to {most}"

    @property
    def dollars(self) -> tuple[float, float]:
        """At MinSize and at MaxSize."""
        return self.least * self.price.month, self.most * self.price.month


@dataclass(frozen=True)
class Bill:
    """All lines, and what has a price that nobody can tell from templates."""

    lines: tuple[Line, ...]
    notes: tuple[str, ...]

    def dollars(self, *parts: Part) -> tuple[float, float]:
        """Of the parts, or of everything: at MinSize and at MaxSize."""
        wanted = [line.dollars for line in self.lines if not parts or line.part in parts]
        return sum(least for least, _ in wanted), sum(most for _, most in wanted)


@dataclass(frozen=True)
class _Reader:
    tree: Tree
    prices: PriceTable
    groups: tuple[Group, ...]

    @property
    def nodes(self) -> tuple[int, int]:
        return sum(each.least for each in self.groups), sum(each.most for each in self.groups)

    def fixed(self, what: str, name: str, count: float = 1) -> Line:
        return Line(Part.FIXED, what, self.prices.price(name), count, count)

    def by_node(self, what: str, name: str, of_each: float) -> Line:
        least, most = self.nodes
        return Line(Part.USE, what, self.prices.price(name), least * of_each, most * of_each)


def bill(tree: Tree, prices: PriceTable) -> Bill:
    """Of a cluster at rest. Raises Refusal for a type without a price, named, and for one that nobody has looked at."""
    reader = _Reader(tree, prices, tuple(tree.groups()))
    lines = [line for group in reader.groups for line in _of_group(group, prices)]
    lines += _dedicated(reader)
    for stack, resource in tree.resources():
        kind = resource["Type"]
        if kind in BILLED:
            lines += BILLED[kind](reader, stack, resource.get("Properties", {}))
        elif kind not in FREE:
            raise Refusal(f"{kind}: nobody has said what it costs; allowed: a type that deployment/costs/bill.py names")
    hosts = [group.name for group in reader.groups if group.tenancy == "host"]
    notes = [f"instances of {', '.join(hosts)}: billed by the Dedicated Host, which is not counted"] if hosts else []
    return Bill(tuple(sorted(_merged(lines), key=lambda line: list(Part).index(line.part))), tuple(notes))


def _merged(lines: list[Line]) -> Iterator[Line]:
    """Lines of the same price and words as one."""
    found: dict[tuple[Part, str, Price], tuple[float, float]] = {}
    for line in lines:
        key = (line.part, line.what, line.price)
        least, most = found.get(key, (0.0, 0.0))
        found[key] = least + line.least, most + line.most
    return (Line(*key, *counts) for key, counts in found.items())


def _of_group(group: Group, prices: PriceTable) -> Iterator[Line]:
    part = Part.CONTROL_PLANES if group.is_control_plane else Part.WORKERS

    def of_each(what: str, name: str, count: float) -> Line:
        return Line(part, f"{group.name}: {what}", prices.price(name), group.least * count, group.most * count)

    if group.tenancy != "host":
        name = f"{group.instance_type} {group.tenancy}"
        yield of_each(f"{name} instances", name, 1)
    for volume in group.volumes:
        iops, mib_a_second = _INCLUDED.get(volume.kind, (0, 0))
        yield of_each(f"GiB of {volume.kind} volumes", f"{volume.kind} GiB", volume.gib)
        if volume.iops > iops:
            yield of_each(f"IOPS of {volume.kind} volumes", f"{volume.kind} IOPS", volume.iops - iops)
        if volume.mib_a_second > mib_a_second:
            yield of_each(f"MiB/s of {volume.kind} volumes", f"{volume.kind} MiB/s", volume.mib_a_second - mib_a_second)
    if group.monitored:
        yield of_each("metrics of detailed monitoring", "CloudWatch metric", prices.assumed("metrics of an instance"))


def _dedicated(reader: _Reader) -> Iterator[Line]:
    """The fee is for each hour in which one or more run in the region, so another cluster there may pay it already."""
    dedicated = [group for group in reader.groups if group.tenancy == "dedicated"]
    if dedicated:
        least, most = (float(any(getattr(each, size) for each in dedicated)) for size in ("least", "most"))
        name = "Dedicated Instances in a region"
        yield Line(Part.FIXED, "fee of the region for Dedicated Instances", reader.prices.price(name), least, most)


def _endpoint(reader: _Reader, stack: str, properties: Mapping[str, Any]) -> Iterator[Line]:
    """Gateway endpoints are free."""
    if properties["VpcEndpointType"] == "Interface":
        zones = len(properties["SubnetIds"])
        yield reader.fixed("interface endpoints, in each zone", "interface endpoint in a zone", zones)


def _balancer(reader: _Reader, stack: str, properties: Mapping[str, Any]) -> Iterator[Line]:
    used = reader.prices.assumed("NLCUs of a balancer")
    yield reader.fixed("Network Load Balancers", "Network Load Balancer")
    yield Line(Part.USE, "capacity units of the balancer", reader.prices.price("NLCU"), used, used)


def _domains(reader: _Reader, stack: str, properties: Mapping[str, Any]) -> Iterator[Line]:
    yield reader.fixed("domains of the DNS firewall", "domain of a DNS firewall", len(properties["Domains"]))


def _firewall(reader: _Reader, stack: str, properties: Mapping[str, Any]) -> Iterator[Line]:
    each = reader.prices.assumed("million queries of a node")
    yield reader.by_node("million DNS queries", "million queries through a DNS firewall", each)


def _log_group(reader: _Reader, stack: str, properties: Mapping[str, Any]) -> Iterator[Line]:
    """Taken in at a steady rate; what is kept then is as old as its retention at most."""
    each = reader.prices.assumed("GB of logs of a node")
    months = int(reader.tree.text(stack, properties["RetentionInDays"])) / _DAYS
    yield reader.by_node("GB of logs taken in", "GB of logs taken in", each)
    yield reader.by_node("GB of logs kept", "GB of logs kept", each * months)


def _parameter(reader: _Reader, stack: str, properties: Mapping[str, Any]) -> Iterator[Line]:
    """Standard ones are free. With Intelligent-Tiering SSM makes one that is beyond 4 kB an advanced one; a value that
    is put together at a deploy is taken for a short one."""
    tier, value = properties.get("Tier", "Standard"), properties["Value"]
    large = tier == "Intelligent-Tiering" and isinstance(value, str) and len(value.encode()) > _STANDARD_BYTES
    if tier == "Advanced" or large:
        yield reader.fixed("advanced SSM parameters", "advanced SSM parameter")


_Biller = Callable[[_Reader, str, Mapping[str, Any]], Iterator[Line]]

BILLED: Mapping[str, _Biller] = {
    "AWS::CloudWatch::Alarm": lambda reader, *_: iter([reader.fixed("CloudWatch alarms", "CloudWatch alarm")]),
    # Three of an account are free; others may have them.
    "AWS::CloudWatch::Dashboard": lambda reader, *_: iter(
        [reader.fixed("CloudWatch dashboards", "CloudWatch dashboard")]
    ),
    "AWS::EC2::VPCEndpoint": _endpoint,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _balancer,
    "AWS::KMS::Key": lambda reader, *_: iter([reader.fixed("KMS keys", "KMS key")]),
    "AWS::Lambda::Function": lambda reader, *_: iter(
        [reader.fixed("function, tables and agents at rest", "function, tables and agents at rest")]
    ),
    "AWS::Logs::LogGroup": _log_group,
    "AWS::Route53::HostedZone": lambda reader, *_: iter([reader.fixed("private hosted zones", "hosted zone")]),
    "AWS::Route53Resolver::FirewallDomainList": _domains,
    "AWS::Route53Resolver::FirewallRuleGroupAssociation": _firewall,
    "AWS::SSM::Parameter": _parameter,
}
"""What makes lines of a resource, by its type."""

_NOTHING = "no charge"
_OTHERS = "billed with what it belongs to"

FREE: Mapping[str, str] = (
    {
        GROUP: "its instances are billed",
        "AWS::EC2::LaunchTemplate": "its instances are billed",
        "AWS::DynamoDB::Table": "its requests are billed with the function; it holds less than a megabyte",
        "AWS::EC2::FlowLog": "its log group is billed",
        "AWS::Route53Resolver::ResolverQueryLoggingConfig": "its log group is billed",
        "AWS::S3::Bucket": "empty while nothing is backed up",
        "AWS::SQS::Queue": "no request while nothing fails",
        "AWS::Events::Rule": "events of AWS services are free",
        "AWS::Lambda::EventSourceMapping": "Lambda reads a table's stream without charge",
    }
    | dict.fromkeys(
        (
            "AWS::ElasticLoadBalancingV2::Listener",
            "AWS::ElasticLoadBalancingV2::TargetGroup",
            "AWS::KMS::Alias",
            "AWS::Lambda::EventInvokeConfig",
            "AWS::Lambda::Permission",
            "AWS::Route53::RecordSet",
            "AWS::Route53Resolver::FirewallRuleGroup",
            "AWS::Route53Resolver::ResolverQueryLoggingConfigAssociation",
            "AWS::S3::BucketPolicy",
            "AWS::SQS::QueuePolicy",
            "Custom::Start",
            "Custom::Teardown",
            "Custom::UpdateCheck",
        ),
        _OTHERS,
    )
    | dict.fromkeys(
        (
            "AWS::CloudFormation::Stack",
            "AWS::CloudFormation::WaitCondition",
            "AWS::EC2::RouteTable",
            "AWS::EC2::SecurityGroup",
            "AWS::EC2::SecurityGroupEgress",
            "AWS::EC2::SecurityGroupIngress",
            "AWS::EC2::Subnet",
            "AWS::EC2::SubnetRouteTableAssociation",
            "AWS::EC2::VPC",
            "AWS::IAM::InstanceProfile",
            "AWS::IAM::ManagedPolicy",
            "AWS::IAM::Role",
            "AWS::IAM::RolePolicy",
            "AWS::SSM::Document",
        ),
        _NOTHING,
    )
)
"""What adds nothing to the bill, by its type, and why."""
