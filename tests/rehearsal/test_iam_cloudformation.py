"""CloudFormation acts with its caller's rights, or with those of a service role that the caller may pass."""

from __future__ import annotations

import itertools
import json
import urllib.request
from typing import Any

import pytest

from rehearsal.aws.cloudformation.invoked import INVOKED_PATH, Handler
from rehearsal.aws.server import LocalAws
from tests.rehearsal.compute import LaunchNetwork
from tests.rehearsal.iam_actors import PARAMETER, Person, allow, assumed, dial, document, error, person
from tests.waiting import wait_for

_NUMBERS = itertools.count()
OWN_STACKS = allow("cloudformation:*")
PARAMETERS = allow("ssm:*")
SERVICE = "cloudformation.amazonaws.com"


def parameter(name: str, value: str = "v", **elements: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Name": name, "Type": "String", "Value": value},
        **elements,
    }


def body(**resources: Any) -> str:
    return json.dumps({"Resources": resources})


def fresh(prefix: str = "people") -> str:
    return f"{prefix}-{next(_NUMBERS)}"


def settled(aws: LocalAws, stack: str) -> str:
    """The stack's status once it is at rest."""
    stacks = aws.client("cloudformation")

    def rest() -> str:
        status = str(stacks.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])
        return "" if status.endswith("_IN_PROGRESS") else status

    return wait_for(rest, f"{stack} comes to rest", 120, 0.1)


def reasons(aws: LocalAws, stack: str) -> str:
    """What the stack's failed resources say."""
    events = aws.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return "\n".join(each.get("ResourceStatusReason", "") for each in events if "FAILED" in each["ResourceStatus"])


def create(who: Any, name: str, template: str, **request: Any) -> str:
    return str(who.create_stack(StackName=name, TemplateBody=template, **request)["StackId"])


def service_role(aws: LocalAws, *may: dict[str, Any], trusted: str = SERVICE) -> str:
    name, iam = fresh("service-role"), aws.client("iam")
    trust = document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": trusted}})
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(*may))
    return str(made["Role"]["Arn"])


def test_a_stack_has_its_callers_rights_from_the_first_resource_to_the_last(aws: LocalAws) -> None:
    # CloudFormation puts the stack's tags on the parameter.
    may = allow(["ssm:PutParameter", "ssm:AddTagsToResource"], f"{PARAMETER}/mine/*")
    user, name = person(aws, OWN_STACKS, may), fresh()
    stacks = user.client("cloudformation")
    create(stacks, name, body(A=parameter(f"/mine/{name}")))
    assert settled(aws, name) == "CREATE_COMPLETE"
    stacks.update_stack(StackName=name, TemplateBody=body(A=parameter(f"/mine/{name}"), B=parameter(f"/other/{name}")))
    # The rollback deletes nothing that was not made.
    assert settled(aws, name) == "UPDATE_ROLLBACK_COMPLETE"
    assert (
        f"User: {user.arn} is not authorized to perform: ssm:PutParameter on resource: {PARAMETER}/other/{name} "
        "because no identity-based policy allows the ssm:PutParameter action (Operation: PutParameter;"
    ) in reasons(aws, name)
    stacks.delete_stack(StackName=name)
    assert settled(aws, name) == "DELETE_FAILED"
    assert "ssm:DeleteParameter" in reasons(aws, name)
    aws.client("cloudformation").delete_stack(StackName=name)
    wait_for(lambda: not _parameters(aws, f"/mine/{name}"), "the operator deletes it", 60, 0.1)


def test_the_handlers_that_are_invoked_are_told_with_whose_rights(aws: LocalAws) -> None:
    user, name = person(aws, OWN_STACKS, PARAMETERS), fresh()

    def invoked() -> list[Any]:
        with urllib.request.urlopen(f"{aws.endpoint}{INVOKED_PATH}") as answer:
            found = [each for each in json.load(answer) if each["identity"] == user.arn]
        assert {each["type_name"] for each in found} == {"AWS::SSM::Parameter"}
        return [each["handler"] for each in found]

    stacks = user.client("cloudformation")
    create(stacks, name, body(A=parameter(f"/{name}")))
    assert settled(aws, name) == "CREATE_COMPLETE"
    assert invoked() == [Handler.CREATE]
    stacks.update_stack(StackName=name, TemplateBody=body(A=parameter(f"/{name}"), B=parameter(f"/{name}/b")))
    assert settled(aws, name) == "UPDATE_COMPLETE"
    assert invoked() == [Handler.CREATE, Handler.READ]
    stacks.update_stack(StackName=name, TemplateBody=body(A=parameter(f"/{name}", "other")))
    assert settled(aws, name) == "UPDATE_COMPLETE"
    assert invoked() == sorted(Handler)


