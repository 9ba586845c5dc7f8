"""Answers to CloudFormation's custom resource requests.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

from __future__ import annotations

import json
from http.client import HTTPException
from typing import Literal
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from coordination.names import URL_SUFFIXES
from coordination.outcomes import Done, Unknown

# CloudFormation takes 4,096 bytes; ids take at most 1,500 of them, and a character may become six in JSON.
_LONGEST_REASON = 400
_TRIES = 3
_BUCKET = "cloudformation-custom-resource-response-"
_TIMEOUT_SECONDS = 5

Status = Literal["SUCCESS", "FAILED"]


class ResponseUrlRejected(Unknown):
    """The address takes no answer, and will not later: it has expired or was never one of CloudFormation's."""


def body(status: Status, reason: str, physical_id: str, stack_id: str, request_id: str, logical_id: str) -> bytes:
    """The answer as CloudFormation reads it."""
    answer = {
        "Status": status,
        "Reason": reason[:_LONGEST_REASON],
        "PhysicalResourceId": physical_id,
        "StackId": stack_id,
        "RequestId": request_id,
        "LogicalResourceId": logical_id,
        "Data": {},
    }
    return json.dumps(answer).encode()


def send(url: str, content: bytes, *, region: str, plain_http: bool = False) -> Done | Unknown:
    """PUT `content` to `url`: CloudFormation's bucket of this region, over https; with `plain_http` any address, as of
    a local AWS.

    No outcome repeats the address: it is signed, and whoever has it may answer. No redirect is followed.
    """
    if not (plain_http and _scheme(url) in ("http", "https")) and not _is_cloudformations(url, region):
        return ResponseUrlRejected("PUT: the response URL is not an https address of CloudFormation's")
    outcome: Done | Unknown = Unknown("PUT: not tried")
    for _ in range(_TRIES):
        outcome = _put(url, content)
        if isinstance(outcome, Done | ResponseUrlRejected):
            break
    return outcome


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


def _is_cloudformations(url: str, region: str) -> bool:
    """Whether it leads into CloudFormation's bucket, which S3 finds by the host or by the path.

    Whoever may call the function chooses the address, and others may make buckets of similar names, so it has to be
    this one. Its name has the region without hyphens:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/vpc-interface-endpoints.html
    """
    if _scheme(url) != "https":
        return False
    parts = urlsplit(url)
    bucket = f"{_BUCKET}{region.replace('-', '')}"
    hosts = {f"{s3}.{domain}" for s3 in ("s3", f"s3.{region}", f"s3-{region}") for domain in URL_SUFFIXES.values()}
    by_host = parts.netloc in {f"{bucket}.{host}" for host in hosts}
    return by_host or (parts.netloc in hosts and parts.path.startswith(f"/{bucket}/"))


def _put(url: str, content: bytes) -> Done | Unknown:
    # The signature covers an empty content type, where urllib would send one of its own.
    request = Request(url, data=content, method="PUT", headers={"Content-Type": ""})
    try:
        with urlopen(request, timeout=_TIMEOUT_SECONDS):
            return Done()
    except HTTPError as error:
        error.close()
        kind = ResponseUrlRejected if 300 <= error.code < 500 else Unknown
        return kind(f"PUT: HTTP status {error.code}", f"HTTP {error.code}")
    except (OSError, HTTPException, ValueError) as error:
        # Only the name: the message of some of these quotes the address.
        return Unknown(f"PUT: {type(error).__name__}", type(error).__name__)
