"""What the local services know of the resources that requests name: their keys, groups, stacks and tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from rehearsal.aws.protocol import partition_of

if TYPE_CHECKING:
    from rehearsal.aws.autoscaling.api import AutoScaling
    from rehearsal.aws.cloudformation.api import CloudFormation
    from rehearsal.aws.server import LocalAws

AWS_ALIAS = "alias/aws/"
"""How the aliases of AWS's own keys begin."""
KEY_ID_LENGTH = 36
"""Moto writes the key's id in front of what it encrypted."""


class LocalState:
    """The state of a local AWS; every call is short, and asks moto's lock where it reads moto's objects."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws

    def partition_key(self, region: str, table: str) -> str | None:
        """The name of a table's partition key."""
        with self._aws.lock:
            found = self._table(region, table)
            return str(found.hash_key_attr) if found is not None else None

    def table_key(self, region: str, table: str) -> str | None:
        """The customer key of a table."""
        with self._aws.lock:
            found = self._table(region, table)
            encryption = (found.sse_specification or {}) if found is not None else {}
        return self.kms_key(region, encryption["KMSMasterKeyId"]) if encryption.get("Enabled") else None

    def parameter_keys(self, region: str, name: str, *, below: bool = False) -> Mapping[str, str]:
        """The customer keys of SecureStrings: of the one with this name, or of all below it."""
        from moto.ssm.models import ssm_backends

        with self._aws.lock:
            parameters = ssm_backends[self._aws.account_id][region]._parameters
            start = name.rstrip("/") + "/"
            # A parameter is the list of its versions. Asking for one by name would make moto load AWS's own.
            latest = {
                each: versions[-1]
                for each, versions in parameters.items()
                if versions and (each.lstrip("/") == name.lstrip("/") or (below and each.startswith(start)))
            }
        keys = {
            each: self.kms_key(region, str(parameter.keyid))
            for each, parameter in latest.items()
            if parameter.parameter_type == "SecureString"
        }
        return {each: key for each, key in keys.items() if key is not None}

    def bucket_key(self, bucket: str) -> str | None:
        """The customer key that new objects of a bucket are encrypted with."""
        with self._aws.lock:
            found = self._bucket(bucket)
            encryption = (found.encryption or {}) if found is not None else {}
        rules = encryption.get("Rule") or {}
        default = (rules[0] if isinstance(rules, list) else rules).get("ApplyServerSideEncryptionByDefault") or {}
        key_id = default.get("KMSMasterKeyID")
        return self.kms_key(found.region_name, key_id) if found is not None and key_id else None

    def object_key(self, bucket: str, key: str) -> str | None:
        """The customer key of an object."""
        with self._aws.lock:
            found = self._bucket(bucket)
            stored = found.keys.get(key) if found is not None else None
            key_id = getattr(stored, "kms_key_id", None)
        return self.kms_key(found.region_name, key_id) if found is not None and key_id else None

    def queue_key(self, region: str, queue: str) -> str | None:
        """The customer key of a queue."""
        from moto.sqs.models import sqs_backends

        with self._aws.lock:
            found = sqs_backends[self._aws.account_id][region].queues.get(queue)
            key_id = getattr(found, "kms_master_key_id", None)
        return self.kms_key(region, str(key_id)) if key_id else None

    def kms_key(self, region: str, key_id: str) -> str | None:
        """The ARN of a customer key, by its id, ARN or alias; None for AWS's own keys and those that do not exist."""
        from moto.kms.models import kms_backends

        with self._aws.lock:
            backend = kms_backends[self._aws.account_id][region]
            name = backend.get_alias_name(key_id)
            if name.startswith(AWS_ALIAS):
                return None
            found = backend.get_key_id_from_alias(name) if name.startswith("alias/") else backend.get_key_id(key_id)
            key = backend.keys.get(found or "")
            if key is None or any(str(alias).startswith(AWS_ALIAS) for alias in key.aliases):
                return None
            return str(key.arn)

    def ciphertext_key(self, region: str, ciphertext: bytes) -> str | None:
        """The ARN of the customer key that something was encrypted with."""
        return self.kms_key(region, ciphertext[:KEY_ID_LENGTH].decode("ascii", "replace"))

    def group(self, region: str, name: str) -> str | None:
        """The ARN of an Auto Scaling group."""
        found = self._scaling(region).groups.get(name)
        return found.arn if found is not None else None

    def group_of(self, region: str, instance_id: str) -> str | None:
        """The ARN of the Auto Scaling group that an instance is in."""
        scaling = self._scaling(region)
        with scaling.lock:
            return next((group.arn for group in scaling.groups.values() if instance_id in group.members), None)

    def stack(self, region: str, name: str) -> str | None:
        """The id of a stack, by its name."""
        store = cast("CloudFormation", self._aws.service("cloudformation")).engine.store
        found = store.find(region, name)
        return found.stack_id if found is not None else None

    def tags(self, arn: str) -> Mapping[str, str] | None:
        """The tags of an Auto Scaling group or an EC2 resource; None for services whose tags are not read here."""
        _, _, service, region, _, resource = arn.split(":", 5)
        if service == "autoscaling":
            with self._scaling(region).lock:
                groups = self._scaling(region).groups.values()
                return next(
                    ({tag.key: tag.value for tag in group.tags.values()} for group in groups if group.arn == arn), {}
                )
        if service == "ec2":
            from moto.ec2.models import ec2_backends

            with self._aws.lock:
                tags = ec2_backends[self._aws.account_id][region].tags
                return dict(tags.get(resource.rpartition("/")[2], {}))
        return None

    def _scaling(self, region: str) -> Any:
        return cast("AutoScaling", self._aws.service("autoscaling")).in_region(region)

    def _table(self, region: str, table: str) -> Any:
        from moto.dynamodb.models import dynamodb_backends

        return dynamodb_backends[self._aws.account_id][region].tables.get(table)

    def _bucket(self, bucket: str) -> Any:
        from moto.s3.models import s3_backends

        return s3_backends[self._aws.account_id][partition_of(self._aws.region)].buckets.get(bucket)
