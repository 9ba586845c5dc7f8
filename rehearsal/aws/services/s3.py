"""S3: what plain moto gets wrong about buckets, and what IAM has to know of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.iam import policy
from rehearsal.aws.iam.context import Context
from rehearsal.aws.iam.policy import Statement
from rehearsal.aws.protocol import partition_of
from rehearsal.aws.resource_facts import BUCKETS, EncryptionKey
from rehearsal.aws.services.patching import around

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws


def start(aws: LocalAws) -> None:
    """Tell IAM of the buckets of this local AWS."""
    aws.facts.register(BUCKETS, Buckets(aws))


class Buckets:
    """moto's buckets as IAM asks about them."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws

    def key(self, bucket: str) -> EncryptionKey | None:
        """What new objects of a bucket are encrypted with; None where that is S3's own key."""
        with self._aws.lock:
            found = self._find(bucket)
            encryption = (found.encryption or {}) if found is not None else {}
        rules = encryption.get("Rule") or {}
        default = (rules[0] if isinstance(rules, list) else rules).get("ApplyServerSideEncryptionByDefault") or {}
        key_id = default.get("KMSMasterKeyID")
        return EncryptionKey(found.region_name, key_id) if found is not None and key_id else None

    def object_key(self, bucket: str, name: str) -> EncryptionKey | None:
        """What an object is encrypted with; None where that is S3's own key."""
        with self._aws.lock:
            found = self._find(bucket)
            stored = found.keys.get(name) if found is not None else None
            key_id = getattr(stored, "kms_key_id", None)
        return EncryptionKey(found.region_name, key_id) if found is not None and key_id else None

    def object_tags(self, bucket: str, name: str) -> Mapping[str, str]:
        """The tags of an object; empty where there is none."""
        with self._aws.lock:
            found = self._find(bucket)
            stored = found.keys.get(name) if found is not None else None
            return dict(self._backend().tagger.get_tag_dict_for_resource(stored.arn)) if stored is not None else {}

    def policy(self, bucket: str) -> str | None:
        """The bucket's policy as JSON."""
        with self._aws.lock:
            found = self._find(bucket)
            return found.policy.decode() if found is not None and found.policy else None

    def _find(self, bucket: str) -> Any:
        return self._backend().buckets.get(bucket)

    def _backend(self) -> Any:
        from moto.s3.models import s3_backends

        return s3_backends[self._aws.account_id][partition_of(self._aws.region)]


@correction("s3", "A Deny in a bucket's policy counts for everyone and under every condition")
def a_conditional_deny_is_left_to_enforcement() -> None:
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket

    @around(FakeBucket, "get_permission")
    def get_permission(_: Any, self: Any, action: str, resource: str) -> Any:
        if self.policy is None:
            return PermissionResult.NEUTRAL
        statements = policy.read(self.policy.decode(), f"policy of bucket {self.name}").statements
        # Moto knows neither the caller nor the conditions; requests of roles were judged with both before.
        open_ones = [each for each in statements if not each.conditions and _is_for_everyone(each)]
        about = [each for each in open_ones if each.is_about(action, resource, Context({}))]
        if any(not each.allows for each in about):
            return PermissionResult.DENIED
        return PermissionResult.PERMITTED if about else PermissionResult.NEUTRAL


def _is_for_everyone(statement: Statement) -> bool:
    principals = statement.principals
    return principals is not None and not principals.inverted and "*" in principals.names.get("AWS", ())
