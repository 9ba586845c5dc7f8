"""Identity by the local metadata service, and by services that answer badly."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from coordination.outcomes import Known, Unknown
from rehearsal.aws.server import LocalAws
from rehearsal.machines.metadata import Metadata as MetadataService
from tests.rehearsal.loopback_vpc import LoopbackVpc, NoRouters, listener
from userdata.host.instance import Connect, InstanceIdentity, Metadata

REQUIRED = {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
DOCUMENT = {
    "instanceId": "i-0123456789abcdef0",
    "availabilityZone": "cn-north-1a",
    "region": "cn-north-1",
    "accountId": "123456789012",
    "privateIp": "10.0.0.5",
    "instanceType": "m6i.xlarge",
    "imageId": "ami-0123456789abcdef0",
}


@pytest.fixture(scope="module")
def vpc() -> Iterator[LoopbackVpc]:
    aws = LocalAws().start()
    yield LoopbackVpc(aws)
    aws.stop()


@pytest.fixture(scope="module")
def port(vpc: LoopbackVpc) -> Iterator[int]:
    """Where the VPC's metadata service listens."""
    service, bound = MetadataService(vpc.aws, NoRouters()), listener()
    listening = int(bound.getsockname()[1])
    service.serve(bound, vpc.vpc_id)
    yield listening
    service.stop()


def from_address(address: str, port: int) -> Connect:
    return lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=5, source_address=(address, 0))


def test_an_instance_learns_who_it_is(vpc: LoopbackVpc, port: int) -> None:
    instance_id, address = vpc.launch(MetadataOptions=REQUIRED)
    reading = Metadata(from_address(address, port)).identity()
    assert reading == Known(
        InstanceIdentity(
            instance_id=instance_id,
            zone=f"{vpc.aws.region}a",
            region=vpc.aws.region,
            account_id=vpc.aws.account_id,
            address=address,
            instance_type="m5.large",
            image_id=vpc.image_id,
            partition="aws",
        )
    )
    assert reading.value.arn == f"arn:aws:ec2:us-east-1:123456789012:instance/{instance_id}"


def test_what_is_not_there_is_known_not_to_be(vpc: LoopbackVpc, port: int) -> None:
    _, address = vpc.launch(MetadataOptions=REQUIRED)
    assert Metadata(from_address(address, port)).read("meta-data/autoscaling/target-lifecycle-state") == Known(None)


Answer = Callable[[str, str, str], tuple[int, str]]


class Service:
    """A metadata service that answers as a test says: by method, path and token, with status and text."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler) -> None:
                self.asked.append(f"{handler.command} {handler.path}")
                token = handler.headers.get("X-aws-ec2-metadata-token", "")
                status, text = answer(handler.command, handler.path.removeprefix("/latest/"), token)
                handler.send_response(status)
                handler.send_header("Content-Length", str(len(text.encode())))
                handler.end_headers()
                handler.wfile.write(text.encode())

            do_PUT = do_GET

            def log_message(handler, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def metadata(self) -> Metadata:
        port = self._server.server_port
        return Metadata(lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=1))

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], Service]]:
    running: list[Service] = []

    def start(answer: Answer) -> Service:
        running.append(Service(answer))
        return running[-1]

    yield start
    for service in running:
        service.stop()


def in_china(method: str, path: str, token: str) -> tuple[int, str]:
    texts = {"api/token": "t", "meta-data/services/partition": "aws-cn"}
    return 200, texts.get(path, json.dumps(DOCUMENT))


def test_the_arn_has_the_partition_that_the_service_names(serve: Callable[[Answer], Service]) -> None:
    reading = serve(in_china).metadata().identity()
    assert isinstance(reading, Known)
    assert reading.value.arn == "arn:aws-cn:ec2:cn-north-1:123456789012:instance/i-0123456789abcdef0"


def test_identity_takes_three_requests(serve: Callable[[Answer], Service]) -> None:
    service = serve(in_china)
    service.metadata().identity()
    assert service.asked == [
        "PUT /latest/api/token",
        "GET /latest/dynamic/instance-identity/document",
        "GET /latest/meta-data/services/partition",
    ]


def test_a_token_that_has_ended_is_replaced_once(serve: Callable[[Answer], Service]) -> None:
    tokens = iter(("old", "new"))

    def answer(method: str, path: str, token: str) -> tuple[int, str]:
        return (200, next(tokens)) if path == "api/token" else (200, "here") if token == "new" else (401, "")

    assert serve(answer).metadata().read("meta-data/instance-id") == Known("here")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda method, path, token: (403, ""), "metadata api/token: status 403"),
        (lambda method, path, token: (200, "t") if method == "PUT" else (401, ""), "document: status 401"),
        (lambda method, path, token: (200, "t") if method == "PUT" else (500, ""), "document: status 500"),
        (lambda method, path, token: (200, "t") if method == "PUT" else (404, ""), "document: there is nothing"),
        (lambda method, path, token: (200, "no JSON"), "the identity document cannot be understood: JSONDecodeError"),
        (lambda method, path, token: (200, "{}"), "the identity document cannot be understood: KeyError"),
        (lambda method, path, token: (200, "[]"), "the identity document cannot be understood: TypeError"),
        (lambda method, path, token: (200, json.dumps({**DOCUMENT, "region": None})), "lacks a text"),
    ],
)
def test_a_bad_answer_is_unknown(serve: Callable[[Answer], Service], answer: Answer, reason: str) -> None:
    reading = serve(answer).metadata().identity()
    assert isinstance(reading, Unknown)
    assert reason in reading.reason


def test_no_service_is_unknown() -> None:
    with listener() as closed:
        port = closed.getsockname()[1]
    reading = Metadata(from_address("127.0.0.1", port)).identity()
    assert reading == Unknown("metadata api/token: ConnectionRefusedError", "ConnectionRefusedError")


def test_a_proxy_of_the_environment_is_not_asked(
    serve: Callable[[Answer], Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert isinstance(serve(in_china).metadata().identity(), Known)
