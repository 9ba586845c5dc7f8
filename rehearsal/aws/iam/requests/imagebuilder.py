"""The permissions of requests to EC2 Image Builder.

An action is on what the request names by its ARN, or on what it makes, whose ARN is known up to the build. What a
request needs beside it is in the dependent actions of the Service Authorization Reference; of those that depend on what
is asked for, such as KMS for a component with a key of its own, the ones that the request asks for.
"""

from __future__ import annotations

from collections.abc import Mapping

from rehearsal.aws.iam import catalog
from rehearsal.aws.iam.requests import generic
from rehearsal.aws.iam.requests.asked import Asked, Need, NotModelled, State, pass_role

PREFIX = "imagebuilder"
MAKES = {
    "CreateComponent": "component",
    "CreateDistributionConfiguration": "distribution-configuration",
    "CreateImagePipeline": "image-pipeline",
    "CreateImageRecipe": "image-recipe",
    "CreateInfrastructureConfiguration": "infrastructure-configuration",
    "CreateLifecyclePolicy": "lifecycle-policy",
}
"""What operations make: of versioned things the ARN ends in `/*`."""
VERSIONED = frozenset({"component", "image-recipe"})
READ_BESIDE = {
    "imageRecipeArn": "GetImageRecipe",
    "infrastructureConfigurationArn": "GetInfrastructureConfiguration",
    "distributionConfigurationArn": "GetDistributionConfiguration",
}
"""What a pipeline names has to be readable for whoever creates or changes it."""
SERVICE = "imagebuilder.amazonaws.com"


def needs(asked: Asked, state: State) -> list[Need]:
    """Raises NotModelled."""
    name = f"{PREFIX}:{asked.operation}"
    action = catalog.action(name)
    if action is None:
        raise NotModelled(name)
    given = asked.parameters
    tags = generic.tag_values(asked)
    if asked.operation in MAKES:
        arn = _made(asked, MAKES[asked.operation])
        needed = [Need(name, arn, tags), *generic.tagging(asked, f"{PREFIX}:TagResource", arn)]
    elif asked.operation == "ListWorkflowStepExecutions":
        needed = [Need(name, asked.arn(PREFIX, f"workflow-execution/{given['workflowExecutionId']}"))]
    elif given.get("resourceArn"):
        needed = [Need(name, given["resourceArn"], tags)]
    else:
        needed = generic.needs(asked)
    return needed + _beside(asked, state, given)


def _beside(asked: Asked, state: State, given: Mapping[str, str]) -> list[Need]:
    if asked.operation in ("CreateImagePipeline", "UpdateImagePipeline"):
        return [Need(f"{PREFIX}:{read}", given[name]) for name, read in READ_BESIDE.items() if given.get(name)]
    if asked.operation == "CreateImageRecipe":
        return _of_recipe(asked)
    if asked.operation == "StartImagePipelineExecution":
        image = asked.arn(PREFIX, "image/*")
        read = Need(f"{PREFIX}:GetImagePipeline", given["imagePipelineArn"])
        return [read, *generic.tagging(asked, f"{PREFIX}:TagResource", image)]
    if given.get("instanceProfileName"):
        role = state.profile_role(asked.partition, given["instanceProfileName"])
        return [pass_role(role, f"ec2.{_suffix(asked)}")] if role else []
    if given.get("executionRole"):
        return [pass_role(given["executionRole"], SERVICE)]
    return []


def _of_recipe(asked: Asked) -> list[Need]:
    """Components, and the base image: an AMI, or a parameter that names one."""
    components = asked.parameters.get("components") or []
    needed = [Need(f"{PREFIX}:GetComponent", each["componentArn"]) for each in components]
    base = str(asked.parameters["parentImage"])
    if base.startswith("ssm:"):
        name = base.removeprefix("ssm:")
        # AWS's own parameters have no account (Systems Manager guide, "Working with public parameters").
        public = f"arn:{asked.partition}:ssm:{asked.region}::parameter{name}"
        own = asked.arn("ssm", f"parameter/{name.lstrip('/')}")
        needed.append(Need("ssm:GetParameter", public if name.startswith("/aws/") else own))
    return [*needed, Need("ec2:DescribeImages")]


def _made(asked: Asked, kind: str) -> str:
    name = str(asked.parameters["name"]).lower().replace(" ", "-").replace("_", "-")
    return asked.arn(PREFIX, f"{kind}/{name}/*" if kind in VERSIONED else f"{kind}/{name}")


def _suffix(asked: Asked) -> str:
    return "amazonaws.com.cn" if asked.partition == "aws-cn" else "amazonaws.com"
