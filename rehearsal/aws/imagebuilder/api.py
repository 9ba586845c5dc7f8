"""EC2 Image Builder: all operations together, and the paths by which an operator has builds fail and policies run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from rehearsal.aws.imagebuilder.api_configurations import ConfigurationOperations
from rehearsal.aws.imagebuilder.api_images import ImageOperations
from rehearsal.aws.imagebuilder.api_policies import PolicyOperations
from rehearsal.aws.imagebuilder.builds import Failure
from rehearsal.aws.resource_facts import IMAGE_RESOURCES

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws

FAILURES_PATH = "/_imagebuilder/failures"
"""PUT: a list of what fails in every later build, as JSON with the fields of Failure."""

LIFECYCLE_PATH = "/_imagebuilder/lifecycle"
"""POST: every enabled lifecycle policy runs now."""


class Builder(ConfigurationOperations, PolicyOperations, ImageOperations):
    """EC2 Image Builder of the local AWS."""

    def tags(self, region: str, arn: str) -> Mapping[str, str]:
        """For IAM: the tags of whatever has the ARN; empty where there is nothing of it."""
        with self.aws.lock:
            return dict(self.in_region(region).tags_of(arn) or {})

    def take_failures(self, request: Request) -> Response:
        """What an operator orders; an empty list has builds succeed again."""
        if request.method != "PUT":
            return Response(f"{request.method} is not allowed here\n", status=405)
        given: list[dict[str, Any]] = json.loads(request.get_data(as_text=True))
        with self.aws.lock:
            self.failures = [Failure(**each) for each in given]
        return Response("", status=204)


def start(aws: LocalAws) -> None:
    """Answer Image Builder's requests in this local AWS, and tell IAM of its tags."""
    service = Builder(aws)
    aws.register(service)
    aws.facts.register(IMAGE_RESOURCES, service)
    aws.route(FAILURES_PATH, service.take_failures)
    aws.route(LIFECYCLE_PATH, service.run_policies)
