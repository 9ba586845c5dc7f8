"""Answers to CloudFormation, over real HTTP."""

from __future__ import annotations

import json
import socket
from functools import partial

import pytest

from coordination.outcomes import Done, Unknown
from functions.reconcile import answers
from functions.reconcile.answers import ResponseUrlRejected, body
from tests.unit.functions.harness import AnswerServer

REGION = "us-east-1"
send = partial(answers.send, region=REGION, plain_http=True)


def test_an_answer_is_put_with_an_empty_content_type_as_its_signature_wants() -> None:
    with AnswerServer() as server:
        assert send(server.url, b'{"Status": "SUCCESS"}') == Done()
    assert server.requests == [("/answer?signature=secret", "")]
    assert server.answers == [{"Status": "SUCCESS"}]


def test_an_answer_is_tried_again_when_the_server_fails() -> None:
    with AnswerServer() as server:
        server.statuses = [500, 503]
        assert send(server.url, b"{}") == Done()
        server.statuses = [500, 500, 500]
        assert send(server.url, b"{}") == Unknown("PUT: HTTP status 500", "HTTP 500")


def test_an_address_that_has_expired_is_final() -> None:
    with AnswerServer() as server:
        server.statuses = [403]
        assert send(server.url, b"{}") == ResponseUrlRejected("PUT: HTTP status 403", "HTTP 403")
        assert len(server.requests) == 1


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://secret/", "", "secret", "http://[secret"])
def test_only_http_addresses_are_answered_and_none_is_repeated(url: str) -> None:
    outcome = send(url, b"{}")
    assert isinstance(outcome, ResponseUrlRejected)
    assert "secret" not in outcome.reason


def test_an_answer_goes_over_https_only_where_nothing_else_is_said() -> None:
    with AnswerServer() as server:
        assert isinstance(answers.send(server.url, b"{}", region=REGION), ResponseUrlRejected)
        assert server.requests == []


BUCKET = "cloudformation-custom-resource-response"


@pytest.mark.parametrize(
    ("url", "is_tried"),
    [
        (f"https://{BUCKET}-useast1.s3.us-east-1.amazonaws.com/arn?X-Amz-Signature=secret", True),
        (f"https://{BUCKET}-useast1.s3.amazonaws.com/secret", True),
        (f"https://s3.cn-north-1.amazonaws.com.cn/{BUCKET}-cnnorth1/secret", True),
        (f"https://{BUCKET}-eusc-de-east-1.s3.eusc-de-east-1.amazonaws.eu/secret", False),
        (f"https://{BUCKET}-euscdeeast1.s3.eusc-de-east-1.amazonaws.eu/secret", True),
        (f"https://{BUCKET}-usisoeast1.s3.us-iso-east-1.c2s.ic.gov/secret", True),
        (f"http://{BUCKET}-useast1.s3.us-east-1.amazonaws.com/secret", False),
        (f"https://{BUCKET}-evil.s3.us-east-1.amazonaws.com/secret", False),
        (f"https://{BUCKET}-useast2.s3.us-east-2.amazonaws.com/secret", False),
        (f"https://s3secret.s3.amazonaws.com/{BUCKET}-useast1/", False),
        (f"https://s3.us-east-1.amazonaws.com/{BUCKET}-useast1-evil/secret", False),
        (f"https://{BUCKET}-useast1.s3.amazonaws.com:8443/secret", False),
        ("https://secret.s3.us-east-1.amazonaws.com/a", False),
        (f"https://secret.s3.us-east-1.amazonaws.com/{BUCKET}-useast1/", False),
        (f"https://{BUCKET}-useast1.example.com/secret", False),
        (f"https://{BUCKET}-useast1.s3.amazonaws.com@secret.example.com/", False),
        (f"https://secret.example.com/{BUCKET}-useast1.s3.amazonaws.com", False),
        ("https://169.254.169.254/secret", False),
        ("https://127.0.0.1/secret", False),
    ],
)
def test_an_answer_goes_to_cloudformations_bucket_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, url: str, is_tried: bool
) -> None:
    tried: list[str] = []

    def put(address: str, _: bytes) -> Done:
        tried.append(address)
        return Done()

    monkeypatch.setattr(answers, "_put", put)
    regions = ("cn-north-1", "eusc-de-east-1", "us-iso-east-1")
    region = next((each for each in regions if f".{each}." in url), REGION)
    outcome = answers.send(url, b"{}", region=region)
    assert tried == ([url] if is_tried else [])
    assert is_tried or (isinstance(outcome, ResponseUrlRejected) and "secret" not in outcome.reason)


def test_an_answer_follows_no_redirect() -> None:
    with AnswerServer() as server, AnswerServer() as elsewhere:
        server.statuses, server.location = [307], elsewhere.url
        assert isinstance(send(server.url, b"{}"), ResponseUrlRejected)
        assert elsewhere.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "bad host"])
def test_an_address_that_nobody_answers_is_unknown_and_not_repeated(host: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    outcome = send(f"http://{host}:{port}/secret", b"{}")
    assert type(outcome) is Unknown
    assert "secret" not in outcome.reason


def test_an_answer_holds_what_cloudformation_needs_within_its_limit_of_4096_bytes() -> None:
    long = "é" * 5000
    content = body("SUCCESS", long, "p" * 60, "s" * 500, "r" * 40, "Teardown")
    assert len(content) <= 4096
    answer = json.loads(content)
    assert (answer["Status"], answer["PhysicalResourceId"], answer["RequestId"]) == ("SUCCESS", "p" * 60, "r" * 40)
    assert answer["Reason"]
