"""The kinds of value that cross from one layer to another.

Each kind is a class of its own, so that giving a layer the wrong one is an error for mypy. A value wraps a
CloudFormation expression and can stand wherever troposphere takes one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from troposphere import AWSHelperFn, Join, Select, Split


@dataclass(frozen=True)
class Origin:
    """The output of a nested stack that a value came from; the map of the layers is drawn from these."""

    layer: str
    output: str


class Value(AWSHelperFn):
    """A CloudFormation expression of one kind."""

    # The type of the CloudFormation parameter that carries the value into a nested stack.
    parameter_type: ClassVar[str] = "String"
    # What the value is, as templates say it of a parameter or output that has no text of its own.
    description: ClassVar[str] = ""

    def __init__(self, expression: Any, origin: Origin | None = None) -> None:
        self.data = expression
        self.origin = origin

    @classmethod
    def from_output(cls, text: Any, origin: Origin) -> Self:
        """The value behind `Fn::GetAtt <nested stack>.Outputs.<name>`, which is always text."""
        return cls(text, origin)

    def to_text(self) -> Any:
        """The expression as the text that crosses a stack's border."""
        return self.data


class ListValue(Value):
    """A list; between stacks CloudFormation carries it as comma-separated text."""

    parameter_type = "CommaDelimitedList"

    def __init__(self, expression: Any, origin: Origin | None = None, text: Any = None) -> None:
        super().__init__(expression, origin)
        self._text = Join(",", expression) if text is None else text

    @classmethod
    def from_output(cls, text: Any, origin: Origin) -> Self:
        return cls(Split(",", text), origin, text)

    def to_text(self) -> Any:
        return self._text

    def first(self, count: int) -> Any:
        """The first `count` entries, as the list property that a resource takes."""
        if isinstance(self.data, list):
            return self.data[:count]
        return [Select(index, self.data) for index in range(count)]


class Number(Value):
    parameter_type = "Number"


# identity of the cluster
class ClusterId(Value):
    """The root stack's id."""

    description = "ID of the root stack, which is the cluster's identity"

    def stack_name(self) -> Select:
        """The root stack's name, with which CloudFormation begins the names of what it makes."""
        return Select(1, Split("/", self))


class ClusterUuid(Value):
    """The last part of the root stack's id."""

    description = "Last part of the root stack's ID; tags, lifecycle hooks and SSM parameters of the cluster carry it"


class ParameterPrefix(Value):
    """Where the cluster's SSM parameters start: `/holdfast/<uuid>`, without a slash at the end."""

    description = "Path of the cluster's SSM parameters: /holdfast/<ClusterUuid>"


# iam
class RoleName(Value):
    pass


class RoleArn(Value):
    pass


class PrincipalArns(ListValue):
    """Roles and users; one empty text where none was given."""


class RolePath(Value):
    description = "IAM path of what this template creates in IAM"


class PolicyArn(Value):
    """A managed policy; empty text where none was given."""


class InstanceProfileArn(Value):
    description = "ARN of the instance profile of these nodes"


class KeyArn(Value):
    description = "ARN of the KMS key that encrypts the cluster's data at rest"


# network
class ZoneNames(ListValue):
    parameter_type = "List<AWS::EC2::AvailabilityZone::Name>"
    description = "Availability Zones of the subnets; their order never changes"


class VpcId(Value):
    parameter_type = "AWS::EC2::VPC::Id"
    description = "ID of the VPC of all nodes"


class SubnetIds(ListValue):
    """One subnet per zone, in the order of the zones."""

    parameter_type = "List<AWS::EC2::Subnet::Id>"
    description = "IDs of the subnets of these nodes, one per zone, in the order of the zones"


class RouteTableIds(ListValue):
    description = "IDs of the route tables of the subnets; the gateway endpoints add their routes to them"


class SecurityGroupId(Value):
    parameter_type = "AWS::EC2::SecurityGroup::Id"
    description = "ID of the security group of these nodes"


class PrefixListId(Value):
    """A prefix list; empty text where none was given."""


class CidrBlocks(Value):
    """Ranges as comma-separated text, whose pattern can count them; what it lacks of `count` entries is empty."""

    def entry(self, index: int, count: int) -> Select:
        """One of the entries, up to `count` of which there may be."""
        # Padded with empty entries, so that every index can be selected however short the text is.
        return Select(index, Split(",", Join("", [self, "," * count])))


class HostedZoneId(Value):
    parameter_type = "AWS::Route53::HostedZone::Id"
    description = "ID of the private hosted zone that holds the record of the Kubernetes API"


class DnsName(Value):
    description = "DNS name of the Kubernetes API"


class DnsNames(ListValue):
    description = "Additional SANs of the API server certificate"


class TargetGroupArn(Value):
    description = "ARN of the load balancer's target group for the Kubernetes API"


class TargetGroupName(Value):
    """As CloudWatch has it: `targetgroup/<name>/<id>`."""

    description = "Full name of the load balancer's target group for the Kubernetes API"


class BalancerName(Value):
    """As CloudWatch has it: `net/<name>/<id>`."""

    description = "Full name of the Kubernetes API's load balancer"


# database
class TableName(Value):
    description = "Name of the cluster table in DynamoDB"


class TableArn(Value):
    description = "ARN of the cluster table in DynamoDB"


class StreamArn(Value):
    description = "ARN of the stream of the cluster table"


class BucketName(Value):
    description = "Name of the S3 bucket for etcd snapshots"


# services, lifecycle, compute
class FunctionArn(Value):
    description = "ARN of the reconcile function"


class FunctionName(Value):
    description = "Name of the reconcile function"


class ImageId(Value):
    parameter_type = "AWS::EC2::Image::Id"
    description = "ID of the AMI of these nodes"


class InstanceType(Value):
    description = "EC2 instance type of these nodes"


class HostResourceGroupArn(Value):
    description = "ARN of the host resource group on whose Dedicated Hosts these nodes run"


class CapacityReservationGroupArn(Value):
    description = "ARN of the resource group of Capacity Reservations that these nodes are started in"


class LicenseConfigurationArn(Value):
    description = "ARN of the license configuration that is associated with the host resource group"


class LogGroupName(Value):
    pass


class TopicArns(ListValue):
    """Topics of SNS; one empty text where none was given."""

    description = "ARNs of the SNS topics that alarms notify"


class DashboardName(Value):
    description = "Name of the cluster's dashboard in CloudWatch"


class DocumentName(Value):
    """A document of Systems Manager."""

    description = "Name of the Session Manager document of the cluster"


class GroupNames(ListValue):
    """Names of Auto Scaling groups."""
