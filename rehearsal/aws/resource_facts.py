"""What IAM has to know of the resources of other services: one port for each kind, and the registry that they fill.

IAM imports no service. Each service, or the module beside moto's, registers what it knows when the local AWS starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A kind of resource; its type parameter says what can be asked about such resources."""

    name: str


class ResourceFacts:
    """The registry of one local AWS."""

    def __init__(self) -> None:
        self._registered: dict[Kind[Any], Any] = {}

    def register(self, kind: Kind[T], facts: T) -> None:
        """Have IAM ask `facts` about resources of a kind. Raises ValueError where somebody answers for it already."""
        if kind in self._registered:
            raise ValueError(f"two services tell IAM of {kind.name}")
        self._registered[kind] = facts

    def of(self, kind: Kind[T]) -> T:
        """Who knows the resources of a kind. Raises LookupError that names a kind that nobody registered."""
        if kind not in self._registered:
            raise LookupError(f"no service tells IAM of {kind.name}")
        found: T = self._registered[kind]
        return found


@dataclass(frozen=True)
class EncryptionKey:
    """The KMS key that something is encrypted with."""

    region: str
    key_id: str
    """Its id, ARN or alias, as the resource names it."""


@dataclass(frozen=True)
class NamedDocument:
    """A policy document."""

    name: str
    text: str
    """JSON."""


@dataclass(frozen=True)
class Identity:
    """A role or a user of IAM, and the policies that say what it may do."""

    arn: str
    unique_id: str
    """Such as AROA… or AIDA…."""
    name: str
    tags: Mapping[str, str]
    policies: tuple[NamedDocument, ...]
    """Inline and managed ones, of a user's groups too; `<role>/<name>` is the name of an inline one."""
    boundary_arn: str | None
    boundary: NamedDocument | None
    """None where there is no boundary, and where the policy that is the boundary was deleted."""
    trust: str | None = None
    """A role's trust policy as JSON; None for a user."""
    longest_session_seconds: int = 3600
    """A role's maximum session duration."""


@dataclass(frozen=True)
class AccessKey:
    """A user's own access key."""

    user_arn: str
    secret: str
    active: bool


class Identities(Protocol):
    """Roles, users and policies of IAM."""

    def find(self, arn: str) -> Identity | None:
        """The role or user as it is now."""

    def access_key(self, access_key_id: str) -> AccessKey | None:
        """A user's access key; None for one that no user has."""

    def managed_policy(self, arn: str) -> NamedDocument | None:
        """The version of a managed policy that is in force."""

    def arn(self, partition: str, kind: str, name: str) -> str | None:
        """The ARN, with its path, of a `role`, `user`, `group` or `instance-profile` by its name."""

    def profile_role(self, partition: str, profile: str) -> str | None:
        """The ARN of the role in an instance profile, by the profile's name or ARN."""


class Keys(Protocol):
    """Customer keys of KMS; neither AWS's own keys nor those that do not exist are among them."""

    def arn(self, region: str, key_id: str) -> str | None:
        """The ARN of a customer key, by its id, ARN or alias."""

    def id_in(self, ciphertext: bytes) -> str:
        """The id of the key that something was encrypted with, as KMS wrote it into the ciphertext."""

    def policy(self, region: str, key_id: str) -> str | None:
        """The key's policy as JSON, by the key's id."""

    def tags(self, region: str, key_id: str) -> Mapping[str, str] | None:
        """The tags of a key, by its id; None for one that does not exist."""


class Tables(Protocol):
    """Tables of DynamoDB."""

    def partition_key(self, region: str, name: str) -> str | None:
        """The name of a table's partition key."""

    def key(self, region: str, name: str) -> EncryptionKey | None:
        """What a table is encrypted with."""

    def policy(self, region: str, name: str) -> str | None:
        """A table's own policy; None where it has none."""


class Parameters(Protocol):
    """Parameters of Systems Manager."""

    def keys(self, region: str, name: str, *, below: bool) -> Mapping[str, EncryptionKey]:
        """What SecureStrings are encrypted with, by parameter name: the one with this name, or also all below it."""


class Buckets(Protocol):
    """Buckets of S3."""

    def key(self, bucket: str) -> EncryptionKey | None:
        """What new objects of a bucket are encrypted with."""

    def object_key(self, bucket: str, name: str) -> EncryptionKey | None:
        """What an object is encrypted with."""

    def object_tags(self, bucket: str, name: str) -> Mapping[str, str]:
        """The tags of an object; empty where there is none."""

    def policy(self, bucket: str) -> str | None:
        """The bucket's policy as JSON."""


class Queues(Protocol):
    """Queues of SQS."""

    def key(self, region: str, name: str) -> EncryptionKey | None:
        """What the messages of a queue are encrypted with."""

    def policy(self, region: str, name: str) -> str | None:
        """The queue's policy as JSON."""


class Groups(Protocol):
    """Auto Scaling groups."""

    def arn(self, region: str, name: str) -> str | None:
        """The ARN of a group."""

    def arn_of_instance(self, region: str, instance_id: str) -> str | None:
        """The ARN of the group that an instance is in."""

    def tags(self, region: str, arn: str) -> Mapping[str, str]:
        """A group's tags; empty where there is no such group."""


class Ec2Resources(Protocol):
    """Instances, volumes, security groups and all else of EC2 that has an id."""

    def tags(self, region: str, resource_id: str) -> Mapping[str, str]:
        """A resource's tags; empty where there is no such resource."""

    def launch_template(self, region: str, wanted: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
        """The id of the launch template that a request names by id or name, and the data of the version it names."""


class ImageResources(Protocol):
    """Everything of EC2 Image Builder."""

    def tags(self, region: str, arn: str) -> Mapping[str, str]:
        """The tags of whatever has the ARN; empty where there is nothing of it."""


class Stacks(Protocol):
    """Stacks of CloudFormation."""

    def stack_id(self, region: str, name: str) -> str | None:
        """The id of a stack that was not deleted, by its name or by the ARN of a change set that is of it."""


IDENTITIES: Kind[Identities] = Kind("roles and users")
KEYS: Kind[Keys] = Kind("KMS keys")
TABLES: Kind[Tables] = Kind("DynamoDB tables")
PARAMETERS: Kind[Parameters] = Kind("SSM parameters")
BUCKETS: Kind[Buckets] = Kind("S3 buckets")
QUEUES: Kind[Queues] = Kind("SQS queues")
GROUPS: Kind[Groups] = Kind("Auto Scaling groups")
EC2_RESOURCES: Kind[Ec2Resources] = Kind("EC2 resources")
STACKS: Kind[Stacks] = Kind("CloudFormation stacks")
IMAGE_RESOURCES: Kind[ImageResources] = Kind("resources of Image Builder")
