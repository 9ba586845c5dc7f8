"""EC2 Image Builder: all operations together, and the path by which an operator has builds fail."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from rehearsal.aws.imagebuilder.api_configurations import ConfigurationOperations
from rehearsal.aws.imagebuilder.api_images import ImageOperations
from rehearsal.aws.imagebuilder.builds import Failure

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws

FAILURES_PATH = "/_imagebuilder/failures"
"""PUT: a list of what fails in every later build, as JSON with the fields of Failure."""


class Builder(ConfigurationOperations, ImageOperations):
    """EC2 Image Builder of the local AWS."""

    def take_failures(self, request: Request) -> Response:
        """What an operator orders; an empty list has builds succeed again."""
        if request.method != "PUT":
            return Response(f"{request.method} is not allowed here\n", status=405)
        given: list[dict[str, Any]] = json.loads(request.get_data(as_text=True))
        with self.aws.lock:
            self.failures = [Failure(**each) for each in given]
        return Response("", status=204)


def start(aws: LocalAws) -> None:
    """Answer Image Builder's requests in this local AWS."""
    service = Builder(aws)
    aws.register(service)
    aws.route(FAILURES_PATH, service.take_failures)
