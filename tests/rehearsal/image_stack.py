"""The image stack on a local AWS inside the tests' process, and its builds."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from typing import Any

from coordination.names import IMAGE_TAG, ImageOutput
from generator import image
from rehearsal.aws.imagebuilder.api import FAILURES_PATH
from rehearsal.aws.server import LocalAws
from tests.waiting import wait_for

NAME = "images"


@dataclass
class Images:
    """A deployed image stack."""

    aws: LocalAws
    parameters: dict[str, str]
    outputs: dict[str, str]

    def client(self, service: str) -> Any:
        return self.aws.client(service)

    def start(self) -> str:
        """Begin a build as `make image` does."""
        started = self.client("imagebuilder").start_image_pipeline_execution(
            imagePipelineArn=self.outputs[ImageOutput.PIPELINE], tags={IMAGE_TAG: NAME}
        )
        return str(started["imageBuildVersionArn"])

    def state(self, arn: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client("imagebuilder").get_image(imageBuildVersionArn=arn)["image"]
        return found

    def until(self, arn: str, *statuses: str) -> dict[str, Any]:
        """The image once it has one of the states."""

        def look() -> dict[str, Any] | None:
            found = self.state(arn)
            return found if found["state"]["status"] in statuses else None

        found = wait_for(look, f"{arn} to be {statuses}")
        assert found is not None
        return found

    def steps(self, arn: str) -> dict[str, str]:
        """Names and states of the steps of all workflows."""
        builder = self.client("imagebuilder")
        found: dict[str, str] = {}
        for workflow in builder.list_workflow_executions(imageBuildVersionArn=arn)["workflowExecutions"]:
            identity = workflow["workflowExecutionId"]
            steps = builder.list_workflow_step_executions(workflowExecutionId=identity)["steps"]
            found |= {step["name"]: step["status"] for step in steps}
        return found

    def log(self, arn: str) -> list[str]:
        """The lines of a build's log."""
        stream = "/".join(arn.split("/")[-2:])
        place = {"logGroupName": f"/aws/imagebuilder/{NAME}", "logStreamName": stream}
        return [each["message"] for each in self.client("logs").get_log_events(**place)["events"]]

    def update(self, **values: str) -> None:
        """Deploy other values."""
        cloudformation = self.client("cloudformation")
        wanted = self.parameters | values
        cloudformation.update_stack(StackName=NAME, UsePreviousTemplate=True, **_request(wanted))
        self.parameters = wanted
        _settled(cloudformation, "UPDATE_COMPLETE")

    def instances(self, arn: str) -> list[str]:
        """The states of the instances that a build has launched."""
        named = [{"Name": "tag:Ec2ImageBuilderArn", "Values": [arn]}]
        found = self.client("ec2").describe_instances(Filters=named)["Reservations"]
        return [each["State"]["Name"] for reservation in found for each in reservation["Instances"]]


def _request(parameters: dict[str, str]) -> dict[str, Any]:
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    return {"Parameters": given, "Capabilities": ["CAPABILITY_IAM"]}


def _settled(cloudformation: Any, status: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]
        return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack

    stack = wait_for(look, f"{NAME} to be {status}")
    assert stack is not None
    assert stack["StackStatus"] == status, cloudformation.describe_stack_events(StackName=NAME)["StackEvents"]
    return stack


def order_failures(aws: LocalAws, *failures: dict[str, Any]) -> None:
    """Have steps of components fail from now on."""
    body = json.dumps(failures).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{aws.endpoint}{FAILURES_PATH}", body, method="PUT")):
        pass


def deployed(local_aws: LocalAws, **more: str) -> Images:
    """The stack in a VPC of its own, with more values."""
    ec2, cloudformation = local_aws.client("ec2"), local_aws.client("cloudformation")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    zone = f"{local_aws.region}a"
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
    parameters = {"VpcId": vpc, "SubnetId": subnet, **more}
    parameters |= {"Sources": "s3://bucket/sources.tar.gz", "SourcesSha256": "0" * 64}
    s3 = local_aws.client("s3")
    s3.create_bucket(Bucket="templates")
    s3.put_object(Bucket="templates", Key=image.FILE, Body=image.templates()[image.FILE].encode())
    url = f"{local_aws.endpoint}/templates/{image.FILE}"
    cloudformation.create_stack(StackName=NAME, TemplateURL=url, **_request(parameters))
    stack = _settled(cloudformation, "CREATE_COMPLETE")
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    return Images(local_aws, parameters, outputs)
