"""The registry behind an endpoint of a VPC on loopback, an instance that asks it over HTTPS, and an image in it."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import ssl
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rehearsal.aws.ecr import archive
from rehearsal.aws.ecr.api import ecr_of
from rehearsal.aws.ecr.layers import bucket_host
from rehearsal.aws.ecr.model import RegistryToken, Repository
from rehearsal.aws.server import LocalAws
from rehearsal.aws.sessions import Session
from rehearsal.binaries.archive import ContainerImage, write
from rehearsal.machines.registry.servers import RegistryServers
from tests.rehearsal.loopback_vpc import SECONDS, Answer, LoopbackVpc, listener
from tests.rehearsal.reach_harness import https

HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
BUCKET = bucket_host("us-east-1")
REPOSITORIES = "arn:aws:ecr:us-east-1:123456789012:repository"
_NUMBERS = itertools.count()


class RegistryHarness:
    """A VPC with an endpoint of the registry, one instance, and the gateway endpoint of S3."""

    def __init__(self, aws: LocalAws, folder: Path) -> None:
        self.aws = aws
        self._folder = folder
        self.vpc = LoopbackVpc(aws)
        self.group = self.vpc.group("all")
        self.vpc.ec2.authorize_security_group_ingress(GroupId=self.group, IpPermissions=[https(self.group)])
        self.instance_id, self.address = self.vpc.launch(SecurityGroupIds=[self.group])
        tables = self.vpc.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [self.vpc.vpc_id]}])
        self.table = tables["RouteTables"][0]["RouteTableId"]
        self.gateway_id = self.endpoint("s3", VpcEndpointType="Gateway", RouteTableIds=[self.table])
        interface = {"VpcEndpointType": "Interface", "SubnetIds": self.vpc.subnets, "SecurityGroupIds": [self.group]}
        self.endpoint_id = self.endpoint("ecr.dkr", **interface, PrivateDnsEnabled=True)
        self._servers = RegistryServers(aws, folder / "keys")
        registry, bucket = listener(), listener()
        self._ports = {HOST: registry.getsockname()[1], BUCKET: bucket.getsockname()[1]}
        self._serving = [
            self._servers.registry(registry, self.vpc.vpc_id, self.endpoint_id, aws.region),
            self._servers.bucket(bucket, self.vpc.vpc_id, aws.region),
        ]

    def close(self) -> None:
        for each in self._serving:
            each.stop()

    def endpoint(self, service: str, **more: Any) -> str:
        name = f"com.amazonaws.{self.aws.region}.{service}"
        made = self.vpc.ec2.create_vpc_endpoint(VpcId=self.vpc.vpc_id, ServiceName=name, **more)
        return str(made["VpcEndpoint"]["VpcEndpointId"])

    def limit(self, endpoint_id: str, *statements: dict[str, Any]) -> None:
        """Give an endpoint a policy; without a statement it has again the one that it was made with."""
        change: dict[str, Any] = {"ResetPolicy": True}
        if statements:
            change = {"PolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": list(statements)})}
        self.vpc.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, **change)

    def push(self) -> tuple[str, archive.Pushed]:
        """A new repository with a new image, whose tag is `v1`."""
        name = f"team/app-{next(_NUMBERS)}"
        self.aws.client("ecr").create_repository(repositoryName=name)
        program = self._folder / "program"
        program.write_text(f"#!/bin/{name}", encoding="utf-8")
        write(self._folder / "image.tar", [ContainerImage(name, {"/program": program})], "amd64")
        pushed = archive.read(self._folder / "image.tar")
        assert ecr_of(self.aws).push(self.aws.region, name, "v1", pushed) == f"{HOST}/{name}:v1"
        return name, pushed

    @property
    def registry_at(self) -> tuple[str, int]:
        """Where the registry listens."""
        return "127.0.0.1", self._ports[HOST]

    def repository(self, name: str) -> Repository:
        return ecr_of(self.aws).in_region(self.aws.region).repositories[name]

    def token(self, holder: Session | None, hours_ago: float = 0) -> RegistryToken:
        """A token that somebody got some hours ago."""
        given = ecr_of(self.aws).in_region(self.aws.region)
        return given.issue(holder, self.aws.clock.now() - timedelta(hours=hours_ago))

    def ask(self, path: str, token: RegistryToken | str | None = None, method: str = "GET") -> Answer:
        """Ask the registry from the instance, with a token or with what stands for one."""
        encoded = token.encoded() if isinstance(token, RegistryToken) else token
        return self.fetch(f"https://{HOST}{path}", {"Authorization": f"Basic {encoded}"} if encoded else {}, method)

    def fetch(self, url: str, headers: Mapping[str, str] = {}, method: str = "GET") -> Answer:
        """Ask whatever a URL names; its name has to be in the certificate. http.client.RemoteDisconnected where
        nothing is answered."""
        target = urlsplit(url)
        assert target.hostname is not None
        address = ("127.0.0.1", self._ports[target.hostname])
        connection = _Https(target.hostname, address, self.address, self._context)
        try:
            connection.request(method, f"{target.path}?{target.query}" if target.query else target.path, None, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    @property
    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self._servers.authority.pem)


class _Https(http.client.HTTPSConnection):
    """Asks for a host by its name, at an address of the tests' own."""

    def __init__(self, host: str, at: tuple[str, int], source: str, tls: ssl.SSLContext) -> None:
        super().__init__(host, timeout=SECONDS, context=tls)
        self._at, self._source, self._tls = at, source, tls

    def connect(self) -> None:
        plain = socket.create_connection(self._at, SECONDS, (self._source, 0))
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
