"""EC2 Image Builder is used with its caller's rights: a stack of it, and a build that is begun and looked at."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rehearsal.aws.server import LocalAws
from tests.rehearsal.iam_actors import allow, error, person
from tests.rehearsal.test_iam_cloudformation import OWN_STACKS, body, create, fresh, reasons, settled

SPEED = 200.0
KIND = "AWS::ImageBuilder::"
BASE = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
KINDS = (
    "Component ImageRecipe InfrastructureConfiguration DistributionConfiguration ImagePipeline LifecyclePolicy".split()
)
ROLES = "arn:aws:iam::123456789012:role/"


def passing(role: str, service: str) -> dict[str, Any]:
    return {
        **allow("iam:PassRole", f"{ROLES}{role}"),
        "Condition": {"StringEquals": {"iam:PassedToService": service}},
    }


ENOUGH = {
    "builder": allow(
        [f"imagebuilder:{verb}{kind}" for verb in ("Create", "Get", "Delete") for kind in KINDS]
        + ["imagebuilder:TagResource"]
    ),
    "base": allow("ssm:GetParameter", f"arn:aws:ssm:us-east-1::parameter{BASE}"),
    "images": allow("ec2:DescribeImages"),
    "profile": passing("builder", "ec2.amazonaws.com"),
    "lifecycle": passing("lifecycle", "imagebuilder.amazonaws.com"),
}


@pytest.fixture(scope="module")
def profile(aws: LocalAws) -> str:
    """An instance profile with a role in it."""
    iam = aws.client("iam")
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
    trust = {"Version": "2012-10-17", "Statement": [statement]}
    iam.create_role(RoleName="builder", AssumeRolePolicyDocument=json.dumps(trust))
    iam.create_instance_profile(InstanceProfileName="builders")
    iam.add_role_to_instance_profile(InstanceProfileName="builders", RoleName="builder")
    return "builders"


def template(name: str, profile: str) -> str:
    """One of each type."""

    def resource(kind: str, **properties: Any) -> dict[str, Any]:
        return {"Type": f"{KIND}{kind}", "Properties": {"Name": name, **properties}}

    data = json.dumps({"phases": [{"name": "build", "steps": [{"name": "a", "action": "ExecuteBash"}]}]})
    rule = {"Action": {"Type": "DELETE"}, "Filter": {"Type": "COUNT", "Value": 3}}
    return body(
        Part=resource("Component", Version="1.0.0", Platform="Linux", Data=data, Tags={"a": "b"}),
        Recipe=resource(
            "ImageRecipe", Version="1.0.x", ParentImage=f"ssm:{BASE}", Components=[{"ComponentArn": {"Ref": "Part"}}]
        ),
        Place=resource("InfrastructureConfiguration", InstanceProfileName=profile),
        Target=resource("DistributionConfiguration", Distributions=[{"Region": "us-east-1"}]),
        Pipeline=resource(
            "ImagePipeline",
            ImageRecipeArn={"Ref": "Recipe"},
            InfrastructureConfigurationArn={"Ref": "Place"},
            DistributionConfigurationArn={"Ref": "Target"},
        ),
        Old=resource(
            "LifecyclePolicy",
            ExecutionRole=f"{ROLES}lifecycle",
            ResourceType="AMI_IMAGE",
            PolicyDetails=[rule],
            ResourceSelection={"TagMap": {"a": "b"}},
        ),
    )


def deployed(aws: LocalAws, profile: str, *may: dict[str, Any]) -> str:
    name = fresh("images")
    create(person(aws, OWN_STACKS, *may).client("cloudformation"), name, template(name, profile))
    return name


def test_a_policy_of_what_the_types_schemas_name_deploys(aws: LocalAws, profile: str) -> None:
    name = deployed(aws, profile, *ENOUGH.values())
    assert settled(aws, name) == "CREATE_COMPLETE", reasons(aws, name)


@pytest.mark.parametrize(
    ("without", "named"),
    [
        ("base", f"ssm:GetParameter on resource: arn:aws:ssm:us-east-1::parameter{BASE}"),
        ("images", "ec2:DescribeImages"),
        ("profile", f"iam:PassRole on resource: {ROLES}builder"),
        ("lifecycle", f"iam:PassRole on resource: {ROLES}lifecycle"),
    ],
)
def test_a_stack_of_images_fails_with_what_is_missing(aws: LocalAws, profile: str, without: str, named: str) -> None:
    name = deployed(aws, profile, *(each for key, each in ENOUGH.items() if key != without))
    assert settled(aws, name) == "ROLLBACK_COMPLETE"
    assert named in reasons(aws, name)


def test_who_begins_a_build_may_tag_its_image_and_looks_at_it_step_by_step(aws: LocalAws, profile: str) -> None:
    name = deployed(aws, profile, *ENOUGH.values())
    settled(aws, name)
    place = "arn:aws:imagebuilder:us-east-1:123456789012"
    pipeline = f"{place}:image-pipeline/{name}"
    begin = allow(["imagebuilder:StartImagePipelineExecution", "imagebuilder:GetImagePipeline"], pipeline)
    tag = allow("imagebuilder:TagResource", f"{place}:image/*")
    asked = {"imagePipelineArn": pipeline, "tags": {"a": "b"}}
    code, text = error(person(aws, begin).client("imagebuilder").start_image_pipeline_execution, **asked)
    assert (code, "imagebuilder:TagResource" in text) == ("AccessDeniedException", True)
    see = allow(["imagebuilder:GetImage", "imagebuilder:ListWorkflowExecutions"], f"{place}:image/{name}/*")
    builder = person(aws, begin, tag, see).client("imagebuilder")
    arn = builder.start_image_pipeline_execution(**asked)["imageBuildVersionArn"]
    assert builder.get_image(imageBuildVersionArn=arn)["image"]["tags"] == {"a": "b"}
    builder.list_workflow_executions(imageBuildVersionArn=arn)
    identity = "wf-a1b2c3d4-5678-90ab-cdef-000000000000"
    code, text = error(builder.list_workflow_step_executions, workflowExecutionId=identity)
    assert (code, f"{place}:workflow-execution/{identity}" in text) == ("AccessDeniedException", True)