def _parameters(aws: LocalAws, name: str) -> list[str]:
    return [str(each["Name"]) for each in aws.client("ssm").get_parameters(Names=[name])["Parameters"]]


def test_only_who_may_make_stacks_makes_them(aws: LocalAws) -> None:
    user, name = person(aws, PARAMETERS), fresh()
    code, message = error(
        user.client("cloudformation").create_stack, StackName=name, TemplateBody=body(A=parameter(f"/{name}"))
    )
    stack = f"arn:aws:cloudformation:us-east-1:123456789012:stack/{name}/*"
    assert code == "AccessDenied"
    assert f"is not authorized to perform: cloudformation:CreateStack on resource: {stack} because" in message


@pytest.mark.parametrize(
    ("condition", "works"),
    [
        ({"StringEquals": {"aws:CalledViaFirst": SERVICE}}, True),
        ({"ForAnyValue:StringEquals": {"aws:CalledVia": [SERVICE]}}, True),
        ({"Bool": {"aws:ViaAWSService": "true"}}, True),
        ({"StringEquals": {"aws:CalledViaFirst": "dynamodb.amazonaws.com"}}, False),
        ({"Null": {"aws:SourceIp": "true"}}, True),
    ],
)
def test_what_cloudformation_does_is_told_from_what_the_caller_does(
    aws: LocalAws, condition: dict[str, Any], works: bool
) -> None:
    user, name = person(aws, OWN_STACKS, {**PARAMETERS, "Condition": condition}), fresh()
    put = user.client("ssm").put_parameter
    assert error(put, Name=f"/{name}-self", Value="v", Type="String")[0] == "AccessDeniedException"
    create(user.client("cloudformation"), name, body(A=parameter(f"/{name}")))
    assert settled(aws, name) == ("CREATE_COMPLETE" if works else "ROLLBACK_COMPLETE")


def test_a_services_own_call_for_cloudformation_tells_both(aws: LocalAws) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    both = {
        "StringEquals": {
            "aws:CalledViaFirst": SERVICE,
            "aws:CalledViaLast": "dynamodb.amazonaws.com",
            "kms:ViaService": "dynamodb.us-east-1.amazonaws.com",
        },
    }
    table = {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "AttributeDefinitions": [{"AttributeName": "Id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "Id", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
            "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key},
        },
    }
    # DynamoDB guide, "Key policy for a customer managed key": the least that it requires.
    least = "CreateGrant DescribeKey Encrypt ReEncryptFrom ReEncryptTo GenerateDataKey GenerateDataKeyWithoutPlaintext"
    without_decrypt = [f"kms:{action}" for action in least.split()]
    for actions, status in (
        ([*without_decrypt, "kms:Decrypt"], "CREATE_COMPLETE"),
        (without_decrypt, "ROLLBACK_COMPLETE"),
    ):
        user, name = person(aws, OWN_STACKS, allow("dynamodb:*"), allow(actions, key, Condition=both)), fresh()
        create(user.client("cloudformation"), name, body(Table=table))
        assert settled(aws, name) == status, reasons(aws, name)
    assert "kms:Decrypt" in reasons(aws, name)


def test_an_assumed_role_makes_stacks_under_its_sessions_name(aws: LocalAws) -> None:
    user, name = person(aws), fresh()
    iam, role = aws.client("iam"), fresh("deployer")
    trust = document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": user.arn}})
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    unique = iam.get_role(RoleName=role)["Role"]["RoleId"]
    mine = {**PARAMETERS, "Condition": {"StringEquals": {"aws:userid": f"{unique}:alice"}}}
    iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=document(OWN_STACKS, mine))
    for session, status in (("alice", "CREATE_COMPLETE"), ("bob", "ROLLBACK_COMPLETE")):
        stack = f"{name}-{session}"
        held = assumed(user.client("sts").assume_role(RoleArn=arn, RoleSessionName=session))
        create(dial(aws.endpoint, "cloudformation", held), stack, body(A=parameter(f"/{stack}")))
        assert settled(aws, stack) == status
    assert f"assumed-role/{role}/bob is not authorized to perform: ssm:PutParameter" in reasons(aws, f"{name}-bob")


