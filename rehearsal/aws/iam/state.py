"""What services tell of the resources that requests name: their keys, groups, stacks and tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rehearsal.aws.resource_facts import (
    BUCKETS,
    EC2_RESOURCES,
    GROUPS,
    IDENTITIES,
    IMAGE_RESOURCES,
    KEYS,
    PARAMETERS,
    QUEUES,
    STACKS,
    TABLES,
    EncryptionKey,
    ResourceFacts,
)


class LocalState:
    """The state of a local AWS, by what its services registered; every call is short."""

    def __init__(self, facts: ResourceFacts) -> None:
        self._facts = facts

    def partition_key(self, region: str, table: str) -> str | None:
        """The name of a table's partition key."""
        return self._facts.of(TABLES).partition_key(region, table)

    def table_key(self, region: str, table: str) -> str | None:
        """The customer key of a table."""
        return self._customer_key(self._facts.of(TABLES).key(region, table))

    def parameter_keys(self, region: str, name: str, *, below: bool = False) -> Mapping[str, str]:
        """The customer keys of SecureStrings: of the one with this name, or of all below it."""
        named = self._facts.of(PARAMETERS).keys(region, name, below=below)
        keys = {each: self._customer_key(key) for each, key in named.items()}
        return {each: key for each, key in keys.items() if key is not None}

    def bucket_key(self, bucket: str) -> str | None:
        """The customer key that new objects of a bucket are encrypted with."""
        return self._customer_key(self._facts.of(BUCKETS).key(bucket))

    def object_key(self, bucket: str, key: str) -> str | None:
        """The customer key of an object."""
        return self._customer_key(self._facts.of(BUCKETS).object_key(bucket, key))

    def object_tags(self, bucket: str, key: str) -> Mapping[str, str]:
        """The tags of an object; empty where there is none."""
        return self._facts.of(BUCKETS).object_tags(bucket, key)

    def queue_key(self, region: str, queue: str) -> str | None:
        """The customer key of a queue."""
        return self._customer_key(self._facts.of(QUEUES).key(region, queue))

    def kms_key(self, region: str, key_id: str) -> str | None:
        """The ARN of a customer key, by its id, ARN or alias; None for AWS's own keys and those that do not exist."""
        return self._facts.of(KEYS).arn(region, key_id)

    def ciphertext_key(self, region: str, ciphertext: bytes) -> str | None:
        """The ARN of the customer key that something was encrypted with."""
        return self.kms_key(region, self._facts.of(KEYS).id_in(ciphertext))

    def group(self, region: str, name: str) -> str | None:
        """The ARN of an Auto Scaling group."""
        return self._facts.of(GROUPS).arn(region, name)

    def group_of(self, region: str, instance_id: str) -> str | None:
        """The ARN of the Auto Scaling group that an instance is in."""
        return self._facts.of(GROUPS).arn_of_instance(region, instance_id)

    def stack(self, region: str, name: str) -> str | None:
        """The id of a stack, by its name or by the ARN of a change set that is of it."""
        return self._facts.of(STACKS).stack_id(region, name)

    def identity(self, partition: str, kind: str, name: str) -> str | None:
        """The ARN of a `role`, `user`, `group` or `instance-profile`, by its name."""
        return self._facts.of(IDENTITIES).arn(partition, kind, name)

    def profile_role(self, partition: str, profile: str) -> str | None:
        """The ARN of the role in an instance profile, by the profile's name or ARN."""
        return self._facts.of(IDENTITIES).profile_role(partition, profile)

    def boundary(self, arn: str) -> str | None:
        """The ARN of the permissions boundary of a role or a user."""
        found = self._facts.of(IDENTITIES).find(arn)
        return found.boundary_arn if found is not None else None

    def launch_template(self, region: str, wanted: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
        """The id of the launch template that a request names, and the data of the version that it names."""
        return self._facts.of(EC2_RESOURCES).launch_template(region, wanted)

    def tags(self, arn: str) -> Mapping[str, str] | None:
        """The tags of a KMS key, an Auto Scaling group, or a resource of EC2 or Image Builder; None for services whose
        tags are not read here."""
        _, _, service, region, _, resource = arn.split(":", 5)
        if service == "autoscaling":
            return self._facts.of(GROUPS).tags(region, arn)
        if service == "ec2":
            return self._facts.of(EC2_RESOURCES).tags(region, resource.rpartition("/")[2])
        if service == "imagebuilder":
            return self._facts.of(IMAGE_RESOURCES).tags(region, arn)
        if service == "kms" and resource.startswith("key/"):
            return self._facts.of(KEYS).tags(region, resource.removeprefix("key/"))
        return None

    def _customer_key(self, key: EncryptionKey | None) -> str | None:
        return self.kms_key(key.region, key.key_id) if key is not None else None
