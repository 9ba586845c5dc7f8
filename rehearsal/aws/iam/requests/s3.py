"""The permissions of S3's requests: operations and actions differ more here than elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

from rehearsal.aws.iam.context import Values
from rehearsal.aws.iam.requests import generic
from rehearsal.aws.iam.requests.asked import Asked, Need, NotModelled, State, behalf

BUCKET_ACTIONS = {
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycle": "PutLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeleteBucketTagging": "PutBucketTagging",
}
"""Actions on a bucket that are named otherwise than their operations (S3 guide, "Required permissions")."""
OBJECT_ACTIONS = {
    "HeadObject": "GetObject",
    "GetObjectAttributes": "GetObjectAttributes",
    "SelectObjectContent": "GetObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "ListParts": "ListMultipartUploadParts",
}
"""The same for actions on an object."""
VERSIONED = frozenset({"GetObject", "DeleteObject", "GetObjectAcl", "GetObjectTagging", "PutObjectTagging"})
"""Actions that have another name when a request names a version."""
READS = frozenset({"GetObject", "HeadObject", "GetObjectAttributes", "SelectObjectContent"})
KEY_USES = {
    "PutObject": ("GenerateDataKey",),
    "CopyObject": ("GenerateDataKey",),
    "CreateMultipartUpload": ("GenerateDataKey",),
    "UploadPart": ("GenerateDataKey", "Decrypt"),
    "UploadPartCopy": ("GenerateDataKey", "Decrypt"),
    "CompleteMultipartUpload": ("Decrypt",),
}
"""What writing to a bucket that encrypts with a KMS key needs of the key (S3 guide, "Using SSE-KMS")."""
ALIASES = {"BucketName": "Bucket", "ObjectName": "Key"}


def needs(asked: Asked, state: State) -> list[Need]:
    """The permissions of a request. Raises NotModelled."""
    operation = asked.operation
    if operation == "ListBuckets":
        return [Need("s3:ListAllMyBuckets")]
    if operation == "DeleteObjects":
        return _deletions(asked)
    bucket, key = asked.parameters.get("Bucket"), asked.parameters.get("Key")
    if bucket is None:
        raise NotModelled(f"s3:{operation}")
    if key is None:
        return [
            Need(need.action, need.resource, _values(asked))
            for need in generic.needs(asked, BUCKET_ACTIONS.get(operation), ALIASES)
        ]
    tags = state.object_tags(bucket, key) if operation in READS else {}
    values = {**_values(asked), **{f"s3:ExistingObjectTag/{name}": value for name, value in tags.items()}}
    found = [Need(f"s3:{_object_action(asked)}", _arn(asked, bucket, key), values)]
    if operation in ("CopyObject", "UploadPartCopy"):
        found += _source(asked, state)
    if operation in ("PutObject", "CopyObject", "CreateMultipartUpload"):
        found += _extras(asked, bucket, key)
    return found + _key_needs(asked, state, bucket, key)


def _object_action(asked: Asked) -> str:
    action = OBJECT_ACTIONS.get(asked.operation, asked.operation)
    # Refuses an action that does not exist, or is not on objects.
    generic.needs(asked, action, ALIASES)
    versioned = asked.parameters.get("VersionId") and action in VERSIONED
    return action.replace("Object", "ObjectVersion", 1) if versioned else action


def _deletions(asked: Asked) -> list[Need]:
    return [
        Need(
            "s3:DeleteObjectVersion" if each.get("VersionId") else "s3:DeleteObject",
            _arn(asked, asked.parameters["Bucket"], each["Key"]),
        )
        for each in asked.parameters["Delete"]["Objects"]
    ]


def _source(asked: Asked, state: State) -> list[Need]:
    source = unquote(str(asked.parameters["CopySource"])).lstrip("/")
    bucket, _, rest = source.partition("/")
    key, version, _ = rest.partition("?versionId=")
    action = "GetObjectVersion" if version else "GetObject"
    return [
        Need(f"s3:{action}", _arn(asked, bucket, key)),
        *_on_behalf(asked, "Decrypt", state.object_key(bucket, key), bucket, key),
    ]


def _extras(asked: Asked, bucket: str, key: str) -> list[Need]:
    """A tag or an access list that comes with an object needs a permission of its own."""
    extras = {"PutObjectTagging": asked.parameters.get("Tagging"), "PutObjectAcl": asked.parameters.get("ACL")}
    return [Need(f"s3:{action}", _arn(asked, bucket, key)) for action, given in extras.items() if given]


def _key_needs(asked: Asked, state: State, bucket: str, key: str) -> list[Need]:
    if asked.operation in READS:
        return _on_behalf(asked, "Decrypt", state.object_key(bucket, key), bucket, key)
    found: list[Need] = []
    for action in KEY_USES.get(asked.operation, ()):
        found += _on_behalf(asked, action, _write_key(asked, state, bucket), bucket, key)
    return found


def _write_key(asked: Asked, state: State, bucket: str) -> str | None:
    """The key that a new object is encrypted with: the request's, or the bucket's."""
    chosen = asked.parameters.get("ServerSideEncryption")
    key_id = asked.parameters.get("SSEKMSKeyId")
    if key_id:
        return state.kms_key(asked.region, key_id)
    return state.bucket_key(bucket) if chosen in (None, "aws:kms", "aws:kms:dsse") else None


def _on_behalf(asked: Asked, action: str, kms_key: str | None, bucket: str, key: str) -> list[Need]:
    return behalf("s3", action, kms_key, {"aws:s3:arn": _arn(asked, bucket, key)})


def _values(asked: Asked) -> dict[str, Values]:
    given: Mapping[str, object] = {
        "s3:prefix": asked.parameters.get("Prefix"),
        "s3:delimiter": asked.parameters.get("Delimiter"),
        "s3:max-keys": asked.parameters.get("MaxKeys"),
        "s3:VersionId": asked.parameters.get("VersionId"),
        "s3:x-amz-acl": asked.parameters.get("ACL"),
        "s3:x-amz-server-side-encryption": asked.parameters.get("ServerSideEncryption"),
        "s3:x-amz-server-side-encryption-aws-kms-key-id": asked.parameters.get("SSEKMSKeyId"),
    }
    return {name: str(value) for name, value in given.items() if value is not None}


def _arn(asked: Asked, bucket: str, key: str | None = None) -> str:
    return f"arn:{asked.partition}:s3:::{bucket}" + (f"/{key}" if key else "")
