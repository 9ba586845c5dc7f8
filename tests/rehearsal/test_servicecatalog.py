"""Service Catalog of the local AWS: a user without rights of his own launches from the catalog stack."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.server import LocalAws
from tests.rehearsal.catalog_stack import ASKED, NAME, Catalog, deploy, template
from tests.rehearsal.iam_actors import error
from tests.waiting import wait_for

SPEED = 200.0


def problem(record: dict[str, Any]) -> str:
    """Why it failed."""
    assert record["RecordDetail"]["Status"] == "FAILED", record
    return str(record["RecordDetail"]["RecordErrors"][0]["Description"])


@pytest.fixture(scope="module")
def deployed(local_aws: LocalAws) -> Catalog:
    return deploy(local_aws)


def first(deployed: Catalog) -> str:
    """The version that the stack has made."""
    found = deployed.admin.list_provisioning_artifacts(ProductId=deployed.product)["ProvisioningArtifactDetails"]
    return next(str(each["Id"]) for each in found if each["Name"] == "1.0.0")


def test_a_product_is_there_for_whoever_is_let_in_alone(deployed: Catalog) -> None:
    (found,) = deployed.team.search_products()["ProductViewSummaries"]
    assert (found["ProductId"], found["Name"]) == (deployed.product, NAME)
    assert deployed.stranger.search_products()["ProductViewSummaries"] == []
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        deployed.stranger.describe_product(Id=deployed.product)
    (path,) = deployed.team.list_launch_paths(ProductId=deployed.product)["LaunchPathSummaries"]
    assert sorted(each["Type"] for each in path["ConstraintSummaries"]) == ["LAUNCH", "TEMPLATE"]


def test_what_a_version_asks_for_is_described(deployed: Catalog) -> None:
    asked = {"ProductId": deployed.product, "ProvisioningArtifactId": first(deployed)}
    described = deployed.team.describe_provisioning_parameters(**asked)
    shown = {each["ParameterKey"]: each["DefaultValue"] for each in described["ProvisioningArtifactParameters"]}
    assert shown == dict.fromkeys(ASKED, "other")
    assert described["TagOptions"] == [{"Key": "CostCenter", "Values": ["blue"]}]


def test_a_product_is_launched_updated_and_terminated_by_the_launch_role(deployed: Catalog) -> None:
    ended = deployed.provision("own", first(deployed))
    assert ended["RecordDetail"]["Status"] == "SUCCEEDED", ended
    (output,) = ended["RecordOutputs"]
    assert output["OutputValue"] == "one"
    product = deployed.team.describe_provisioned_product(Name="own")["ProvisionedProductDetail"]
    assert product["Status"] == "AVAILABLE"
    stack_name = f"SC-123456789012-{product['Id']}"
    stack = deployed.aws.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"][0]
    assert {"Key": "CostCenter", "Value": "blue"} in stack["Tags"]

    second = deployed.publish("1.1.0", template(word="two"))
    ended = deployed.update("own", second)
    assert [each["OutputValue"] for each in ended["RecordOutputs"]] == ["two"]
    product = deployed.team.describe_provisioned_product(Name="own")["ProvisionedProductDetail"]
    assert product["ProvisioningArtifactId"] == second

    assert deployed.terminate("own")["RecordDetail"]["Status"] == "SUCCEEDED"
    assert deployed.team.search_provisioned_products()["ProvisionedProducts"] == []
    with pytest.raises(ClientError, match="does not exist"):
        deployed.aws.client("cloudformation").describe_stacks(StackName=stack_name)


@pytest.mark.parametrize(
    ("text", "action"),
    [
        (template("/elsewhere/"), "iam:CreateRole"),
        (template(boundary=False), "iam:CreateRole"),
        (template("/holdfast-launch/"), "iam:CreateRole"),
    ],
    ids=["outside of the path", "without the boundary", "beside the launch role"],
)
def test_a_template_that_gives_more_rights_is_refused_by_the_launch_role(
    deployed: Catalog, text: str, action: str
) -> None:
    version = deployed.publish("wide", text)
    record = deployed.provision("wide", version)
    problem(record)
    stack = f"SC-123456789012-{record['RecordDetail']['ProvisionedProductId']}"
    events = deployed.aws.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    assert [each for each in events if action in each.get("ResourceStatusReason", "")]
    product = deployed.team.describe_provisioned_product(Name="wide")["ProvisionedProductDetail"]
    assert product["Status"] == "ERROR"
    assert deployed.terminate("wide")["RecordDetail"]["Status"] == "SUCCEEDED"


def test_an_update_that_fails_is_rolled_back_and_the_next_one_mends_the_product(deployed: Catalog) -> None:
    good, wide = deployed.publish("good", template(word="good")), deployed.publish("wider", template("/elsewhere/"))
    deployed.provision("mended", first(deployed))
    assert "UPDATE_ROLLBACK_COMPLETE" in problem(deployed.update("mended", wide))
    product = deployed.team.describe_provisioned_product(Name="mended")["ProvisionedProductDetail"]
    assert (product["Status"], product["ProvisioningArtifactId"]) == ("TAINTED", first(deployed))
    assert [each["OutputValue"] for each in deployed.update("mended", good)["RecordOutputs"]] == ["good"]
    product = deployed.team.describe_provisioned_product(Name="mended")["ProvisionedProductDetail"]
    assert (product["Status"], product["ProvisioningArtifactId"]) == ("AVAILABLE", good)
    deployed.terminate("mended")


def test_a_template_from_a_foreign_bucket_is_read_by_nobody(deployed: Catalog) -> None:
    s3, inner = deployed.aws.client("s3"), template()
    s3.create_bucket(Bucket="foreign")
    s3.put_object(Bucket="foreign", Key="clusters/inner.template", Body=inner.encode())
    nested = {
        "Parameters": json.loads(inner)["Parameters"],
        "Resources": {
            "Inner": {
                "Type": "AWS::CloudFormation::Stack",
                "Properties": {
                    "TemplateURL": "https://s3.us-east-1.amazonaws.com/foreign/clusters/inner.template",
                    "Parameters": {name: {"Ref": name} for name in ASKED},
                },
            }
        },
    }
    version = deployed.publish("foreign", json.dumps(nested))
    said = problem(deployed.provision("foreign", version))
    assert (
        "is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::foreign/clusters/inner.template" in said
    )
    deployed.terminate("foreign")


@pytest.mark.parametrize("name", sorted(ASKED))
def test_whoever_launches_is_told_of_the_path_and_the_boundary_before_anything_is_made(
    deployed: Catalog, name: str
) -> None:
    said = problem(deployed.provision("other", first(deployed), **{name: "another"}))
    assert f"{name} has to be {ASKED[name]}" in said
    assert deployed.terminate("other")["RecordDetail"]["Status"] == "SUCCEEDED"


def test_a_deprecated_version_is_launched_by_nobody_and_still_updated_with(deployed: Catalog) -> None:
    old, new = deployed.publish("old", template(word="old")), deployed.publish("new", template(word="new"))
    deployed.provision("kept", old)
    deployed.provision("moved", new)
    deployed.guide(old, Guidance="DEPRECATED")
    with pytest.raises(ClientError, match="deprecated"):
        deployed.provision("late", old)
    with pytest.raises(ClientError, match="deprecated"):
        deployed.update("moved", old)
    # With what it has, nothing changes: CloudFormation says so, and it was asked.
    assert "No updates are to be performed" in problem(deployed.update("kept", old))
    assert deployed.team.describe_provisioned_product(Name="kept")["ProvisionedProductDetail"]["Status"] == "AVAILABLE"
    assert deployed.update("kept", new)["RecordDetail"]["Status"] == "SUCCEEDED"
    for name in ("kept", "moved"):
        deployed.terminate(name)


def test_an_inactive_version_is_not_there_for_whoever_launches(deployed: Catalog) -> None:
    hidden, new = deployed.publish("hidden", template(word="hidden")), deployed.publish("shown", template(word="shown"))
    deployed.provision("lasting", hidden)
    deployed.guide(hidden, Active=False)
    shown = [each["Id"] for each in deployed.team.describe_product(Id=deployed.product)["ProvisioningArtifacts"]]
    assert new in shown
    assert hidden not in shown
    for refused in (
        error(deployed.provision, name="late", version=hidden),
        error(deployed.update, name="lasting", version=hidden),
    ):
        assert refused[0] == "ResourceNotFoundException"
    assert deployed.update("lasting", new)["RecordDetail"]["Status"] == "SUCCEEDED"
    deployed.terminate("lasting")


def test_the_stack_goes_once_nothing_is_launched(deployed: Catalog) -> None:
    cloudformation = deployed.aws.client("cloudformation")
    identity = cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName=NAME)

    def look() -> str | None:
        status = str(cloudformation.describe_stacks(StackName=identity)["Stacks"][0]["StackStatus"])
        return None if status.endswith("IN_PROGRESS") else status

    assert wait_for(look, "the deletion") == "DELETE_COMPLETE"
    assert deployed.team.search_products()["ProductViewSummaries"] == []
