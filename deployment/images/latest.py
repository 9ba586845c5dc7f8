"""The newest image of an image stack, by its SSM parameter: read once, so that no later build moves a cluster."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from coordination.names import image_parameter
from deployment import aws, templates
from deployment.aws import Aws
from deployment.next_steps import Typed
from deployment.refusal import Refusal

LATEST = "latest"
PARAMETERS = ("ControlPlaneImage", "WorkerImage")
"""The parameters of a cluster's root stack that name an AMI."""

_ID = re.compile(r"ami-[0-9a-f]{8,17}")


@dataclass(frozen=True)
class Newest:
    """An AMI as the parameter names it."""

    identity: str
    parameter: str
    version: int
    """Of the parameter: each build counts it up."""

    @property
    def line(self) -> str:
        """It for a person."""
        return f"{self.identity} ({self.parameter}, version {self.version})"


def newest(account: Aws, image_stack: str) -> Newest:
    """Raises Refusal where no image was built yet, or what the parameter names is not there, and ClientError."""
    name = image_parameter(image_stack)
    try:
        found = account.client("ssm").get_parameter(Name=name)["Parameter"]
    except ClientError as error:
        if aws.code(error) != "ParameterNotFound":
            raise
        build = Typed(stack=image_stack).make("image")
        raise Refusal(
            f"there is no image of {image_stack} in this region yet ({name}); to build one: {build}"
        ) from error
    made = Newest(str(found["Value"]), name, int(found["Version"]))
    if not _ID.fullmatch(made.identity):
        raise Refusal(f"{name} is {made.identity!r}; allowed: the id of an AMI, as Image Builder writes it")
    wanted = [{"Name": "image-id", "Values": [made.identity]}]
    images = account.client("ec2").describe_images(Filters=wanted)["Images"]
    if not images:
        raise Refusal(f"{made.line} is not there, or is not shared with this account")
    if images[0]["State"] != "available":
        raise Refusal(f"{made.line} is {images[0]['State']}")
    return made


def chosen(
    account: Aws,
    image: str,
    image_stack: str,
    given: Mapping[str, str],
    typed: Sequence[str],
    template: Path,
    say: Callable[[str], None],
) -> dict[str, str]:
    """The values of PARAMETERS by IMAGE=, but for those that SET= names: `latest` is resolved here, once.

    `given` are all values, `typed` those of SET= alone, which come last. A template may have one of the two parameters
    alone, where each pool has an image of its own. Raises Refusal and ClientError.
    """
    named = {each.partition("=")[0] for each in typed}
    wanted = [name for name in _declared(template) if name not in named]
    if image == LATEST:
        found = newest(account, image_stack)
        identity = found.identity
        say(f"the newest image is {found.line}")
    elif _ID.fullmatch(image):
        identity = image
    else:
        raise Refusal(f"IMAGE: given {image!r}; allowed: {LATEST}, or the id of an AMI")
    for name in wanted:
        say(f"  {name}={identity}" + (f" in place of {given[name]}" if given.get(name, identity) != identity else ""))
    return dict.fromkeys(wanted, identity)


def _declared(template: Path) -> list[str]:
    """Those of PARAMETERS that the template has; both where there is no template yet, and whoever needs it says so."""
    try:
        body = templates.load(template, "")
    except Refusal:
        return list(PARAMETERS)
    return [name for name in PARAMETERS if name in body.get("Parameters", {})]
