"""The catalog stack on the local AWS with small templates of a product, and who uses it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from coordination.names import CatalogOutput
from generator import catalog
from rehearsal.aws.server import LocalAws
from tests.rehearsal.iam_actors import allow, person
from tests.waiting import wait_for

NAME = "clusters"
BUCKET = "published"
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
ASKED = {"PermissionsBoundaryArn": BOUNDARY, "RolePath": "/holdfast/"}
END_USER = allow(
    [
        f"servicecatalog:{name}"
        for name in "SearchProducts DescribeProduct ListLaunchPaths DescribeProvisioningParameters ProvisionProduct "
        "DescribeRecord DescribeProvisionedProduct SearchProvisionedProducts UpdateProvisionedProduct "
        "TerminateProvisionedProduct".split()
    ]
)


def template(path: str = "/holdfast/", *, boundary: bool = True, word: str = "one") -> str:
    """A template of a product: a role, and a parameter that says which version it is."""
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role: dict[str, Any] = {"Path": path, "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}}
    if boundary:
        role["PermissionsBoundary"] = {"Ref": "PermissionsBoundaryArn"}
    name = {"Fn::Sub": "/holdfast/${AWS::StackName}"}
    body = {
        "Parameters": {each: {"Type": "String", "Default": "other"} for each in ASKED},
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": role},
            "Word": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Name": name, "Value": word}},
        },
        "Outputs": {"Word": {"Value": {"Fn::GetAtt": ["Word", "Value"]}}},
    }
    return json.dumps(body)


@dataclass
class Catalog:
    """The deployed stack, and who uses it."""

    aws: LocalAws
    product: str
    team: Any
    """Service Catalog as a user who is let in, and may call nothing else."""
    stranger: Any
    """The same of a user who is not."""
    outputs: dict[str, str]

    @property
    def admin(self) -> Any:
        return self.aws.client("servicecatalog")

    def publish(self, name: str, text: str) -> str:
        """A version; its ID."""
        made = self.admin.create_provisioning_artifact(
            ProductId=self.product, Parameters={"Name": name, "Info": {"LoadTemplateFromURL": put(self.aws, text)}}
        )
        return str(made["ProvisioningArtifactDetail"]["Id"])

    def guide(self, version: str, **values: Any) -> None:
        self.admin.update_provisioning_artifact(ProductId=self.product, ProvisioningArtifactId=version, **values)

    def provision(self, name: str, version: str, **values: str) -> dict[str, Any]:
        """Launch, and wait for the record's end."""
        given = [{"Key": key, "Value": value} for key, value in (ASKED | values).items()]
        asked = {"ProductId": self.product, "ProvisioningArtifactId": version, "ProvisionedProductName": name}
        return self.ended(self.team.provision_product(**asked, ProvisioningParameters=given))

    def update(self, name: str, version: str) -> dict[str, Any]:
        kept = [{"Key": key, "UsePreviousValue": True} for key in ASKED]
        asked = {"ProvisionedProductName": name, "ProvisioningArtifactId": version, "ProvisioningParameters": kept}
        return self.ended(self.team.update_provisioned_product(**asked))

    def terminate(self, name: str) -> dict[str, Any]:
        return self.ended(self.team.terminate_provisioned_product(ProvisionedProductName=name))

    def ended(self, answer: dict[str, Any]) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.team.describe_record(Id=answer["RecordDetail"]["RecordId"])
            return found if found["RecordDetail"]["Status"] in ("SUCCEEDED", "FAILED") else None

        found = wait_for(look, "the record to end")
        assert found is not None
        return found


def put(aws: LocalAws, text: str) -> str:
    """Upload a template below the prefix that the launch role may read; its URL."""
    key = f"clusters/{abs(hash(text))}.template"
    aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=text.encode())
    return f"https://s3.us-east-1.amazonaws.com/{BUCKET}/{key}"


def deploy(local_aws: LocalAws) -> Catalog:
    """The stack with the version 1.0.0, in a local AWS that has none."""
    iam, s3, cloudformation = (local_aws.client(name) for name in ("iam", "s3", "cloudformation"))
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.create_policy(PolicyName="boundary", PolicyDocument=json.dumps(everything))
    s3.create_bucket(Bucket=BUCKET)
    team, stranger = person(local_aws, END_USER), person(local_aws, END_USER)
    values = {
        "PrincipalArn": f"arn:aws:iam::123456789012:user/people/{team.name}",
        "TemplateBucket": BUCKET,
        "TemplatePrefix": "clusters",
        "FirstVersion": "1.0.0",
        "FirstTemplateUrl": put(local_aws, template()),
        "PermissionsBoundaryArn": BOUNDARY,
        "TagOptionValue": "blue",
    }
    body = catalog.templates()[catalog.FILE]
    s3.put_object(Bucket=BUCKET, Key=catalog.FILE, Body=body.encode())
    cloudformation.create_stack(
        StackName=NAME,
        TemplateURL=f"https://s3.us-east-1.amazonaws.com/{BUCKET}/{catalog.FILE}",
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
        Capabilities=["CAPABILITY_IAM"],
    )

    def look() -> dict[str, Any] | None:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]
        return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack

    stack = wait_for(look, "the stack")
    assert stack is not None
    assert stack["StackStatus"] == "CREATE_COMPLETE", cloudformation.describe_stack_events(StackName=NAME)[
        "StackEvents"
    ]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    assert outputs[CatalogOutput.TEMPLATES] == f"{BUCKET}/clusters/"
    clients = [each.client("servicecatalog") for each in (team, stranger)]
    return Catalog(local_aws, outputs[CatalogOutput.PRODUCT], clients[0], clients[1], outputs)
