"""`make image`, `make image-follow` and `make image-id`."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable
from functools import partial

from coordination.names import IMAGE_TAG
from deployment.aws import Aws
from deployment.images import builds, latest, stack
from deployment.images.following import BuildFollower
from deployment.images.stack import ImageOrder
from deployment.next_steps import Typed
from deployment.refusal import Refusal

_print = partial(print, flush=True)
_print_aside = partial(print, file=sys.stderr, flush=True)

EXIT_CODES = """exit codes:
  0  there is an image
  1  there is none: the build or the stack failed, somebody cancelled it, AWS refused something, or Ctrl-C
  2  bad input, or refused before anything was changed"""


def build(account: Aws, order: ImageOrder, *, as_json: bool, say: Callable[[str], None] = _print) -> bool:
    """Deploys the stack, starts a build, and follows it; True where there is an image then.

    Raises Refusal and StoppedFollowing. With `as_json` only the build is told on standard output.
    """
    pipeline = stack.deploy(account, order, _print_aside if as_json else say)
    if pipeline is None:
        return False
    builder = account.client("imagebuilder")
    # The pipeline's own tags are for builds of its schedule; the lifecycle policy selects images by this one.
    started = builder.start_image_pipeline_execution(
        imagePipelineArn=pipeline, clientToken=str(uuid.uuid4()), tags={IMAGE_TAG: order.stack}
    )
    return _follower(account, order.typed, as_json, say).follow(str(started["imageBuildVersionArn"]))


def follow(account: Aws, name: str, typed: Typed, *, as_json: bool, say: Callable[[str], None] = _print) -> bool:
    """Follows the build that was started last; True where there is an image then. Raises Refusal."""
    pipeline = stack.pipeline(account.client("cloudformation"), name)
    arn = builds.newest(account.client("imagebuilder"), pipeline)
    if arn is None:
        raise Refusal(f"{name} has built nothing yet; to build an image: {typed.make('image')}")
    return _follower(account, typed, as_json, say).follow(arn)


def tell_newest(account: Aws, name: str, *, as_json: bool, say: Callable[[str], None] = print) -> None:
    """The id of the newest image, alone on standard output. Raises Refusal where there is none."""
    found = latest.newest(account, name)
    if as_json:
        say(json.dumps({"image": found.identity, "parameter": found.parameter, "version": found.version}))
    else:
        say(found.identity)


def _follower(account: Aws, typed: Typed, as_json: bool, say: Callable[[str], None]) -> BuildFollower:
    return BuildFollower(account.client("imagebuilder"), account.client("logs"), typed, as_json, say)
