"""What outlives a cluster's stack: found by the cluster's tag and its parameter prefix, told with its price, removed.

The tagging API finds everything that carries the tag `holdfast:cluster`; each find is then read from its own service,
because the tagging API goes on listing things for a while after they are gone. Secrets are written by nodes and found
by their path. An error of any API ends the search: a thing that could not be read is never "nothing kept".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from deployment import aws
from deployment.aws import Aws

TAG = "holdfast:cluster"
# How long KMS keeps a key that was scheduled for deletion, in days: the longest it offers, to take it back in.
KEY_WINDOW_DAYS = 30

_GONE = {"404", "NoSuchBucket", "NotFound", "NotFoundException", "ResourceNotFoundException"}


@dataclass(frozen=True)
class Kept:
    """One kind of thing that was kept. `cost` is a list price in us-east-1 (2026), to tell much from little."""

    kind: str
    identity: str
    cost: str
    remove: Callable[[], str]


@dataclass(frozen=True)
class Survey:
    """What a purge removes, and what carries the cluster's tag but is not for a purge to remove."""

    kept: tuple[Kept, ...]
    others: tuple[str, ...]


def prefix(uuid: str) -> str:
    """Where the cluster's parameters and secrets are in SSM."""
    return f"/holdfast/{uuid}/"


def survey(account: Aws, uuid: str) -> Survey:
    """Everything of the cluster that exists now; raises ClientError when any of it cannot be read."""
    kept: list[Kept] = []
    others: list[str] = []
    for arn in _tagged(account, uuid):
        service, name = arn.split(":")[2], arn.split(":", 5)[5]
        find = _FINDERS.get((service, name.split("/")[0].split(":")[0] if service != "s3" else ""))
        if find is None:
            # Parameters are found by their path, tagged or not.
            is_parameter = service == "ssm" and f"parameter{prefix(uuid)}" in arn
            if not is_parameter and not (service == "ec2" and _is_terminated(account, name)):
                others.append(arn)
            continue
        found = find(account, name)
        if found:
            kept.append(found)
    secrets = _parameters(account, uuid)
    if secrets:
        kept.append(secrets)
    # The key goes last: until then everything else can still be read.
    kept.sort(key=lambda thing: thing.kind == "key")
    return Survey(tuple(kept), tuple(sorted(others)))


def _tagged(account: Aws, uuid: str) -> Iterator[str]:
    pages = account.client("resourcegroupstaggingapi").get_paginator("get_resources")
    for page in pages.paginate(TagFilters=[{"Key": TAG, "Values": [uuid]}]):
        for mapping in page["ResourceTagMappingList"]:
            yield mapping["ResourceARN"]


def _or_gone(call: Callable[[], Any]) -> Any:
    """The answer, or None when the service says that the thing does not exist."""
    try:
        return call()
    except ClientError as error:
        if aws.code(error) in _GONE:
            return None
        raise


def _is_terminated(account: Aws, name: str) -> bool:
    """Whether this is an instance that EC2 only remembers, which it does for an hour."""
    kind, _, instance = name.partition("/")
    if kind != "instance":
        return False
    pages = account.client("ec2").get_paginator("describe_instances")
    found = pages.paginate(Filters=[{"Name": "instance-id", "Values": [instance]}])
    states = [each["State"]["Name"] for page in found for group in page["Reservations"] for each in group["Instances"]]
    return set(states) <= {"terminated"}


def _table(account: Aws, name: str) -> Kept | None:
    dynamodb = account.client("dynamodb")
    table = name.partition("/")[2]
    body = _or_gone(lambda: dynamodb.describe_table(TableName=table))
    if body is None:
        return None

    def remove() -> str:
        if body["Table"].get("DeletionProtectionEnabled"):
            dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
            dynamodb.get_waiter("table_exists").wait(TableName=table)
        dynamodb.delete_table(TableName=table)
        dynamodb.get_waiter("table_not_exists").wait(TableName=table)
        return "deleted"

    return Kept("table", table, "$0.25 per GB and month, and half as much again for point-in-time recovery", remove)