def test_a_service_role_needs_to_be_passed_and_replaces_the_callers_rights(aws: LocalAws) -> None:
    arn, template = service_role(aws, PARAMETERS), body(A=parameter(f"/{(name := fresh())}"))
    without = person(aws, OWN_STACKS, PARAMETERS)
    told = error(without.client("cloudformation").create_stack, StackName=name, TemplateBody=template, RoleARN=arn)
    assert told[1].endswith(
        f"perform: iam:PassRole on resource: {arn} because no identity-based policy allows the iam:PassRole action"
    )
    to = {"StringEquals": {"iam:PassedToService": SERVICE}}
    user = person(aws, OWN_STACKS, allow("iam:PassRole", arn, Condition=to))
    stacks = user.client("cloudformation")
    create(stacks, name, template, RoleARN=arn)
    assert settled(aws, name) == "CREATE_COMPLETE", "the user may not put parameters, the role may"
    # The role stays with the stack: who may only call CloudFormation acts by it (API reference of CreateStack).
    later = person(aws, OWN_STACKS).client("cloudformation")
    later.update_stack(StackName=name, TemplateBody=body(A=parameter(f"/{name}", "w")))
    assert settled(aws, name) == "UPDATE_COMPLETE"
    later.delete_stack(StackName=name)
    wait_for(lambda: not _parameters(aws, f"/{name}"), "the role deletes it", 60, 0.1)


def test_a_service_role_is_held_to_its_own_policies_and_to_its_trust(aws: LocalAws) -> None:
    user = person(aws, allow("*"))
    stacks, narrow, name = user.client("cloudformation"), service_role(aws, allow("ssm:GetParameters")), fresh()
    create(stacks, name, body(A=parameter(f"/{name}")), RoleARN=narrow)
    assert settled(aws, name) == "ROLLBACK_COMPLETE"
    session = f"assumed-role/{narrow.rpartition('/')[2]}/AWSCloudFormation"
    assert f"{session} is not authorized to perform: ssm:PutParameter" in reasons(aws, name)
    closed = service_role(aws, PARAMETERS, trusted="ec2.amazonaws.com")
    told = error(stacks.create_stack, StackName=fresh(), TemplateBody=body(A=parameter("/x")), RoleARN=closed)
    assert told == ("ValidationError", f"Role {closed} is invalid or cannot be assumed")


def test_a_change_set_is_carried_out_by_its_role_or_by_who_executes_it(aws: LocalAws) -> None:
    planner = person(aws, allow(["cloudformation:CreateChangeSet", "cloudformation:DescribeChangeSet"]))
    executor = person(aws, allow("cloudformation:ExecuteChangeSet"), PARAMETERS)
    for executes, status in ((executor, "CREATE_COMPLETE"), (person(aws, OWN_STACKS), "ROLLBACK_COMPLETE")):
        name = _planned(aws, planner)
        executes.client("cloudformation").execute_change_set(StackName=name, ChangeSetName="first")
        assert settled(aws, name) == status
    told = error(planner.client("cloudformation").execute_change_set, StackName=name, ChangeSetName="first")
    assert told[0] == "AccessDenied"
    arn = service_role(aws, PARAMETERS)
    passer = person(aws, OWN_STACKS, allow("iam:PassRole", arn))
    name = _planned(aws, passer, RoleARN=arn)
    person(aws, OWN_STACKS).client("cloudformation").execute_change_set(StackName=name, ChangeSetName="first")
    assert settled(aws, name) == "CREATE_COMPLETE"
    shown = aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    assert shown["RoleARN"] == arn


