"""EC2 Image Builder of the local AWS: the image stack is deployed, and builds end as they do on AWS."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from coordination.names import IMAGE_TAG, ImageOutput
from rehearsal.aws.server import LocalAws
from tests.rehearsal.image_stack import NAME, Images, deployed, order_failures
from tests.rehearsal.provider_stack import Stack

SPEED = 200.0
FAILING = {"component": "base", "phase": "build", "step": "configure", "stderr": "no such file\nand nothing else"}
STEPS = "InventoryCollection RunSanitizeScript RunSysPrepScript CreateOutputAMI TerminateBuildInstance".split()


@pytest.fixture(scope="module")
def images(local_aws: LocalAws) -> Images:
    """The stack, with copies in two regions."""
    return deployed(local_aws, CopyRegions="eu-central-1,eu-west-1")


@pytest.fixture
def failing(images: Images) -> Iterator[None]:
    """A step that fails in every build."""
    order_failures(images.aws, FAILING)
    yield
    order_failures(images.aws)


def test_a_build_ends_with_an_ami_in_every_region_that_its_parameter_names(images: Images) -> None:
    arn = images.start()
    found = images.until(arn, "AVAILABLE", "FAILED")
    assert found["state"] == {"status": "AVAILABLE"}
    amis = {each["region"]: each["image"] for each in found["outputResources"]["amis"]}
    assert amis.keys() == {images.aws.region, "eu-central-1", "eu-west-1"}
    for region, ami in amis.items():
        parameter = images.aws.client("ssm", region).get_parameter(Name=images.outputs[ImageOutput.PARAMETER])
        assert (parameter["Parameter"]["Value"], parameter["Parameter"]["DataType"]) == (ami, "aws:ec2:image")
        described = images.aws.client("ec2", region).describe_images(ImageIds=[ami])["Images"][0]
        tags = {each["Key"]: each["Value"] for each in described["Tags"]}
        assert (tags["CreatedBy"], tags[IMAGE_TAG]) == ("EC2 Image Builder", NAME)
    assert images.instances(arn) == ["terminated", "terminated"]
    launched = images.client("ec2").run_instances(ImageId=amis[images.aws.region], MinCount=1, MaxCount=1)
    assert launched["Instances"][0]["ImageId"] == amis[images.aws.region]


def test_a_builds_workflows_tell_their_steps_and_its_log_what_ran(images: Images) -> None:
    arn = images.start()
    images.until(arn, "TESTING", "DISTRIBUTING", "INTEGRATING", "AVAILABLE")
    assert images.steps(arn)["CreateOutputAMI"] == "COMPLETED"
    images.until(arn, "AVAILABLE")
    steps = images.steps(arn)
    assert {name for name, status in steps.items() if status == "SKIPPED"} == {
        "InventoryCollection",
        "RunSysPrepScript",
    }
    assert set(steps.values()) == {"COMPLETED", "SKIPPED"}
    assert list(steps)[0::7] == ["LaunchBuildInstance", "LaunchTestInstance"]
    assert {"Phase build succeeded", "Phase test succeeded"} <= set(images.log(arn))
    versions = [each.rpartition("/")[2] for each in (arn, images.start())]
    assert int(versions[1]) == int(versions[0]) + 1


def test_a_component_that_fails_ends_the_build_with_its_place_and_its_log(images: Images, failing: None) -> None:
    arn = images.start()
    found = images.until(arn, "AVAILABLE", "FAILED")
    context = found["state"]["failureContext"]
    assert (found["state"]["status"], context["imageStatus"]) == ("FAILED", "BUILDING")
    assert context["failedStep"] == "ApplyBuildComponents"
    failure = context["componentFailure"]
    assert (failure["phaseName"], failure["stepName"]) == ("build", "configure")
    assert failure["componentArn"] in found["state"]["reason"]
    assert found["outputResources"].get("amis", []) == []
    steps = images.steps(arn)
    assert (steps["ApplyBuildComponents"], {steps[name] for name in STEPS}) == ("FAILED", {"PENDING"})
    assert "CmdExecution: Stderr: and nothing else" in images.log(arn)
    assert images.instances(arn) == ["terminated"]


def test_a_cancelled_build_ends_without_an_image_and_only_once(images: Images) -> None:
    order_failures(images.aws, {"component": "packages", "phase": "build", "step": "install", "hangs": True})
    arn, builder = images.start(), images.client("imagebuilder")
    builder.cancel_image_creation(imageBuildVersionArn=arn)
    found = images.until(arn, "AVAILABLE", "FAILED", "CANCELLED")
    order_failures(images.aws)
    assert found["state"] == {"status": "CANCELLED"}
    assert set(images.steps(arn).values()) <= {"COMPLETED", "CANCELLED", "PENDING"}
    assert set(images.instances(arn)) <= {"terminated"}
    with pytest.raises(ClientError, match="CANCELLED"):
        builder.cancel_image_creation(imageBuildVersionArn=arn)


def test_an_agent_without_its_rights_is_never_reached(images: Images) -> None:
    iam = images.client("iam")
    (role,) = [each["RoleName"] for each in iam.list_roles()["Roles"] if "BuildRole" in each["RoleName"]]
    document = iam.get_role_policy(RoleName=role, PolicyName="image")["PolicyDocument"]
    less = {**document, "Statement": [each for each in document["Statement"] if each["Sid"] != "ServeCommands"]}
    iam.put_role_policy(RoleName=role, PolicyName="image", PolicyDocument=json.dumps(less))
    arn = images.start()
    found = images.until(arn, "AVAILABLE", "FAILED")
    iam.put_role_policy(RoleName=role, PolicyName="image", PolicyDocument=json.dumps(document))
    assert "SSM Agent verification failed" in found["state"]["reason"]
    assert found["state"]["failureContext"]["failedStep"] == "LaunchBuildInstance"


def test_a_base_image_that_is_gone_fails_before_any_workflow(images: Images) -> None:
    images.update(BaseImage="ami-0123456789abcdef0", TerminateOnFailure="false")
    arn = images.start()
    found = images.until(arn, "AVAILABLE", "FAILED")
    assert found["state"]["failureContext"] == {"imageStatus": "CREATING"}
    assert images.steps(arn) == {}
    recipe = found["imageRecipe"]
    assert (recipe["version"], recipe["parentImage"]) == ("1.0.1", "ami-0123456789abcdef0")
    assert found["infrastructureConfiguration"]["terminateInstanceOnFailure"] is False
    images.update(BaseImage="", TerminateOnFailure="true")
    assert [each["version"] for each in _recipes(images)] == ["1.0.2"]


def test_an_image_is_shared_with_accounts_where_they_can_use_its_key(images: Images) -> None:
    with pytest.raises(ClientError, match="KmsKeyArn is needed"):
        images.update(LaunchAccountIds="210987654321")
    key = images.client("kms").create_key()["KeyMetadata"]["Arn"]
    with pytest.raises(ClientError, match="CopyKmsKeyArns is needed"):
        images.update(LaunchAccountIds="210987654321", KmsKeyArn=key)
    images.update(LaunchAccountIds="210987654321", KmsKeyArn=key, CopyKmsKeyArns=f"{key},{key}")
    found = images.until(images.start(), "AVAILABLE", "FAILED")
    for each in found["outputResources"]["amis"]:
        ec2 = images.aws.client("ec2", each["region"])
        given = ec2.describe_image_attribute(ImageId=each["image"], Attribute="launchPermission")
        assert given["LaunchPermissions"] == [{"UserId": "210987654321"}], each["region"]
    images.update(LaunchAccountIds="", KmsKeyArn="", CopyKmsKeyArns="")


def _recipes(images: Images) -> list[dict[str, Any]]:
    builder = images.client("imagebuilder")
    pipeline = builder.get_image_pipeline(imagePipelineArn=images.outputs[ImageOutput.PIPELINE])["imagePipeline"]
    return [builder.get_image_recipe(imageRecipeArn=pipeline["imageRecipeArn"])["imageRecipe"]]


# by the API alone
def component(stack: Stack, **more: Any) -> Any:
    data = json.dumps({"phases": [{"name": "build", "steps": [{"name": "a", "action": "ExecuteBash"}]}]})
    given = {"name": "Some_name", "semanticVersion": "1.0.0", "platform": "Linux", "data": data, **more}
    return stack.client("imagebuilder").create_component(**given)["componentBuildVersionArn"]


def test_a_component_of_the_same_version_is_another_build_or_refused(stack: Stack) -> None:
    first = component(stack)
    assert first.endswith(":component/some-name/1.0.0/1")
    with pytest.raises(ClientError, match="same content"):
        component(stack)
    other = json.dumps({"phases": [{"name": "test", "steps": [{"name": "a", "action": "ExecuteBash"}]}]})
    second = component(stack, data=other)
    assert second.endswith("/1.0.0/2")
    builder = stack.client("imagebuilder")
    kinds = [builder.get_component(componentBuildVersionArn=arn)["component"]["type"] for arn in (first, second)]
    assert kinds == ["BUILD", "TEST"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"data": "x" * 16_001}, "16001 characters"),
        ({"data": "phases: 1"}, "invalid"),
        ({"semanticVersion": "1.0.1073741824"}, "version"),
        ({"name": "a/b"}, "constraint"),
    ],
)
def test_what_is_no_component_is_refused(stack: Stack, given: dict[str, Any], said: str) -> None:
    with pytest.raises(ClientError, match=said):
        component(stack, **given)


def test_what_something_needs_is_not_deleted(stack: Stack) -> None:
    needed = component(stack, name=f"needed-{uuid.uuid4().hex}")
    recipe = stack.create(
        "Recipe",
        "AWS::ImageBuilder::ImageRecipe",
        Name="needing",
        Version="1.0.x",
        ParentImage="ami-1",
        Components=[{"ComponentArn": needed}],
    )
    builder = stack.client("imagebuilder")
    with pytest.raises(ClientError, match="ResourceDependencyException"):
        builder.delete_component(componentBuildVersionArn=needed)
    stack.delete("Recipe")
    builder.delete_component(componentBuildVersionArn=needed)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        builder.get_image_recipe(imageRecipeArn=recipe.physical_id)


def test_tags_change_with_the_resource(stack: Stack) -> None:
    made = stack.create(
        "Distribution",
        "AWS::ImageBuilder::DistributionConfiguration",
        Name="probe",
        Distributions=[{"Region": "us-east-1"}],
        Tags={"a": "b"},
    )
    stack.update("Distribution", Distributions=[{"Region": "eu-west-1"}], Tags={"c": "d"})
    builder = stack.client("imagebuilder")
    assert builder.list_tags_for_resource(resourceArn=made.physical_id)["tags"] == {"team": "blue", "c": "d"}
    found = builder.get_distribution_configuration(distributionConfigurationArn=made.physical_id)
    assert found["distributionConfiguration"]["distributions"] == [{"region": "eu-west-1"}]


def test_a_policy_has_one_rule_for_each_action_and_selects_in_one_way(stack: Stack) -> None:
    rule = {"Action": {"Type": "DELETE"}, "Filter": {"Type": "COUNT", "Value": 3}}
    given = {"Name": "p", "ExecutionRole": "r", "ResourceType": "AMI_IMAGE"}
    tagged = {"TagMap": {"a": "b"}}
    kind = "AWS::ImageBuilder::LifecyclePolicy"
    with pytest.raises(ClientError, match="at most one rule"):
        stack.create("Twice", kind, **given, PolicyDetails=[rule, rule], ResourceSelection=tagged)
    both = {**tagged, "Recipes": [{"Name": "abc", "SemanticVersion": "x.x.x"}]}
    with pytest.raises(ClientError, match="either"):
        stack.create("Both", kind, **given, PolicyDetails=[rule], ResourceSelection=both)
