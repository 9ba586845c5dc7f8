"""Users of IAM and sessions of STS at a local AWS: whose policies count, and what the refused are told."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rehearsal.aws.server import LocalAws
from rehearsal.local.steps import local_environment
from tests.rehearsal.iam_actors import PARAMETER, Person, act, allow, assumed, dial, document, error, person, signing

ACCOUNT_ROOT = {"AWS": "arn:aws:iam::123456789012:root"}
READS = allow("ssm:DescribeParameters")
_NUMBERS = itertools.count()


def deny(action: str, **elements: Any) -> dict[str, Any]:
    return {**allow(action), "Effect": "Deny", **elements}


def trusting(principal: Any, effect: str = "Allow", **conditions: Any) -> dict[str, Any]:
    statement = {"Effect": effect, "Action": "sts:AssumeRole", "Principal": principal}
    return {**statement, "Condition": conditions} if conditions else statement


def role(aws: LocalAws, *trust: dict[str, Any], may: dict[str, Any] = READS, **settings: Any) -> str:
    """The ARN of a new role that is trusted so."""
    name, iam = f"people-role-{next(_NUMBERS)}", aws.client("iam")
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(*trust), **settings)
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(may))
    return str(made["Role"]["Arn"])


def assume(who: Person, arn: str, **parameters: Any) -> dict[str, Any]:
    answer: dict[str, Any] = who.client("sts").assume_role(RoleArn=arn, RoleSessionName="alice", **parameters)
    return answer


def test_a_users_policies_count_inline_managed_and_of_groups(aws: LocalAws) -> None:
    iam = aws.client("iam")
    user = person(aws, READS)
    user.client("ssm").describe_parameters()
    lists = iam.create_policy(PolicyName="lists-queues", PolicyDocument=document(allow("sqs:ListQueues")))
    iam.attach_user_policy(UserName=user.name, PolicyArn=lists["Policy"]["Arn"])
    user.client("sqs").list_queues()
    iam.create_group(GroupName="readers")
    iam.put_group_policy(GroupName="readers", PolicyName="t", PolicyDocument=document(allow("dynamodb:ListTables")))
    assert error(user.client("dynamodb").list_tables)[0] == "AccessDeniedException"
    iam.add_user_to_group(GroupName="readers", UserName=user.name)
    user.client("dynamodb").list_tables()
    iam.put_group_policy(GroupName="readers", PolicyName="no", PolicyDocument=document(deny("ssm:*")))
    assert error(user.client("ssm").describe_parameters)[1].endswith("explicit deny in an identity-based policy")


def test_a_user_is_refused_by_name(aws: LocalAws) -> None:
    user = person(aws)
    code, message = error(user.client("ssm").get_parameter, Name="/x")
    assert code == "AccessDeniedException"
    assert message == (
        f"User: {user.arn} is not authorized to perform: ssm:GetParameter on resource: {PARAMETER}/x "
        "because no identity-based policy allows the ssm:GetParameter action"
    )


def test_a_users_boundary_limits_policies_and_can_be_taken_away(aws: LocalAws) -> None:
    iam = aws.client("iam")
    queues = iam.create_policy(PolicyName="queues-only", PolicyDocument=document(allow("sqs:*")))["Policy"]["Arn"]
    user = person(aws, allow("*"), boundary=queues)
    user.client("sqs").list_queues()
    told = error(user.client("ssm").describe_parameters)
    assert told[1].endswith("because no permissions boundary allows the ssm:DescribeParameters action")
    iam.delete_user_permissions_boundary(UserName=user.name)
    user.client("ssm").describe_parameters()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("aws:username", "{name}"),
        ("aws:PrincipalArn", "arn:aws:iam::123456789012:user/people/{name}"),
        ("aws:PrincipalType", "User"),
        ("aws:PrincipalTag/team", "blue"),
        ("aws:SourceIp", "127.0.0.1"),
        ("aws:ViaAWSService", "false"),
        ("aws:userid", "{id}"),
    ],
)
def test_condition_keys_tell_who_a_user_is(aws: LocalAws, key: str, value: str) -> None:
    iam, user = aws.client("iam"), person(aws)
    iam.tag_user(UserName=user.name, Tags=[{"Key": "team", "Value": "blue"}])
    wanted = value.format(name=user.name, id=iam.get_user(UserName=user.name)["User"]["UserId"])
    for expected, works in ((wanted, True), ("another", False)):
        only = {**READS, "Condition": {"StringEquals": {key: expected}}}
        iam.put_user_policy(UserName=user.name, PolicyName="p", PolicyDocument=document(only))
        if works:
            user.client("ssm").describe_parameters()
        else:
            assert error(user.client("ssm").describe_parameters)[0] == "AccessDeniedException"


def test_the_version_of_a_managed_policy_that_is_in_force_counts(aws: LocalAws) -> None:
    iam, user = aws.client("iam"), person(aws)
    arn = iam.create_policy(PolicyName="versions", PolicyDocument=document(allow("sqs:ListQueues")))["Policy"]["Arn"]
    iam.attach_user_policy(UserName=user.name, PolicyArn=arn)
    user.client("sqs").list_queues()
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(READS), SetAsDefault=True)
    user.client("ssm").describe_parameters()
    assert error(user.client("sqs").list_queues)[0] == "AccessDenied"
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    user.client("sqs").list_queues()
    iam.detach_user_policy(UserName=user.name, PolicyArn=arn)
    assert error(user.client("sqs").list_queues)[0] == "AccessDenied"


def test_one_managed_policy_tells_its_holders_apart_by_variables(aws: LocalAws) -> None:
    """`${aws:userid}` in a resource and `${aws:PrincipalArn}` in a condition are those of whoever asks."""
    iam, people = aws.client("iam"), [person(aws), person(aws)]
    aws.client("s3").create_bucket(Bucket="apart")
    writes = allow("s3:PutObject", "arn:aws:s3:::apart/${aws:userid}/*")
    lists = allow("s3:ListBucket", "arn:aws:s3:::apart")
    lists["Condition"] = {"StringEquals": {"s3:prefix": "${aws:PrincipalArn}"}}
    policy = iam.create_policy(PolicyName="apart", PolicyDocument=document(writes, lists))["Policy"]["Arn"]
    for user in people:
        iam.attach_user_policy(UserName=user.name, PolicyArn=policy)
    shared = role(aws, trusting(ACCOUNT_ROOT))
    iam.attach_role_policy(RoleName=shared.rpartition("/")[2], PolicyArn=policy)
    answer = assume(person(aws, allow("sts:AssumeRole")), shared)
    holders = [
        *((iam.get_user(UserName=user.name)["User"]["UserId"], user.arn, user.client("s3")) for user in people),
        (answer["AssumedRoleUser"]["AssumedRoleId"], shared, dial(aws.endpoint, "s3", assumed(answer))),
    ]
    for own_id, own_arn, client in holders:
        for user_id, arn, _ in holders:
            calls = ((client.put_object, {"Key": f"{user_id}/x"}), (client.list_objects_v2, {"Prefix": arn}))
            for call, given in calls:
                if (user_id, arn) == (own_id, own_arn):
                    call(Bucket="apart", **given)
                else:
                    assert error(call, Bucket="apart", **given)[0] == "AccessDenied"


def test_a_resources_policy_that_names_the_user_needs_no_other(aws: LocalAws) -> None:
    queues = aws.client("iam").create_policy(PolicyName="sqs", PolicyDocument=document(allow("sqs:*")))
    user = person(aws, boundary=queues["Policy"]["Arn"])
    aws.client("s3").create_bucket(Bucket="named")
    named = {**allow("s3:ListBucket", "arn:aws:s3:::named"), "Principal": {"AWS": user.arn}}
    aws.client("s3").put_bucket_policy(Bucket="named", Policy=document(named))
    user.client("s3").list_objects_v2(Bucket="named")
    assert error(person(aws).client("s3").list_objects_v2, Bucket="named")[0] == "AccessDenied"


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("ssm", "describe_parameters", "UnrecognizedClientException"),
        ("autoscaling", "describe_tags", "InvalidClientTokenId"),
        ("s3", "list_buckets", "InvalidAccessKeyId"),
        ("ec2", "describe_vpcs", "AuthFailure"),
    ],
)
def test_a_key_that_is_nobodys_is_worth_nothing(aws: LocalAws, service: str, operation: str, code: str) -> None:
    for each in (signing("any", "any"), signing("AKIAIOSFODNN7EXAMPLE", "x"), signing("Local", "local")):
        assert error(getattr(dial(aws.endpoint, service, each), operation))[0] == code


@pytest.mark.parametrize("authorization", [None, "AWS4-HMAC-SHA256 Credential=local key/20260101/us-east-1/sqs/x"])
def test_a_request_without_a_signature_is_refused(aws: LocalAws, authorization: str | None) -> None:
    request = urllib.request.Request(f"{aws.endpoint}/?Action=ListQueues")
    if authorization is not None:
        request.add_header("Authorization", authorization)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=60)
    assert caught.value.code == 403
    caught.value.close()


def test_an_inactive_deleted_or_wrongly_signed_key_is_refused(aws: LocalAws) -> None:
    iam, user = aws.client("iam"), person(aws, READS)
    key = {"UserName": user.name, "AccessKeyId": user.key["AccessKeyId"]}
    read = user.client("ssm").describe_parameters
    wrong = replace(user.session, secret_access_key="another")
    assert error(dial(aws.endpoint, "ssm", wrong).describe_parameters)[0] == "InvalidSignatureException"
    iam.update_access_key(Status="Inactive", **key)
    assert error(read)[0] == "UnrecognizedClientException"
    iam.update_access_key(Status="Active", **key)
    read()
    iam.delete_access_key(**key)
    assert error(read)[0] == "UnrecognizedClientException"


def test_everybody_is_told_who_they_are(aws: LocalAws) -> None:
    user = person(aws)
    identity = user.client("sts").get_caller_identity()
    unique = aws.client("iam").get_user(UserName=user.name)["User"]["UserId"]
    assert (identity["Arn"], identity["UserId"], identity["Account"]) == (user.arn, unique, "123456789012")
    arn = role(aws, trusting({"AWS": user.arn}))
    answer = assume(user, arn)
    identity = dial(aws.endpoint, "sts", assumed(answer)).get_caller_identity()
    assert identity["Arn"] == answer["AssumedRoleUser"]["Arn"] == f"{_session_start(arn)}/alice"
    assert identity["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]
    assert aws.client("sts").get_caller_identity()["Arn"] == "arn:aws:iam::123456789012:root"


def _session_start(role_arn: str) -> str:
    return f"arn:aws:sts::123456789012:assumed-role/{role_arn.rpartition('/')[2]}"


MAY = allow("sts:AssumeRole")


@pytest.mark.parametrize(
    ("trust", "own", "parameters", "problem"),
    [
        # Named by itself, the user needs no policy; named by the account, it does (IAM guide, "Evaluation logic").
        ([trusting({"AWS": "{user}"})], [], {}, None),
        ([trusting(ACCOUNT_ROOT)], [MAY], {}, None),
        ([trusting(ACCOUNT_ROOT)], [], {}, "because no identity-based policy allows the sts:AssumeRole action"),
        ([trusting({"AWS": "{user}"})], [deny("sts:*")], {}, "with an explicit deny in an identity-based policy"),
        ([trusting({"Service": "ec2.amazonaws.com"})], [MAY], {}, "because no role trust policy allows the sts:Ass"),
        (
            [trusting(ACCOUNT_ROOT), trusting({"AWS": "{user}"}, "Deny")],
            [MAY],
            {},
            "with an explicit deny in the role trust policy",
        ),
        ([trusting(ACCOUNT_ROOT, StringEquals={"sts:RoleSessionName": "alice"})], [MAY], {}, None),
        ([trusting(ACCOUNT_ROOT, StringEquals={"sts:RoleSessionName": "bob"})], [MAY], {}, "because no role trust"),
        ([trusting(ACCOUNT_ROOT, StringLike={"sts:RoleSessionName": "${aws:username}"})], [MAY], {}, "because no role"),
        ([trusting(ACCOUNT_ROOT, StringEquals={"sts:ExternalId": "x1"})], [MAY], {"ExternalId": "x1"}, None),
        ([trusting(ACCOUNT_ROOT, StringEquals={"sts:ExternalId": "x1"})], [MAY], {}, "because no role trust policy"),
        ([trusting(ACCOUNT_ROOT, ArnLike={"aws:PrincipalArn": "*:user/people/*"})], [MAY], {}, "because no role trust"),
        ([trusting(ACCOUNT_ROOT, ArnLike={"aws:PrincipalArn": "arn:*:iam::*:user/people/*"})], [MAY], {}, None),
    ],
)
def test_trust_and_policies_decide_who_assumes_a_role(
    aws: LocalAws, trust: list[Any], own: list[Any], parameters: dict[str, Any], problem: str | None
) -> None:
    user = person(aws, *own)
    named = [
        {**each, "Principal": {kind: name.replace("{user}", user.arn) for kind, name in each["Principal"].items()}}
        for each in trust
    ]
    arn = role(aws, *named)
    if problem is None:
        assume(user, arn, **parameters)
        return
    code, message = error(user.client("sts").assume_role, RoleArn=arn, RoleSessionName="alice", **parameters)
    assert code == "AccessDenied"
    assert message.startswith(f"User: {user.arn} is not authorized to perform: sts:AssumeRole")
    assert problem in message
    assert (arn in message) is ("trust policy" not in message), "whoever is not trusted is not told of the role"


def test_a_session_acts_with_the_roles_policies_under_its_own_name(aws: LocalAws) -> None:
    user = person(aws, allow("sqs:ListQueues"))
    arn = role(aws, trusting({"AWS": user.arn}))
    session = assumed(assume(user, arn))
    dial(aws.endpoint, "ssm", session).describe_parameters()
    told = error(dial(aws.endpoint, "sqs", session).list_queues)[1]
    assert told.startswith(f"User: {_session_start(arn)}/alice is not authorized"), "the user's own policies are gone"
    name = arn.rpartition("/")[2]
    unique = aws.client("iam").get_role(RoleName=name)["Role"]["RoleId"]
    for who, works in ((f"{unique}:alice", True), (f"{unique}:bob", False)):
        only = {**READS, "Condition": {"StringEquals": {"aws:userid": who}}}
        aws.client("iam").put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(only))
        read = dial(aws.endpoint, "ssm", session).describe_parameters
        assert works == (read() is not None) if works else error(read)[0] == "AccessDeniedException"


def test_session_policies_only_take_away(aws: LocalAws) -> None:
    iam, user = aws.client("iam"), person(aws)
    may = allow(["ssm:DescribeParameters", "sqs:ListQueues"])
    arn = role(aws, trusting({"AWS": user.arn}), may=may)
    both = document(READS, allow("dynamodb:ListTables"))
    session = assumed(assume(user, arn, Policy=both))
    dial(aws.endpoint, "ssm", session).describe_parameters()
    told = error(dial(aws.endpoint, "sqs", session).list_queues)[1]
    assert told.endswith("because no session policy allows the sqs:ListQueues action")
    told = error(dial(aws.endpoint, "dynamodb", session).list_tables)[1]
    assert told.endswith("because no identity-based policy allows the dynamodb:ListTables action")
    queues = iam.create_policy(PolicyName="queues", PolicyDocument=document(allow("sqs:*")))["Policy"]["Arn"]
    dial(aws.endpoint, "sqs", assumed(assume(user, arn, Policy=both, PolicyArns=[{"arn": queues}]))).list_queues()
    session = assumed(assume(user, arn, Policy=document(allow("*"), deny("ssm:*"))))
    told = error(dial(aws.endpoint, "ssm", session).describe_parameters)[1]
    assert told.endswith("with an explicit deny in a session policy")


def test_a_session_ends_and_its_length_has_limits(aws: LocalAws) -> None:
    user = person(aws)
    arn = role(aws, trusting({"AWS": "*"}), may=allow("sts:AssumeRole"), MaxSessionDuration=7200)
    answer = assume(user, arn, DurationSeconds=7200)
    left = answer["Credentials"]["Expiration"] - datetime.now(answer["Credentials"]["Expiration"].tzinfo)
    assert timedelta(seconds=7100) < left <= timedelta(seconds=7200)
    told = error(user.client("sts").assume_role, RoleArn=arn, RoleSessionName="alice", DurationSeconds=7201)
    assert told == (
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )
    chained = dial(aws.endpoint, "sts", assumed(answer)).assume_role
    assert "role chaining" in error(chained, RoleArn=arn, RoleSessionName="bob", DurationSeconds=3601)[1]
    chained(RoleArn=arn, RoleSessionName="bob")
    assert error(user.client("sts").assume_role, RoleArn=arn, RoleSessionName="a b")[0] == "ValidationError"


@pytest.mark.parametrize("arn", ["arn:aws:iam::123456789012:role/nobody", "nonsense", "arn:aws:iam::1:role/others"])
def test_a_role_that_is_not_there_is_not_assumed(aws: LocalAws, arn: str) -> None:
    # AWS's shortest ARN has twenty characters, which its clients check.
    arn = arn.ljust(20, "x")
    told = error(person(aws, allow("*")).client("sts").assume_role, RoleArn=arn, RoleSessionName="alice")
    assert told[0] == "AccessDenied"


def test_what_assume_role_takes_and_nobody_checks_is_said(aws: LocalAws) -> None:
    user = person(aws)
    arn = role(aws, trusting({"AWS": user.arn}), may=allow("*"))
    tags = [{"Key": "team", "Value": "blue"}]
    told = error(user.client("sts").assume_role, RoleArn=arn, RoleSessionName="alice", Tags=tags)
    assert told[0] == "AccessDenied", "no policy of the user allows sts:TagSession"
    trusted = person(aws, allow("sts:*"))
    told = error(trusted.client("sts").assume_role, RoleArn=arn, RoleSessionName="alice", Tags=tags)
    assert told[0] == "NotImplemented"


def test_a_users_own_session_may_do_what_the_user_may_but_nothing_in_iam(aws: LocalAws) -> None:
    user = person(aws, READS, allow("iam:*"))
    session = assumed(user.client("sts").get_session_token())
    dial(aws.endpoint, "ssm", session).describe_parameters()
    assert dial(aws.endpoint, "sts", session).get_caller_identity()["Arn"] == user.arn
    user.client("iam").list_roles()
    assert error(dial(aws.endpoint, "iam", session).list_roles)[0] == "InvalidClientTokenId"
    told = error(dial(aws.endpoint, "sts", session).get_session_token)
    assert told[0] in ("AccessDenied", "InvalidClientTokenId")
    assert error(act(aws, allow("*")).client("sts").get_session_token)[0] == "AccessDenied"
    assert error(dial(aws.endpoint, "ssm", replace(session, session_token=None)).describe_parameters)[0] == (
        "UnrecognizedClientException"
    ), "half of the credentials are none"


def test_a_deleted_users_key_is_worth_nothing(aws: LocalAws) -> None:
    iam, user = aws.client("iam"), person(aws)
    session = assumed(user.client("sts").get_session_token())
    iam.delete_access_key(UserName=user.name, AccessKeyId=user.key["AccessKeyId"])
    iam.delete_user(UserName=user.name)
    assert error(dial(aws.endpoint, "ssm", session).describe_parameters)[0] == "UnrecognizedClientException"


def cli(aws: LocalAws, who: Person, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The real AWS CLI, as the user types it."""
    environment = local_environment(aws.endpoint, "us-east-1") | {
        "AWS_ACCESS_KEY_ID": who.key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": who.key["SecretAccessKey"],
        "PATH": os.environ["PATH"],
    }
    program = str(Path(sys.executable).with_name("aws"))
    return subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.integration
def test_the_aws_cli_shows_a_user_the_error_that_aws_gives(aws: LocalAws) -> None:
    user = person(aws, allow("ssm:PutParameter"))
    done = cli(aws, user, "ssm", "put-parameter", "--name", "/cli", "--value", "v", "--type", "String")
    assert (done.returncode, done.stderr) == (0, "")
    done = cli(aws, user, "ssm", "get-parameter", "--name", "/cli")
    assert done.returncode != 0
    assert done.stderr.strip().endswith(
        "An error occurred (AccessDeniedException) when calling the GetParameter operation: "
        f"User: {user.arn} is not authorized to perform: ssm:GetParameter on resource: {PARAMETER}/cli "
        "because no identity-based policy allows the ssm:GetParameter action"
    )
