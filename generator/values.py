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

    def stack_name(self) -> Select:
        """The root stack's name, with which CloudFormation begins the names of what it makes."""
        return Select(1, Split("/", self))


class ClusterUuid(Value):
    """The last part of the root stack's id."""


class ParameterPrefix(Value):
    """Where the cluster's SSM parameters start: `/holdfast/<uuid>`, without a slash at the end."""


# iam
class RoleName(Value):
    pass


class RoleArn(Value):
    pass


class PrincipalArns(ListValue):
    """Roles and users; one empty text where none was given."""


class RolePath(Value):
    pass


class PolicyArn(Value):
    """A managed policy; empty text where none was given."""


class InstanceProfileArn(Value):
    pass


class KeyArn(Value):
    pass


# network
class ZoneNames(ListValue):
    parameter_type = "List<AWS::EC2::AvailabilityZone::Name>"


class VpcId(Value):
    parameter_type = "AWS::EC2::VPC::Id"


class SubnetIds(ListValue):
    """One subnet per zone, in the order of the zones."""

    parameter_type = "List<AWS::EC2::Subnet::Id>"


class RouteTableIds(ListValue):
    pass


class SecurityGroupId(Value):
    parameter_type = "AWS::EC2::SecurityGroup::Id"


class PrefixListId(Value):
    """A prefix list; empty text where none was given."""


class CidrBlock(Value):
    pass


class CidrBlocks(ListValue):
    pass


class HostedZoneId(Value):
    parameter_type = "AWS::Route53::HostedZone::Id"


class DnsName(Value):
    pass


class DnsNames(ListValue):
    pass


class TargetGroupArn(Value):
    pass


# database
class TableName(Value):
    pass


class TableArn(Value):
    pass


class StreamArn(Value):
    pass


class BucketName(Value):
    pass


# services, lifecycle, compute
class FunctionArn(Value):
    pass


class ImageId(Value):
    parameter_type = "AWS::EC2::Image::Id"


class InstanceType(Value):
    pass


class HostResourceGroupArn(Value):
    pass


class LicenseConfigurationArn(Value):
    pass


class DocumentName(Value):
    """A document of Systems Manager."""


class GroupNames(ListValue):
    """Names of Auto Scaling groups."""