def _planned(aws: LocalAws, who: Person, **request: Any) -> str:
    """The name of a new stack, for which who has made the change set `first`."""
    name, stacks = fresh(), who.client("cloudformation")
    stacks.create_change_set(
        StackName=name,
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateBody=body(A=parameter(f"/{name}")),
        **request,
    )
    shown = {"StackName": name, "ChangeSetName": "first"}
    wait_for(lambda: stacks.describe_change_set(**shown)["Status"] == "CREATE_COMPLETE", "the change set", 60, 0.1)
    return name


def test_a_template_and_a_nested_stack_need_their_own_permissions(aws: LocalAws) -> None:
    s3, bucket = aws.client("s3"), fresh("templates")
    s3.create_bucket(Bucket=bucket)
    url, name = f"{aws.endpoint}/{bucket}", fresh()
    s3.put_object(Bucket=bucket, Key="child", Body=body(A=parameter(f"/{name}")))
    nested = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": f"{url}/child"}}
    s3.put_object(Bucket=bucket, Key="root", Body=body(Child=nested))
    request = {"TemplateURL": f"{url}/root"}
    blind = person(aws, OWN_STACKS, PARAMETERS).client("cloudformation")
    told = error(blind.create_stack, StackName=name, **request)
    assert told[0] == "ValidationError"
    assert "S3 error:" in told[1]
    assert "s3:GetObject" in told[1]
    reads = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*")
    root = allow("cloudformation:*", f"arn:aws:cloudformation:us-east-1:123456789012:stack/{name}/*")
    narrow = person(aws, root, PARAMETERS, reads).client("cloudformation")
    narrow.create_stack(StackName=name, **request)
    assert settled(aws, name) == "ROLLBACK_COMPLETE"
    assert (
        f"perform: cloudformation:CreateStack on resource: arn:aws:cloudformation:us-east-1:123456789012:stack/{name}-"
        in (reasons(aws, name))
    )
    wide, name = person(aws, OWN_STACKS, PARAMETERS, reads).client("cloudformation"), fresh()
    wide.create_stack(StackName=name, **request)
    assert settled(aws, name) == "CREATE_COMPLETE"


def test_a_group_needs_what_launching_its_instances_would(aws: LocalAws, network: LaunchNetwork) -> None:
    iam, ec2 = aws.client("iam"), aws.client("ec2")
    trust = document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}})
    role = iam.create_role(RoleName=(name := fresh("node")), AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "blue"}]}]
    data = {"ImageId": image, "IamInstanceProfile": {"Name": name}, "TagSpecifications": tags}
    launched = ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)["LaunchTemplate"]
    group = {
        "MinSize": 0,
        "MaxSize": 1,
        "VPCZoneIdentifier": network.zones,
        "LaunchTemplate": {"LaunchTemplateId": launched["LaunchTemplateId"], "Version": "1"},
    }
    created = {"StringEquals": {"ec2:CreateAction": "RunInstances", "aws:RequestTag/team": "blue"}}
    passed = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    everything = {
        "ec2:RunInstances": allow("ec2:RunInstances"),
        "ec2:CreateTags": allow("ec2:CreateTags", "arn:aws:ec2:*:*:instance/*", Condition=created),
        "iam:PassRole": allow("iam:PassRole", role, Condition=passed),
    }
    for lacking in (*everything, None):
        may = [statement for action, statement in everything.items() if action != lacking]
        scaling = person(aws, allow("autoscaling:*"), *may).client("autoscaling")
        request = {"AutoScalingGroupName": fresh("group"), **group}
        if lacking is None:
            scaling.create_auto_scaling_group(**request)
        else:
            told = error(scaling.create_auto_scaling_group, **request)
            assert f"because no identity-based policy allows the {lacking} action" in told[1]
    places = [f"arn:aws:ec2:*:*:{kind}/*" for kind in ("instance", "network-interface", "volume", "launch-template")]
    without_image = allow("ec2:RunInstances", [*places, "arn:aws:ec2:*:*:subnet/*"])
    rest = [statement for action, statement in everything.items() if action != "ec2:RunInstances"]
    scaling = person(aws, allow("autoscaling:*"), without_image, *rest).client("autoscaling")
    told = error(scaling.create_auto_scaling_group, AutoScalingGroupName=fresh("group"), **group)
    assert f"ec2:RunInstances on resource: arn:aws:ec2:us-east-1::image/{image} because" in told[1]