def _bucket(account: Aws, name: str) -> Kept | None:
    s3 = account.client("s3")
    if _or_gone(lambda: s3.head_bucket(Bucket=name)) is None:
        return None

    def remove() -> str:
        removed = 0
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            versions = [
                {"Key": entry["Key"], "VersionId": entry["VersionId"]}
                for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            ]
            if not versions:
                continue
            failed = s3.delete_objects(Bucket=name, Delete={"Objects": versions, "Quiet": True}).get("Errors", [])
            if failed:
                # A batch that fails in part is an answer without an error.
                first = failed[0]
                reason = f"{first.get('Key')}: {first.get('Message')}"
                raise ClientError({"Error": {"Code": str(first.get("Code")), "Message": reason}}, "DeleteObjects")
            removed += len(versions)
        s3.delete_bucket(Bucket=name)
        return f"deleted with {removed} versions of its objects"

    return Kept("bucket", name, "$0.023 per GB and month, every version counts", remove)


def _key(account: Aws, name: str) -> Kept | None:
    kms = account.client("kms")
    key = name.partition("/")[2]
    body = _or_gone(lambda: kms.describe_key(KeyId=key))
    if body is None or body["KeyMetadata"]["KeyState"] in ("PendingDeletion", "PendingReplicaDeletion"):
        return None

    def remove() -> str:
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=KEY_WINDOW_DAYS)
        back = f"aws kms cancel-key-deletion --region {kms.meta.region_name} --key-id {key}"
        return f"will be deleted in {KEY_WINDOW_DAYS} days (until then: {back})"

    return Kept("key", key, "$1 a month, and $1 more for each of its first two rotations", remove)


# With --extra-create-metadata the driver says by these whose volume it is.
_CLAIM = tuple(f"kubernetes.io/created-for/pvc/{part}" for part in ("namespace", "name"))


def _volume(account: Aws, name: str) -> Kept | None:
    """A volume of a pod's claim. Those of instances go with them."""
    ec2 = account.client("ec2")
    volume = name.partition("/")[2]
    pages = ec2.get_paginator("describe_volumes").paginate(Filters=[{"Name": "volume-id", "Values": [volume]}])
    found = [each for page in pages for each in page["Volumes"]]
    if not found:
        return None
    tags = {each["Key"]: each["Value"] for each in found[0].get("Tags", [])}
    claim = "/".join(tags[each] for each in _CLAIM if each in tags)

    def remove() -> str:
        ec2.delete_volume(VolumeId=volume)
        return "deleted"

    identity = f"{volume} of {claim}" if claim else volume
    return Kept("volume", identity, "$0.08 per GB and month (gp3)", remove)


def _log_group(account: Aws, name: str) -> Kept | None:
    logs = account.client("logs")
    group = name.removeprefix("log-group:").removesuffix(":*")
    pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=group)
    if not any(found["logGroupName"] == group for page in pages for found in page["logGroups"]):
        return None

    def remove() -> str:
        logs.delete_log_group(logGroupName=group)
        return "deleted"

    return Kept("log group", group, "$0.03 per GB and month until its retention ends", remove)


def _parameters(account: Aws, uuid: str) -> Kept | None:
    ssm = account.client("ssm")
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path=prefix(uuid), Recursive=True)
    names = [parameter["Name"] for page in pages for parameter in page["Parameters"]]
    if not names:
        return None

    def remove() -> str:
        # DeleteParameters takes ten names at a time.
        for start in range(0, len(names), 10):
            ssm.delete_parameters(Names=names[start : start + 10])
        return f"{len(names)} deleted"

    return Kept("parameters", f"{prefix(uuid)} ({len(names)})", "nothing (standard tier)", remove)


_FINDERS: dict[tuple[str, str], Callable[[Aws, str], Kept | None]] = {
    ("dynamodb", "table"): _table,
    ("s3", ""): _bucket,
    ("kms", "key"): _key,
    ("ec2", "volume"): _volume,
    ("logs", "log-group"): _log_group,
}
