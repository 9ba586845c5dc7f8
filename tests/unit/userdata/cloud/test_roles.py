"""Assuming a role: its credentials, or why there are none, and never one of them in a text."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from coordination.outcomes import Known, Unknown
from userdata.cloud.roles import assume
from userdata.host.role_credentials import SESSION_SECONDS, RoleCredentials

ROLE = "arn:aws:iam::123456789012:role/holdfast/autoscaler"
SESSION = "i-0123456789abcdef0"
ASKED = {"RoleArn": ROLE, "RoleSessionName": SESSION, "DurationSeconds": SESSION_SECONDS}


@pytest.fixture
def sts() -> Any:
    return boto3.client("sts", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y")


def test_the_session_carries_the_name_that_cloudtrail_shows(sts: Any) -> None:
    given = {
        "AccessKeyId": "ASIA0123456789ABCDEF",
        "SecretAccessKey": "secret",
        "SessionToken": "token",
        "Expiration": "2026-01-01T00:00:00Z",
    }
    with Stubber(sts) as stub:
        stub.add_response("assume_role", {"Credentials": given}, ASKED)
        found = assume(sts, ROLE, SESSION)
    assert found == Known(RoleCredentials("ASIA0123456789ABCDEF", "secret", "token"))
    assert "secret" not in repr(found)
    assert "ASIA" not in repr(found)


def test_a_refusal_is_no_answer(sts: Any) -> None:
    with Stubber(sts) as stub:
        stub.add_client_error("assume_role", "AccessDenied", "not authorized to perform: sts:AssumeRole")
        found = assume(sts, ROLE, SESSION)
    assert isinstance(found, Unknown)
    assert "AssumeRole" in found.reason
