"""Machine images: whether they exist, whose they are, how they are encrypted, whether their root volume fits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from deployment import aws
from deployment.aws import Aws
from deployment.preflight.finding import About, Finding, Topic
from deployment.preflight.machine import Machines

Image = dict[str, Any]


def look(account: Aws, image_id: str) -> Image | None:
    """The image; None where there is none for this account. Raises ClientError and BotoCoreError."""
    # By a filter: an id that does not exist is an empty answer then, and no error.
    found = account.client("ec2").describe_images(Filters=[{"Name": "image-id", "Values": [image_id]}])["Images"]
    return found[0] if found else None


def check(account: Aws, image: Image | None, users: Sequence[Machines], owner: str) -> list[Finding]:
    """What is to be said of one image, which `users` boot from; `owner` is the id of the account."""
    about = About(Topic.MACHINES, f"image {users[0].image}")
    if image is None:
        return [about.failed("does not exist in this region, or is not shared with this account")]
    if image["State"] != "available":
        return [about.failed(f"its state is {image['State']}")]
    found = [_owned(about, image, owner), *_root(about, image, users)]
    for snapshot in _encrypted(image):
        found += about.answered(partial(_key, account, about, snapshot))
    return found


def _owned(about: About, image: Image, owner: str) -> Finding:
    whose = image["OwnerId"]
    if whose == owner:
        return about.ok(f"{image.get('Name', 'without a name')}, of this account")
    trust = f"see whether {whose} is an account that may decide what your nodes run"
    if image.get("ImageOwnerAlias") == "amazon":
        return about.note("owned by Amazon: nodes boot from images of the image pipeline only")
    if image.get("Public"):
        return about.warning(f"a public image of the account {whose}", trust)
    return about.note(f"shared by the account {whose}", trust)


def _root(about: About, image: Image, users: Sequence[Machines]) -> Iterator[Finding]:
    """The launch template's volume takes the place of the image's one of the same device, and no other's."""
    device = image.get("RootDeviceName", "")
    if image.get("RootDeviceType", "ebs") != "ebs":
        yield about.failed("its root device is an instance store, and no volume")
        return
    mapping: dict[str, Any] = next((each for each in image["BlockDeviceMappings"] if each["DeviceName"] == device), {})
    size = int(mapping.get("Ebs", {}).get("VolumeSize", 0))
    for machines in users:
        ours = dict(machines.volumes)
        if device not in ours:
            given = ", ".join(ours)
            yield about.failed(
                f"its root device is {device}, and the launch template's of {machines.parameter} are {given}: the root "
                "volume would not be encrypted with the cluster's key"
            )
        elif size > ours[device]:
            yield about.failed(
                f"its root volume has {size} GiB, and the launch template's of {machines.parameter} {ours[device]} GiB",
                "let the configuration give more (rootVolumeGib)",
            )


def _encrypted(image: Image) -> list[str]:
    volumes = [each.get("Ebs", {}) for each in image["BlockDeviceMappings"]]
    return [each["SnapshotId"] for each in volumes if each.get("Encrypted") and each.get("SnapshotId")]


def _key(account: Aws, about: About, snapshot: str) -> Iterator[Finding]:
    """A volume of an encrypted snapshot is made with the snapshot's key, before the cluster's key takes its place."""
    filters = [{"Name": "snapshot-id", "Values": [snapshot]}]
    found = account.client("ec2").describe_snapshots(Filters=filters)["Snapshots"]
    if not found:
        yield about.note(
            f"{snapshot} is encrypted with a key of another account",
            "its key policy has to let AWSServiceRoleForAutoScaling of this account use it",
        )
        return
    key = found[0]["KmsKeyId"]
    try:
        metadata = account.client("kms").describe_key(KeyId=key)["KeyMetadata"]
    except ClientError as error:
        if aws.code(error) != "NotFoundException":
            raise
        yield about.failed(f"{snapshot} is encrypted with {key}, which does not exist")
        return
    if not metadata["Enabled"]:
        yield about.failed(f"{snapshot} is encrypted with {key}, whose state is {metadata['KeyState']}")
    elif metadata["KeyManager"] == "CUSTOMER":
        yield about.note(
            f"{snapshot} is encrypted with {key}",
            "its key policy has to let AWSServiceRoleForAutoScaling use it, or no instance starts",
        )
    else:
        yield about.ok(f"{snapshot} is encrypted with {key}")
