"""Requests with a role's credentials at a local AWS: who gets through, and what the others are told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rehearsal.aws.server import LocalAws
from rehearsal.aws.sessions import Session
from tests.rehearsal.iam_actors import PARAMETER, act, allow, dial, error


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "code", "what"),
    [
        (
            "ssm",
            "get_parameter",
            {"Name": "/x"},
            "AccessDeniedException",
            f"ssm:GetParameter on resource: {PARAMETER}/x",
        ),
        ("dynamodb", "list_tables", {}, "AccessDeniedException", "dynamodb:ListTables on resource: *"),
        ("lambda", "list_functions", {}, "AccessDeniedException", "lambda:ListFunctions on resource: *"),
        ("sqs", "list_queues", {}, "AccessDenied", "sqs:ListQueues on resource: *"),
        ("autoscaling", "describe_tags", {}, "AccessDenied", "autoscaling:DescribeTags on resource: *"),
        ("iam", "list_roles", {}, "AccessDenied", "iam:ListRoles on resource: *"),
        ("s3", "list_buckets", {}, "AccessDenied", "s3:ListAllMyBuckets on resource: *"),
        ("route53", "list_hosted_zones", {}, "AccessDenied", "route53:ListHostedZones on resource: *"),
        ("ec2", "describe_vpcs", {}, "UnauthorizedOperation", "ec2:DescribeVpcs on resource: *"),
    ],
)
def test_what_no_policy_allows_is_refused_in_the_services_own_words(
    aws: LocalAws, service: str, operation: str, parameters: dict[str, Any], code: str, what: str
) -> None:
    actor = act(aws)
    told = error(getattr(actor.client(service), operation), **parameters)
    reason = f"because no identity-based policy allows the {what.split()[0]} action"
    assert told[0] == code
    assert told[1].endswith(f"User: {actor.arn} is not authorized to perform: {what} {reason}")


def test_what_a_policy_allows_is_done(aws: LocalAws) -> None:
    aws.client("ssm").put_parameter(Name="/mine/a", Value="v", Type="String")
    actor = act(aws, allow("ssm:GetParameter", f"{PARAMETER}/mine/*"))
    assert actor.client("ssm").get_parameter(Name="/mine/a")["Parameter"]["Value"] == "v"
    assert error(actor.client("ssm").get_parameter, Name="/other/a")[0] == "AccessDeniedException"


def test_a_refused_request_changes_nothing(aws: LocalAws) -> None:
    aws.client("ssm").put_parameter(Name="/kept", Value="v", Type="String")
    error(act(aws).client("ssm").delete_parameter, Name="/kept")
    assert aws.client("ssm").get_parameter(Name="/kept")


def test_an_operators_requests_are_not_checked(aws: LocalAws) -> None:
    assert aws.client("ec2").describe_vpcs()["Vpcs"]
    assert aws.client("sts").get_caller_identity()["Account"] == "123456789012"


def test_a_role_is_told_who_it_is_without_any_permission(aws: LocalAws) -> None:
    actor = act(aws)
    identity = actor.client("sts").get_caller_identity()
    role = aws.client("iam").get_role(RoleName=actor.session.identity_arn.rpartition("/")[2])["Role"]
    assert (identity["Arn"], identity["Account"]) == (actor.arn, "123456789012")
    assert identity["UserId"] == f"{role['RoleId']}:i-1"


@pytest.mark.parametrize(
    ("service", "operation", "expired", "unknown", "signature"),
    [
        (
            "ssm",
            "describe_parameters",
            "ExpiredTokenException",
            "UnrecognizedClientException",
            "InvalidSignatureException",
        ),
        ("autoscaling", "describe_tags", "ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch"),
        ("s3", "list_buckets", "ExpiredToken", "InvalidToken", "SignatureDoesNotMatch"),
        ("ec2", "describe_vpcs", "RequestExpired", "AuthFailure", "AuthFailure"),
        ("sts", "get_caller_identity", "ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch"),
    ],
)
def test_bad_credentials_are_refused_before_policies_are_asked(
    aws: LocalAws, service: str, operation: str, expired: str, unknown: str, signature: str
) -> None:
    def told(session: Session) -> str:
        return error(getattr(dial(aws.endpoint, service, session), operation))[0]

    good = act(aws, allow("*")).session
    assert told(act(aws, allow("*"), seconds=-1).session) == expired
    assert told(replace(good, session_token="another")) == unknown
    assert told(replace(good, secret_access_key="another")) == signature


@pytest.mark.parametrize("key", ["plain", "with space/and+plus", "ümlaut/%25", "a//b"])
def test_signatures_fit_whatever_the_path_holds(aws: LocalAws, key: str) -> None:
    aws.client("s3").create_bucket(Bucket="paths")
    actor = act(
        aws, allow(["s3:PutObject", "s3:GetObject", "s3:ListBucket"], ["arn:aws:s3:::paths", "arn:aws:s3:::paths/*"])
    )
    actor.client("s3").put_object(Bucket="paths", Key=key, Body=b"text")
    assert actor.client("s3").get_object(Bucket="paths", Key=key)["Body"].read() == b"text"
    assert actor.client("s3").list_objects_v2(Bucket="paths", Prefix=key)["KeyCount"] == 1


def test_a_body_that_was_changed_on_its_way_does_not_fit_the_signature(aws: LocalAws) -> None:
    client = act(aws, allow("*")).client("ssm")

    def change(request: Any, **_: Any) -> None:
        request.body = request.body.replace(b"/a", b"/b")

    client.meta.events.register("before-send.ssm", change)
    try:
        assert error(client.get_parameter, Name="/a")[0] == "InvalidSignatureException"
    finally:
        client.meta.events.unregister("before-send.ssm", change)


def test_a_deleted_roles_credentials_are_worth_nothing(aws: LocalAws) -> None:
    actor = act(aws)
    aws.client("iam").delete_role(RoleName=actor.session.identity_arn.rpartition("/")[2])
    assert error(actor.client("ssm").describe_parameters)[0] == "UnrecognizedClientException"
