"""What a delete keeps is found, told and removed; nothing else is touched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployment import purge, retained
from deployment.aws import Account
from deployment.refusal import Refusal

UUID = "0f1e2d3c-1111-4222-8333-444455556666"
OTHER = "0f1e2d3c-1111-4222-8333-999999999999"


def keep(account: Account, uuid: str, name: str) -> str:
    """A cluster's key, table, bucket, log group and secrets, as its deleted stack left them; the key's id."""
    tag = {retained.TAG: uuid}
    tag_list = [{"Key": retained.TAG, "Value": uuid}]
    key: str = account.client("kms").create_key(Tags=[{"TagKey": retained.TAG, "TagValue": uuid}])["KeyMetadata"][
        "KeyId"
    ]
    account.client("dynamodb").create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "Id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        DeletionProtectionEnabled=True,
        Tags=tag_list,
    )
    s3 = account.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tag_list})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for text in (b"1", b"2"):
        s3.put_object(Bucket=name, Key="recent/snapshot", Body=text)
    s3.delete_object(Bucket=name, Key="recent/snapshot")
    account.client("logs").create_log_group(logGroupName=f"/holdfast/{name}", tags=tag)
    for number in range(12):
        account.client("ssm").put_parameter(Name=f"/holdfast/{uuid}/1/{number}", Value="x", Type="SecureString")
    return key


def run(account: Account, cluster: str, **options: Any) -> list[str]:
    said: list[str] = []
    purge.run(account, cluster, say=said.append, ask=options.pop("ask", lambda _: ""), **{"confirm": None, **options})
    return said


def kinds(account: Account, uuid: str) -> list[str]:
    return sorted(thing.kind for thing in retained.survey(account, uuid).kept)


def test_everything_of_the_cluster_is_removed_and_nothing_of_another(account: Account) -> None:
    key = keep(account, UUID, "ours")
    keep(account, OTHER, "theirs")
    run(account, UUID, confirm=UUID)
    assert kinds(account, UUID) == []
    assert kinds(account, OTHER) == ["bucket", "key", "log group", "parameters", "table"]
    assert account.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def test_the_key_is_scheduled_last_with_the_longest_window_and_the_way_back_is_a_whole_command(
    account: Account,
) -> None:
    key = keep(account, UUID, "ours")
    last = run(account, UUID, confirm=UUID)[-1]
    assert "will be deleted in 30 days" in last
    assert f"(until then: aws kms cancel-key-deletion --region eu-central-1 --key-id {key})" in last


def test_volumes_of_claims_are_told_by_their_claims_and_removed_before_the_key_that_encrypts_them(
    account: Account,
) -> None:
    keep(account, UUID, "ours")
    ec2 = account.client("ec2")

    def volume(**tags: str) -> str:
        given = [{"Key": key.replace("_", "/"), "Value": value} for key, value in tags.items()]
        specification = [{"ResourceType": "volume", "Tags": given}]
        zone = "eu-central-1a"
        made = ec2.create_volume(AvailabilityZone=zone, Size=8, Encrypted=True, TagSpecifications=specification)
        return str(made["VolumeId"])

    claimed = {"kubernetes.io_created-for_pvc_namespace": "shop", "kubernetes.io_created-for_pvc_name": "data"}
    ours, plain = volume(**{retained.TAG: UUID, **claimed}), volume(**{retained.TAG: UUID})
    theirs = volume(**{retained.TAG: OTHER})
    told = [f"{thing.identity}, {thing.cost}" for thing in retained.survey(account, UUID).kept]
    assert f"{ours} of shop/data, $0.08 per GB and month (gp3)" in told
    said = run(account, UUID, confirm=UUID)
    removed = [line.strip() for line in said if line.endswith("deleted") and "volume" in line]
    assert removed == [f"volume      {ours} of shop/data: deleted", f"volume      {plain}: deleted"]
    assert "key" in said[-1]
    left = {each["VolumeId"] for each in ec2.describe_volumes()["Volumes"]}
    assert theirs in left
    assert not {ours, plain} & left


def test_a_second_purge_finds_nothing(account: Account) -> None:
    keep(account, UUID, "ours")
    run(account, UUID, confirm=UUID)
    assert run(account, UUID, confirm=UUID) == [f"nothing is kept of the cluster {UUID}"]


@pytest.mark.parametrize("answer", ["", "yes", OTHER])
def test_nothing_is_removed_unless_the_uuid_was_typed(account: Account, answer: str) -> None:
    keep(account, UUID, "ours")
    with pytest.raises(Refusal, match="nothing was removed"):
        run(account, UUID, ask=lambda _: answer)
    assert len(kinds(account, UUID)) == 5


def test_a_refused_search_is_an_error_and_never_an_empty_list(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeKey")

    keep(account, UUID, "ours")
    monkeypatch.setattr(account.client("kms"), "describe_key", refuse)
    with pytest.raises(ClientError, match="AccessDenied"):
        run(account, UUID, confirm=UUID)


def test_a_batch_of_objects_that_fails_in_part_ends_the_purge(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(account, UUID, "ours")
    answer = {"Errors": [{"Key": "recent/snapshot", "Code": "AccessDenied", "Message": "locked"}]}
    monkeypatch.setattr(account.client("s3"), "delete_objects", lambda **_: answer)
    with pytest.raises(ClientError, match="recent/snapshot: locked"):
        run(account, UUID, confirm=UUID)
    assert "bucket" in kinds(account, UUID)


def test_what_carries_the_tag_but_is_not_ours_to_remove_is_named(account: Account) -> None:
    vpc = account.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    account.client("ec2").create_tags(Resources=[vpc], Tags=[{"Key": retained.TAG, "Value": UUID}])
    assert [line for line in run(account, UUID) if "left alone" in line and vpc in line]


def test_an_instance_that_was_terminated_is_history_and_not_named(account: Account) -> None:
    ec2 = account.client("ec2")
    tags = [{"ResourceType": "instance", "Tags": [{"Key": retained.TAG, "Value": UUID}]}]
    (instance,) = ec2.run_instances(ImageId="ami-03cf127a", MinCount=1, MaxCount=1, TagSpecifications=tags)["Instances"]
    assert len(run(account, UUID)) == 2
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    assert run(account, UUID) == [f"nothing is kept of the cluster {UUID}"]


# how a cluster is named

TEMPLATE = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})


def deleted_stack(account: Account, name: str) -> str:
    cloudformation = account.client("cloudformation")
    stack_id: str = cloudformation.create_stack(StackName=name, TemplateBody=TEMPLATE)["StackId"]
    cloudformation.delete_stack(StackName=stack_id)
    return stack_id.rsplit("/", 1)[-1]


def test_a_deleted_stack_may_be_given_by_its_name(account: Account) -> None:
    uuid = deleted_stack(account, "holdfast")
    keep(account, uuid, "ours")
    run(account, "holdfast", confirm=uuid)
    assert kinds(account, uuid) == []


def test_a_name_that_several_deleted_stacks_had_is_refused_with_their_uuids(account: Account) -> None:
    uuids = sorted([deleted_stack(account, "holdfast"), deleted_stack(account, "holdfast")])
    with pytest.raises(Refusal, match=", ".join(uuids)):
        run(account, "holdfast")


@pytest.mark.parametrize("by", ["name", "uuid"])
def test_a_cluster_whose_stack_exists_is_refused(account: Account, by: str) -> None:
    uuid = {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}
    ours = json.dumps(json.loads(TEMPLATE) | {"Outputs": {"ClusterUuid": {"Value": uuid}}})
    stack_id = account.client("cloudformation").create_stack(StackName="holdfast", TemplateBody=ours)["StackId"]
    with pytest.raises(Refusal, match=r"the stack holdfast exists .* make delete STACK=holdfast "):
        run(account, "holdfast" if by == "name" else stack_id.rsplit("/", 1)[-1])


def test_a_stack_that_is_no_cluster_is_not_sent_to_a_delete_that_refuses_it(account: Account) -> None:
    uuid = deleted_stack(account, "holdfast")
    account.client("cloudformation").create_stack(StackName="holdfast", TemplateBody=TEMPLATE)
    with pytest.raises(Refusal, match=r"^the stack holdfast is no cluster of this project: ") as refused:
        run(account, "holdfast")
    assert "make delete" not in str(refused.value)
    assert "uuid" in str(refused.value)
    assert run(account, uuid) == [f"nothing is kept of the cluster {uuid}"]


def test_a_name_that_nobody_remembers_is_refused(account: Account) -> None:
    with pytest.raises(Refusal, match="give the cluster's uuid"):
        run(account, "holdfast")
