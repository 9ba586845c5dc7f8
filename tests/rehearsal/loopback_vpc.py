"""A VPC whose addresses are loopback's, so that its instances ask from addresses of their own, and no root is needed.

EC2 itself would refuse this range; moto takes it. Namespaces and packets are tested in tests/machines.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError

from rehearsal.aws.server import LocalAws
from rehearsal.aws.sessions import Session

_boto3: Any = boto3.session.Session()
SECONDS = 60
"""How long an answer may take."""


class NoRouters:
    """Stands in for the networks: the sockets of these tests are made on loopback."""

    def on_router(self, action: Callable[[str, str], None]) -> None:
        pass


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def listener() -> socket.socket:
    """A listening socket on a free loopback port."""
    return socket.create_server(("127.0.0.1", 0))


def ask(address: str, port: int, method: str, path: str, headers: Mapping[str, str] = {}, body: Any = None) -> Answer:
    """Send one request from an address of the VPC. http.client.RemoteDisconnected when nothing is answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS, source_address=(address, 0))
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


class LoopbackVpc:
    """A VPC with a subnet in each of two zones."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.ec2 = aws.client("ec2")
        self.vpc_id = str(self.ec2.create_vpc(CidrBlock="127.0.0.0/16")["Vpc"]["VpcId"])
        for attribute in ("EnableDnsSupport", "EnableDnsHostnames"):
            self.ec2.modify_vpc_attribute(VpcId=self.vpc_id, **{attribute: {"Value": True}})
        self.subnets = [
            str(
                self.ec2.create_subnet(
                    VpcId=self.vpc_id, CidrBlock=f"127.0.{number}.0/24", AvailabilityZone=f"{aws.region}{zone}"
                )["Subnet"]["SubnetId"]
            )
            for number, zone in enumerate("ab")
        ]
        # Listing moto's images to choose one takes longer than all the rest of a test.
        self.image_id = self.ec2.register_image(
            Name=self.vpc_id, Architecture="x86_64", RootDeviceName="/dev/xvda", VirtualizationType="hvm"
        )["ImageId"]

    def group(self, name: str) -> str:
        """A new security group: everything may leave it, nothing may enter."""
        made = self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc_id)
        return str(made["GroupId"])

    def launch(self, subnet: int = 0, **more: Any) -> tuple[str, str]:
        """A new instance; its id and its address."""
        (made,) = self.ec2.run_instances(
            ImageId=self.image_id,
            InstanceType="m5.large",
            MinCount=1,
            MaxCount=1,
            SubnetId=self.subnets[subnet],
            **more,
        )["Instances"]
        return str(made["InstanceId"]), str(made["PrivateIpAddress"])

    def client(self, service: str, address: str, port: int, holder: Session, region: str | None = None) -> Any:
        """Boto3's client as a program on the instance at `address` has it: only where it sends from is special."""

        def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
            target = urlsplit(request.url)
            path = target.path + (f"?{target.query}" if target.query else "")
            headers = {
                name: value if isinstance(value, str) else value.decode() for name, value in request.headers.items()
            }
            try:
                answer = ask(address, port, request.method, path, headers, request.body)
            except http.client.RemoteDisconnected as error:
                raise ConnectionClosedError(endpoint_url=request.url) from error
            received = HTTPHeaders.from_pairs(answer.headers.items())
            return AWSResponse(request.url, answer.status, received, _Raw(answer.body))

        made = _boto3.client(
            service,
            region_name=region or self.aws.region,
            endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id=holder.access_key_id,
            aws_secret_access_key=holder.secret_access_key,
            aws_session_token=holder.session_token,
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )
        made.meta.events.register("before-send", send)
        return made


class _Raw:
    """A body as botocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self._body
