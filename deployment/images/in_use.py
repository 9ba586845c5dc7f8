"""The tag of AMIs that a cluster launches: with it no lifecycle policy of an image stack deletes them.

Nothing takes it away again: who else launches an image is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from coordination.names import IMAGE_TAG, IN_USE, IN_USE_TAG
from deployment.aws import Aws


def mark(account: Aws, given: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Tag the given images that an image stack has built, those of pools among them.

    What cannot be tagged is told, and no reason to stop.
    """
    identities = sorted({value for name, value in given.items() if name.endswith("Image") and value})
    if not identities:
        return
    try:
        ec2 = account.client("ec2")
        found = ec2.describe_images(Filters=[{"Name": "image-id", "Values": identities}])["Images"]
        ours = [each for each in found if IMAGE_TAG in _tags(each) and _tags(each).get(IN_USE_TAG) != IN_USE]
        if ours:
            marked = [str(each["ImageId"]) for each in ours]
            ec2.create_tags(Resources=marked, Tags=[{"Key": IN_USE_TAG, "Value": IN_USE}])
    except (BotoCoreError, ClientError) as error:
        say(f"{', '.join(identities)} could not be tagged as in use ({IN_USE_TAG}={IN_USE}): {error}")


def _tags(image: Mapping[str, Any]) -> dict[str, str]:
    """Those that this account sees: of a shared AMI none."""
    return {str(each["Key"]): str(each["Value"]) for each in image.get("Tags", [])}
