"""What a version is made of: packaged templates, in a bucket from which the launch role reads, and which keeps them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from coordination import release
from deployment import digests, identity, package, package_input
from deployment.aws import DENIED, Aws, code
from deployment.next_steps import Typed
from deployment.package import Target
from deployment.packaged_tree import PackagedTemplate
from deployment.refusal import Refusal

# Of these nobody reads an object before it was restored (S3 guide, "Working with archived objects").
_ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})


@dataclass(frozen=True)
class Uploaded:
    """A packaged root template in the bucket."""

    url: str
    digest: str
    """SHA-256 of what it says, with all that it refers to by content: 64 hexadecimal digits."""
    description: str
    """What it is, for whoever launches it; it ends with the digest."""


def upload(
    account: Aws, template: Path, target: Target, code_folder: Path | None, typed: Typed, aside: Callable[[str], None]
) -> Uploaded:
    """Packages the templates, and puts the root beside them, named by its content. Raises Refusal, ClientError."""
    # The stack that was typed is a catalog, and no cluster to compare with.
    typed = replace(typed, stack="")
    package_input.refuse(account, template, target.bucket, target.prefix, code_folder, typed)
    s3 = account.client("s3")
    _refuse_expiring(s3, target, aside)
    packaged = package.package(account, template, target, code=code_folder, commit=release.commit(), typed=typed)
    digest = str(digests.meaning(packaged.text))
    return Uploaded(_put(s3, target, packaged), digest, _description(packaged, digest))


def _put(s3: Any, target: Target, packaged: PackagedTemplate) -> str:
    """The URL of the root, in the form of those of its nested templates, and without a version: Service Catalog reads
    it once."""
    nested = next(iter(packaged.nested.values()), None)
    if nested is None:
        raise Refusal(f"{packaged.path} nests no templates: it is no root template")
    content = packaged.text.encode()
    name = f"{hashlib.sha256(content).hexdigest()}.template"
    key = f"{target.prefix}/{name}" if target.prefix else name
    kms = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": target.kms_key} if target.kms_key else {}
    s3.put_object(Bucket=target.bucket, Key=key, Body=content, **kms)
    return nested.upload.url.partition("?")[0].removesuffix(nested.upload.key) + key


def _description(packaged: PackagedTemplate, digest: str) -> str:
    origin = identity.of(packaged.body)
    what = f"{origin.cluster}, Holdfast {origin.version}; " if origin is not None else ""
    return f"{what}templates {digest}"


def _refuse_expiring(s3: Any, target: Target, aside: Callable[[str], None]) -> None:
    """What is launched years later is read then. Raises Refusal for a bucket whose rules remove what is published."""
    try:
        rules = s3.get_bucket_lifecycle_configuration(Bucket=target.bucket)["Rules"]
    except ClientError as error:
        if code(error) in DENIED:
            aside(f"whether {target.bucket} expires what is published could not be read: s3:GetLifecycleConfiguration")
            return
        if code(error) != "NoSuchLifecycleConfiguration":
            raise
        return
    for rule in rules:
        if rule["Status"] == "Enabled" and _concerns(rule, target.prefix or "") and _removes(rule):
            raise Refusal(
                f"BUCKET: given {target.bucket}, whose lifecycle rule {rule.get('ID', 'without a name')} removes or "
                "archives what is published; allowed: a bucket or a PREFIX= without such a rule"
            )


def _concerns(rule: Mapping[str, Any], prefix: str) -> bool:
    """Whether it is about objects below the prefix; what is published has no tags."""
    wanted = rule.get("Filter") or {}
    wanted = wanted.get("And") or wanted
    if wanted.get("Tag") or wanted.get("Tags"):
        return False
    named = str(wanted.get("Prefix") or rule.get("Prefix") or "")
    own = f"{prefix}/" if prefix else ""
    return own.startswith(named) or named.startswith(own)


def _removes(rule: Mapping[str, Any]) -> bool:
    expiration = rule.get("Expiration") or {}
    archived = any(each.get("StorageClass") in _ARCHIVES for each in rule.get("Transitions") or ())
    # Of versions that are not the newest ones nobody reads any: names say the content.
    return archived or "Days" in expiration or "Date" in expiration
