"""S3: buckets and their policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rehearsal.aws.cloudformation.provider import Context, Made, ProviderError, register
from rehearsal.aws.cloudformation.providers.s3_lifecycle import lifecycle
from rehearsal.aws.cloudformation.providers.translation import (
    already_gone,
    api_values,
    boolean,
    document,
    refuse_others,
    tag_list,
    tags_of,
)
from rehearsal.aws.protocol import url_suffix_of

NAME_LENGTH = 63
DEFAULT_REGION = "us-east-1"  # the one region that CreateBucket does not take as a location


def encryption(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return BucketEncryption as PutBucketEncryption's configuration."""
    refuse_others(given, ("ServerSideEncryptionConfiguration",), "BucketEncryption")
    rules = []
    for rule in given["ServerSideEncryptionConfiguration"]:
        path = "BucketEncryption.ServerSideEncryptionConfiguration"
        refuse_others(rule, ("BucketKeyEnabled", "ServerSideEncryptionByDefault"), path)
        default = rule.get("ServerSideEncryptionByDefault")
        made: dict[str, Any] = {"ApplyServerSideEncryptionByDefault": default} if default else {}
        if rule.get("BucketKeyEnabled") is not None:
            made["BucketKeyEnabled"] = rule["BucketKeyEnabled"]
        rules.append(made)
    return {"Rules": rules}


def logging(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return LoggingConfiguration as PutBucketLogging's status."""
    refuse_others(given, ("DestinationBucketName", "LogFilePrefix", "TargetObjectKeyFormat"), "LoggingConfiguration")
    enabled = {"TargetBucket": given["DestinationBucketName"], "TargetPrefix": given.get("LogFilePrefix", "")}
    if given.get("TargetObjectKeyFormat"):
        enabled["TargetObjectKeyFormat"] = given["TargetObjectKeyFormat"]
    return {"LoggingEnabled": enabled}


def unchanged(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a configuration whose shape is the same in both interfaces."""
    return given


# property: (operation, its argument, translation, what takes the configuration away: an operation or a value to put)
Setting = tuple[str, str, Callable[[Mapping[str, Any]], Mapping[str, Any]], str | dict[str, Any]]
SETTINGS: dict[str, Setting] = {
    "PublicAccessBlockConfiguration": (
        "PutPublicAccessBlock",
        "PublicAccessBlockConfiguration",
        unchanged,
        "delete_public_access_block",
    ),
    "OwnershipControls": (
        "PutBucketOwnershipControls",
        "OwnershipControls",
        unchanged,
        "delete_bucket_ownership_controls",
    ),
    "BucketEncryption": (
        "PutBucketEncryption",
        "ServerSideEncryptionConfiguration",
        encryption,
        "delete_bucket_encryption",
    ),
    "VersioningConfiguration": (
        "PutBucketVersioning",
        "VersioningConfiguration",
        unchanged,
        {"Status": "Suspended"},
    ),
    "LifecycleConfiguration": (
        "PutBucketLifecycleConfiguration",
        "LifecycleConfiguration",
        lifecycle,
        "delete_bucket_lifecycle",
    ),
    "LoggingConfiguration": ("PutBucketLogging", "BucketLoggingStatus", logging, {}),
}


class Bucket:
    """AWS::S3::Bucket. Ref is the bucket's name."""

    type_name = "AWS::S3::Bucket"
    properties = frozenset(SETTINGS) | {"BucketName", "ObjectLockEnabled", "Tags"}
    create_only = frozenset({"BucketName"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the bucket, then put one configuration after the other."""
        s3 = context.client("s3")
        name = properties.get("BucketName") or context.physical_name(NAME_LENGTH, lower=True)
        values: dict[str, Any] = {"Bucket": name}
        if context.region != DEFAULT_REGION:
            values["CreateBucketConfiguration"] = {"LocationConstraint": context.region}
        if boolean(properties.get("ObjectLockEnabled", False), "ObjectLockEnabled"):
            values["ObjectLockEnabledForBucket"] = True
        s3.create_bucket(**values)
        context.initiated(name)
        self._configure(context, name, {}, properties)
        return self._made(context, name)

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Put what changed, take away what the template no longer names."""
        if old.get("ObjectLockEnabled") != new.get("ObjectLockEnabled"):
            raise ProviderError("changing ObjectLockEnabled of a bucket is not supported by the local AWS")
        self._configure(context, physical_id, old, new)
        return self._made(context, physical_id)

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the bucket; S3 refuses while an object or an old version is left."""
        with already_gone("NoSuchBucket"):
            context.client("s3").delete_bucket(Bucket=physical_id)

    @staticmethod
    def _configure(context: Context, name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        s3 = context.client("s3")
        for prop, (operation, argument, translate, removal) in SETTINGS.items():
            given = new.get(prop)
            if given == old.get(prop):
                continue
            if given is None and isinstance(removal, str):
                getattr(s3, removal)(Bucket=name)
                continue
            values = {"Bucket": name, argument: removal if given is None else translate(given)}
            getattr(s3, _method(operation))(**api_values(s3, operation, values))
        # S3 keeps the aws: tags to itself, so a client cannot write the stack's own.
        tags = tag_list(tags_of(context, new.get("Tags"), system=False))
        if tags:
            s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
        elif old:
            s3.delete_bucket_tagging(Bucket=name)

    @staticmethod
    def _made(context: Context, name: str) -> Made:
        suffix = url_suffix_of(context.partition)
        attributes = {
            "Arn": f"arn:{context.partition}:s3:::{name}",
            "DomainName": f"{name}.s3.{suffix}",
            "DualStackDomainName": f"{name}.s3.dualstack.{context.region}.{suffix}",
            "RegionalDomainName": f"{name}.s3.{context.region}.{suffix}",
            "WebsiteURL": f"http://{name}.s3-website-{context.region}.{suffix}",
        }
        return Made(name, attributes)


def _method(operation: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation).lstrip("_")


class BucketPolicy:
    """AWS::S3::BucketPolicy. Ref is the bucket's name."""

    type_name = "AWS::S3::BucketPolicy"
    properties = frozenset({"Bucket", "PolicyDocument"})
    create_only = frozenset({"Bucket"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Write the policy; a bucket that has one already is an error, as in CloudFormation."""
        s3, bucket = context.client("s3"), properties["Bucket"]
        with already_gone("NoSuchBucketPolicy"):
            s3.get_bucket_policy(Bucket=bucket)
            raise ProviderError(f"The bucket policy already exists on bucket {bucket}.")
        s3.put_bucket_policy(Bucket=bucket, Policy=document(properties["PolicyDocument"]))
        return Made(bucket)

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Write the new policy over the old one."""
        context.client("s3").put_bucket_policy(Bucket=physical_id, Policy=document(new["PolicyDocument"]))
        return Made(physical_id)

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Take the policy from the bucket."""
        with already_gone("NoSuchBucket", "NoSuchBucketPolicy"):
            context.client("s3").delete_bucket_policy(Bucket=physical_id)


for provider in (Bucket(), BucketPolicy()):
    register(provider)
