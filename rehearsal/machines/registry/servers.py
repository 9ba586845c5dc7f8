"""The registry and the bucket of its layers over HTTPS, each as those in one VPC see it."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

from werkzeug.wrappers import Request, Response

from rehearsal.aws.ecr.api import service_host
from rehearsal.aws.ecr.layers import LayerBucket, bucket_host
from rehearsal.aws.ecr.registry import Registry
from rehearsal.aws.protocol import partition_of
from rehearsal.aws.server import Call, LocalAws, Origin
from rehearsal.machines.reach.routes import NoRoute, route
from rehearsal.machines.reach.view import EndpointView, read_view
from rehearsal.machines.registry.authority import Authority
from rehearsal.machines.registry.serving import HttpsServer

LOG = logging.getLogger("rehearsal.registry")


class RegistryServers:
    """Starts servers; keys and certificates are files in `folder`, which is made."""

    def __init__(self, aws: LocalAws, folder: Path) -> None:
        self._aws = aws
        self.authority = Authority(folder)
        self._bucket = LayerBucket(aws)
        self._registry = Registry(aws, self._bucket)

    def registry(self, bound: socket.socket, vpc_id: str, endpoint_id: str, region: str) -> HttpsServer:
        """Answer as the registry behind an endpoint of a VPC on a socket."""

        def answer(request: Request) -> Response:
            found = next((each for each in self._endpoints(vpc_id) if each.endpoint_id == endpoint_id), None)
            if found is None:
                raise ConnectionError(f"{endpoint_id} is gone")
            return self._registry.answer(self._call(request, vpc_id, region, "ecr"), found)

        context = self.authority.context([f"*.{service_host(region, partition_of(region))}"])
        return HttpsServer(bound, context, answer)

    def bucket(self, bound: socket.socket, vpc_id: str, region: str) -> HttpsServer:
        """Answer as the bucket of layers to those in a VPC on a socket."""

        def answer(request: Request) -> Response:
            call = self._call(request, vpc_id, region, "s3")
            found = route(read_view(self._aws, vpc_id), request.remote_addr or "", call.service, region)
            if isinstance(found, NoRoute):
                LOG.warning("%s asked %s: nothing leads there: %s", request.remote_addr, request.host, found.reason)
                raise ConnectionError(found.reason)
            return self._bucket.answer(call, found)

        return HttpsServer(bound, self.authority.context([bucket_host(region)]), answer)

    def _endpoints(self, vpc_id: str) -> tuple[EndpointView, ...]:
        try:
            return read_view(self._aws, vpc_id).endpoints
        except KeyError:
            return ()

    def _call(self, request: Request, vpc_id: str, region: str, service: str) -> Call:
        return Call(request, "", region, service, Origin(vpc_id, request.remote_addr or ""))
