"""Which region a command acts in, and the line that each one begins with: account and region."""

from __future__ import annotations

import os
from collections.abc import Mapping

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from deployment import aws
from deployment.aws import Account
from deployment.refusal import Refusal

# AWS_REGION is what the AWS CLI v2 and other SDKs read first; boto3 and the AWS CLI v1 know AWS_DEFAULT_REGION alone.
# AWS SDKs and Tools reference guide, "AWS Region".
_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
_ENDPOINTS = "AWS_ENDPOINT_URL"
# The line must not keep anybody waiting where STS cannot be reached.
_BRIEF = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})


def account(option: str | None, environment: Mapping[str, str] = os.environ) -> Account:
    """The caller's account in the region of the option, of AWS_REGION or AWS_DEFAULT_REGION, or of the profile.

    Raises Refusal where there is none, and where the two variables name different ones: a deploy into the wrong region
    is worse than none.
    """
    named = {name: environment[name] for name in _VARIABLES if environment.get(name)}
    if not option and len(set(named.values())) > 1:
        told = " and ".join(f"{name} is {value}" for name, value in named.items())
        raise Refusal(f"which region? {told}: unset one of them, or give REGION=")
    found = Account(option or next(iter(named.values()), None))
    if found.region is None:
        raise Refusal("which region? Set AWS_REGION or AWS_DEFAULT_REGION, or give REGION=")
    return found


def line(where: Account, environment: Mapping[str, str] = os.environ) -> str:
    """Account and region for a person; and the endpoint where it is not AWS's own."""
    try:
        name = where.brief_client("sts", _BRIEF).get_caller_identity()["Account"]
    except ClientError as error:
        name = f"unknown ({aws.code(error)})"
    except BotoCoreError as error:
        name = f"unknown ({error})"
    endpoint = environment.get(_ENDPOINTS)
    return f"account {name}, region {where.region}" + (f", at {endpoint}" if endpoint else "")
