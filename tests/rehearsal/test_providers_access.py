"""Providers of IAM and KMS on the local AWS."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.cloudformation.provider import Made, ProviderError
from tests.rehearsal.provider_stack import Stack, tags_of


def allow(action: str, **more: Any) -> dict[str, Any]:
    """Return a policy of one statement."""
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, **more}]}


TRUST = allow("sts:AssumeRole", Principal={"Service": "ec2.amazonaws.com"})
READ = allow("s3:GetObject", Resource="*")
ADMINISTER = allow("kms:*", Principal={"AWS": "arn:aws:iam::123456789012:root"}, Resource="*")


@pytest.fixture
def policy(stack: Stack) -> Made:
    return stack.create("Policy", "AWS::IAM::ManagedPolicy", PolicyDocument=READ, Description="read")


@pytest.fixture
def role(stack: Stack, policy: Made) -> Made:
    return stack.create(
        "Role",
        "AWS::IAM::Role",
        AssumeRolePolicyDocument=TRUST,
        Path="/holdfast/",
        PermissionsBoundary=policy.physical_id,
        ManagedPolicyArns=[policy.physical_id],
        Policies=[{"PolicyName": "inline", "PolicyDocument": READ}],
        MaxSessionDuration="7200",
        Tags=[{"Key": "Name", "Value": "node"}],
    )


def test_a_role_has_all_that_its_template_says(stack: Stack, policy: Made, role: Made) -> None:
    iam, name = stack.client("iam"), role.physical_id
    found = iam.get_role(RoleName=name)["Role"]
    assert role.attributes == {"Arn": found["Arn"], "RoleId": found["RoleId"]}
    assert found["Arn"].endswith(f":role/holdfast/{name}")
    assert found["MaxSessionDuration"] == 7200
    assert found["PermissionsBoundary"]["PermissionsBoundaryArn"] == policy.physical_id
    assert tags_of(found["Tags"]) == {"team": "blue", "Name": "node"}
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["inline"]
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert [item["PolicyArn"] for item in attached] == [policy.physical_id]


def test_a_role_changes_in_place(stack: Stack, role: Made) -> None:
    stack.update(
        "Role",
        AssumeRolePolicyDocument=allow("sts:AssumeRole", Principal={"Service": "lambda.amazonaws.com"}),
        PermissionsBoundary=None,
        ManagedPolicyArns=None,
        Policies=[{"PolicyName": "other", "PolicyDocument": READ}],
        Tags=None,
    )
    iam, name = stack.client("iam"), role.physical_id
    found = iam.get_role(RoleName=name)["Role"]
    assert "lambda.amazonaws.com" in str(found["AssumeRolePolicyDocument"])
    assert "PermissionsBoundary" not in found
    assert tags_of(found["Tags"]) == {"team": "blue"}
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["other"]
    assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []


def test_a_policy_that_somebody_else_put_into_a_role_stops_its_deletion(stack: Stack, role: Made) -> None:
    iam = stack.client("iam")
    iam.put_role_policy(RoleName=role.physical_id, PolicyName="foreign", PolicyDocument=json.dumps(READ))
    made = stack.made["Role"]
    with pytest.raises(ClientError, match="DeleteConflict"):
        stack.delete("Role")
    iam.delete_role_policy(RoleName=role.physical_id, PolicyName="foreign")
    stack.made["Role"] = made


def test_a_role_policy_belongs_to_a_role_of_another_stack(stack: Stack, role: Made) -> None:
    made = stack.create(
        "Extra", "AWS::IAM::RolePolicy", PolicyName="extra", RoleName=role.physical_id, PolicyDocument=READ
    )
    assert made.physical_id == f"extra|{role.physical_id}"
    stack.update("Extra", PolicyDocument=allow("s3:PutObject", Resource="*"))
    found = stack.client("iam").get_role_policy(RoleName=role.physical_id, PolicyName="extra")
    assert found["PolicyDocument"]["Statement"][0]["Action"] == "s3:PutObject"


def test_an_instance_profile_exchanges_its_role(stack: Stack, role: Made) -> None:
    made = stack.create("Profile", "AWS::IAM::InstanceProfile", Roles=[role.physical_id], Path="/holdfast/")
    other = stack.create("Other", "AWS::IAM::Role", AssumeRolePolicyDocument=TRUST)
    stack.update("Profile", Roles=[other.physical_id])
    found = stack.client("iam").get_instance_profile(InstanceProfileName=made.physical_id)["InstanceProfile"]
    assert [item["RoleName"] for item in found["Roles"]] == [other.physical_id]
    assert made.attributes["Arn"] == found["Arn"]
    stack.update("Profile", Roles=[role.physical_id])


def test_a_managed_policys_document_can_change_often(stack: Stack, policy: Made) -> None:
    for number in range(6):
        stack.update("Policy", PolicyDocument=allow("s3:GetObject", Resource=f"arn:aws:s3:::bucket-{number}/*"))
    iam = stack.client("iam")
    version = iam.get_policy(PolicyArn=policy.physical_id)["Policy"]["DefaultVersionId"]
    found = iam.get_policy_version(PolicyArn=policy.physical_id, VersionId=version)["PolicyVersion"]
    assert found["Document"]["Statement"][0]["Resource"] == "arn:aws:s3:::bucket-5/*"


def test_a_managed_policy_is_attached_to_roles_users_and_groups_and_detached_before_it_goes(
    stack: Stack, role: Made
) -> None:
    iam = stack.client("iam")
    iam.create_user(UserName="operator")
    iam.create_group(GroupName="operators")
    made = stack.create("Attached", "AWS::IAM::ManagedPolicy", PolicyDocument=READ, Users=["operator"])
    stack.update("Attached", Users=None, Groups=["operators"], Roles=[role.physical_id])
    held = iam.list_entities_for_policy(PolicyArn=made.physical_id)
    assert [each["GroupName"] for each in held["PolicyGroups"]] == ["operators"]
    assert [each["RoleName"] for each in held["PolicyRoles"]] == [role.physical_id]
    assert held["PolicyUsers"] == []
    stack.delete("Attached")
    assert iam.list_attached_group_policies(GroupName="operators")["AttachedPolicies"] == []


def test_a_managed_policy_that_somebody_else_attached_stops_its_deletion(stack: Stack) -> None:
    iam = stack.client("iam")
    iam.create_user(UserName="holder")
    made = stack.create("Held", "AWS::IAM::ManagedPolicy", PolicyDocument=READ)
    iam.attach_user_policy(UserName="holder", PolicyArn=made.physical_id)
    kept = stack.made["Held"]
    with pytest.raises(ClientError, match="DeleteConflict"):
        stack.delete("Held")
    iam.detach_user_policy(UserName="holder", PolicyArn=made.physical_id)
    stack.made["Held"] = kept


def test_a_key_rotates_and_waits_for_its_deletion(stack: Stack) -> None:
    made = stack.create(
        "Key", "AWS::KMS::Key", KeyPolicy=ADMINISTER, EnableKeyRotation="true", PendingWindowInDays="7", Description="x"
    )
    kms = stack.client("kms")
    assert kms.get_key_rotation_status(KeyId=made.physical_id)["KeyRotationEnabled"] is True
    assert made.attributes == {
        "Arn": kms.describe_key(KeyId=made.physical_id)["KeyMetadata"]["Arn"],
        "KeyId": made.physical_id,
    }
    stack.delete("Key")
    found = kms.describe_key(KeyId=made.physical_id)["KeyMetadata"]
    assert found["KeyState"] == "PendingDeletion"
    assert 6 <= (found["DeletionDate"] - found["CreationDate"]).days <= 7


def test_a_key_changes_policy_description_rotation_and_tags(stack: Stack) -> None:
    made = stack.create("Key", "AWS::KMS::Key", KeyPolicy=ADMINISTER, EnableKeyRotation=True)
    changed = allow("kms:Decrypt", Principal={"AWS": "*"}, Resource="*")
    stack.update(
        "Key", KeyPolicy=changed, Description="y", EnableKeyRotation=False, Tags=[{"Key": "Name", "Value": "key"}]
    )
    kms = stack.client("kms")
    assert "kms:Decrypt" in kms.get_key_policy(KeyId=made.physical_id, PolicyName="default")["Policy"]
    assert kms.describe_key(KeyId=made.physical_id)["KeyMetadata"]["Description"] == "y"
    assert kms.get_key_rotation_status(KeyId=made.physical_id)["KeyRotationEnabled"] is False
    tags = kms.list_resource_tags(KeyId=made.physical_id)["Tags"]
    assert {tag["TagKey"]: tag["TagValue"] for tag in tags} == {"team": "blue", "Name": "key"}


def test_what_a_key_is_cannot_change(stack: Stack) -> None:
    stack.create("Key", "AWS::KMS::Key", KeyPolicy=ADMINISTER)
    with pytest.raises(ProviderError, match="You cannot change the KeySpec"):
        stack.update("Key", KeySpec="RSA_2048")


def test_an_alias_moves_to_another_key(stack: Stack) -> None:
    first = stack.create("First", "AWS::KMS::Key", KeyPolicy=ADMINISTER)
    second = stack.create("Second", "AWS::KMS::Key", KeyPolicy=ADMINISTER)
    made = stack.create("Alias", "AWS::KMS::Alias", AliasName="alias/probe", TargetKeyId=first.physical_id)
    stack.update("Alias", TargetKeyId=second.physical_id)
    assert made.physical_id == "alias/probe"
    assert stack.client("kms").describe_key(KeyId="alias/probe")["KeyMetadata"]["KeyId"] == second.physical_id
