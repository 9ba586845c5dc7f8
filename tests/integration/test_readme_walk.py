"""README's section "Deploy to an account, step by step" is typed as it is printed, with no more than the policies of
its step 0, on the local AWS.

Beside what is printed, a pool is rolled, and a roll that fails is taken back. What differs from an account is stated
here: the place of the build, that the image is built in an account whose time runs faster, from publishers that are
played, and that a stub stands in for the nodes. Step 6 is left out, for nobody answers it without nodes;
tests/e2e/test_access.py types it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from coordination.names import IMAGE_TAG, IN_USE, IN_USE_TAG, image_parameter
from generator import deployer, documents
from generator.deployer.scopes import BUCKET
from rehearsal.local import surroundings
from tests.integration import readme
from tests.integration.harness import AWS_CLI, REPOSITORY, LocalAwsHarness, Processes
from tests.unit.imagebuilder import publishers

SPEED = 5
BUILDING_SPEED = 300
STACK = "my-cluster"
IMAGES = "holdfast-image"
"""The stack of images where none is named, as the Makefile has it."""
PLACE = {"VpcId": "vpc-0123456789abcdef0", "SubnetId": "subnet-0123456789abcdef0"}
"""Of the build, as it is printed."""
POLICIES = REPOSITORY / documents.POLICIES
OPERATOR = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
"""The administrator of step 0."""
STEPS = readme.blocks((REPOSITORY / "README.md").read_text(encoding="utf-8"))
ROLL = f"make deploy CONFIG=my-cluster.yaml STACK={STACK} YES=1 SET=GeneralInstanceType="
FAILING = "m7i.2xlarge"
"""Of this type no node comes up."""
BEGIN, DESCRIBE, BUILD, SET, ASK, DEPLOY, USE, CHANGE, DELETE = 0, 1, 2, 3, 4, 5, 6, 7, 9

UNWALKED = {
    "cloudformation:GetTemplateSummary": "of a stack whose description does not say what it is",
    "cloudformation:ListStackResources": "groups of Capacity Reservations",
    "cloudformation:TagResource": "the commit, which this copy of the files does not know, and TAGS=",
    "iam:GetUser": "users that parameters list",
    "resource-groups:GetGroup": "host resource groups",
    "resource-groups:GetGroupConfiguration": "groups of Capacity Reservations",
    "resource-groups:ListGroupResources": "groups of Capacity Reservations",
    "s3:DeleteObject": "a bucket with backups",
    "s3:DeleteObjectVersion": "a bucket with backups",
    "ssm:DeleteParameters": "what nodes have written",
}
"""What the commands call where a cluster has what this one has not."""


@dataclass(frozen=True)
class Account:
    """An account of the local AWS, a copy of the project's files, and the keys of who deploys."""

    aws: LocalAwsHarness
    clone: readme.Clone
    image: str
    deployer: dict[str, str]

    def type(self, block: str, *answers: str, who: dict[str, str] | None = None) -> str:
        """What a block printed; it has to end with 0."""
        code, said = self.clone.type(block, answers, **(who or self.deployer))
        assert code == 0, f"{block}\n{said}"
        return said

    def describe(self) -> None:
        """The first step, as though nobody had typed it: `make new` leaves a file that is there as it is."""
        (self.clone.folder / f"{STACK}.yaml").unlink(missing_ok=True)
        assert re.search(r"^ *[\d,]+\.\d\d +[\d,]+\.\d\d  all$", self.type(STEPS[DESCRIBE][0]), re.MULTILINE)

    def report(self, kind: str) -> list[dict[str, Any]]:
        """What the local AWS says of the deployer's calls."""
        with urllib.request.urlopen(f"{self.aws.endpoint}/_iam/report") as answer:
            found: list[dict[str, Any]] = json.load(answer)[kind]
        return [each for each in found if each["identity"].endswith(":user/deployer")]

    def status(self) -> str:
        """The stack's, also once it is deleted."""
        pages = self.aws.client("cloudformation").get_paginator("list_stacks").paginate()
        stacks = [each for page in pages for each in page["StackSummaries"] if each["StackName"] == STACK]
        return str(stacks[0]["StackStatus"])

    def pool(self) -> set[str]:
        """The instance types of the pool's nodes in service."""
        chosen = [{"Name": "tag:holdfast:pool", "Values": ["general"]}]
        groups = self.aws.client("autoscaling").describe_auto_scaling_groups(Filters=chosen)["AutoScalingGroups"]
        nodes = [each for group in groups for each in group["Instances"] if each["LifecycleState"] == "InService"]
        return {str(each["InstanceType"]) for each in nodes}

    def leave_volume(self) -> str:
        """A volume as a pod's claim leaves one behind; its id."""
        tags = [{"Key": "holdfast:cluster", "Value": self.uuid()}]
        given = [{"ResourceType": "volume", "Tags": tags}]
        ec2 = self.aws.client("ec2")
        return str(ec2.create_volume(AvailabilityZone="us-east-1a", Size=8, TagSpecifications=given)["VolumeId"])

    def uuid(self) -> str:
        """The cluster's, also once its stack is deleted."""
        stacks = self.aws.client("cloudformation").list_stacks()["StackSummaries"]
        return next(str(each["StackId"]).rsplit("/", 1)[1] for each in stacks if each["StackName"] == STACK)


def give(aws: LocalAwsHarness, prefix: str, texts: Mapping[str, str]) -> None:
    """Make policies `<prefix>-<name>`, and have the deployer no others."""
    iam = aws.client("iam")
    for name, text in texts.items():
        iam.create_policy(PolicyName=f"{prefix}-{name.removesuffix('.json')}", PolicyDocument=text)
    hold(aws, prefix)


def hold(aws: LocalAwsHarness, prefix: str) -> None:
    """Attach the policies whose names begin so to the deployer, and no others."""
    iam = aws.client("iam")
    for policy in iam.list_policies(Scope="Local")["Policies"]:
        change = iam.attach_user_policy if policy["PolicyName"].startswith(f"{prefix}-") else iam.detach_user_policy
        with contextlib.suppress(iam.exceptions.NoSuchEntityException):
            change(UserName="deployer", PolicyArn=policy["Arn"])


@pytest.fixture(scope="module")
def account(processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> Account:
    """An account in which nobody ever made an Auto Scaling group, with a bucket that keeps versions, and an image as a
    build leaves it."""
    aws = LocalAwsHarness(processes, processes.start_aws(SPEED, "--fresh-account"), "us-east-1")
    aws.stub_nodes("--failing-type", FAILING)
    s3, iam = aws.client("s3"), aws.client("iam")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    image = surroundings.machine_image(aws.client("ec2"), "of-the-walk")
    aws.client("ec2").create_tags(Resources=[image], Tags=[{"Key": IMAGE_TAG, "Value": IMAGES}])
    aws.client("ssm").put_parameter(Name=image_parameter(IMAGES), Value=image, Type="String")
    iam.create_user(UserName="deployer")
    key = iam.create_access_key(UserName="deployer")["AccessKey"]
    give(aws, "written", {path.name: path.read_text("utf-8") for path in sorted(POLICIES.glob("*.json"))})
    keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    # The AWS CLI as one of the machine's programs.
    path = {"PATH": f"{Path(AWS_CLI).parent}:{os.environ['PATH']}"}
    clone = readme.Clone(tmp_path_factory.mktemp("clone"), aws.environment | path)
    return Account(aws, clone, image, deployer=keys)


def test_every_step_with_commands_is_typed_here_but_for_the_one_that_needs_nodes() -> None:
    assert {step: len(found) for step, found in STEPS.items() if found} == {
        BEGIN: 1, DESCRIBE: 1, BUILD: 1, SET: 1, ASK: 1, DEPLOY: 2, USE: 1, CHANGE: 1, DELETE: 1
    }  # fmt: skip
    ask, look = STEPS[USE][0].splitlines()
    assert ask.startswith("make kubeconfig ")
    assert look == f"kubectl --kubeconfig build/{STACK}.kubeconfig get nodes"


ZONE = "us-east-1a"
"""One that has the instance type which builds images: not each of the region's has."""


@pytest.mark.slow
def test_an_image_is_built_from_what_its_publishers_say(account: Account, processes: Processes) -> None:
    aws = LocalAwsHarness(processes, processes.start_aws(BUILDING_SPEED), "us-east-1")
    aws.client("s3").create_bucket(Bucket=BUCKET)
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/24")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", AvailabilityZone=ZONE)["Subnet"]["SubnetId"]
    who = {name: value for name, value in aws.environment.items() if name.startswith("AWS_")}
    account.describe()
    block = STEPS[BUILD][0].replace(PLACE["VpcId"], vpc).replace(PLACE["SubnetId"], subnet)
    assert all(STEPS[BUILD][0].count(each) == 1 for each in PLACE.values())
    with publishers.serving(publishers.everything()) as mirror:
        said = account.type(block.replace("make image-lock\n", f"make image-lock MIRROR={mirror}\n"), who=who)
    # Files of the build are S3's own: what the stack names is there.
    sources = aws.client("s3").get_object(Bucket=BUCKET, Key="image-sources.tar.gz")["Body"].read()
    stack = aws.client("cloudformation").describe_stacks(StackName=IMAGES)["Stacks"][0]
    values = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
    assert values["SourcesSha256"] == hashlib.sha256(sources).hexdigest()
    built = aws.client("ssm").get_parameter(Name=image_parameter(IMAGES))["Parameter"]["Value"]
    assert said.splitlines()[-1].split() == ["us-east-1", built]


def test_an_account_is_asked_and_templates_are_packaged(account: Account) -> None:
    account.describe()
    for step in (SET, ASK):
        said = account.type(STEPS[step][0])
    assert "0 failed, 0 could-not-ask" in said
    assert "refers to uploads in s3://my-templates/" in account.type(STEPS[DEPLOY][0].splitlines()[0])


@pytest.mark.slow
def test_a_cluster_is_deployed_changed_deleted_and_purged_and_once_more_by_hand(account: Account) -> None:
    account.type(STEPS[BEGIN][0], who=OPERATOR)
    hold(account.aws, "holdfast")
    account.describe()
    for step in (SET, ASK):
        account.type(STEPS[step][0])
    by_make, by_hand = STEPS[DEPLOY]
    account.type(by_make)
    assert account.status() == "CREATE_COMPLETE"
    (marked,) = account.aws.client("ec2").describe_images(ImageIds=[account.image])["Images"]
    assert {"Key": IN_USE_TAG, "Value": IN_USE} in marked["Tags"]
    changed = account.type(STEPS[CHANGE][0])
    assert re.search(r"MaxSize: \W*10\W+→\W+80", changed), changed
    assert account.status() == "UPDATE_COMPLETE"

    account.type(f"{ROLL}m7i.xlarge")
    assert account.pool() == {"m7i.xlarge"}
    account.type(f"! {ROLL}{FAILING}")
    assert account.status() == "UPDATE_FAILED"
    account.type(f"make rollback STACK={STACK}")
    assert account.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert account.pool() == {"m7i.xlarge"}

    lift, delete, purge = STEPS[DELETE][0].splitlines()
    account.type(lift)
    account.type(delete, STACK)
    assert account.status() == "DELETE_COMPLETE"
    left = account.leave_volume()
    assert f"volume      {left}: deleted" in account.type(purge, account.uuid())
    assert "nothing is kept" in account.type(purge)

    account.type(by_hand)
    assert account.status() == "CREATE_COMPLETE"
    account.type(delete, STACK)
    assert account.status() == "DELETE_COMPLETE"

    used = {each["action"] for each in account.report("used")}
    own = {action for text in deployer.COMMANDS.values() for action in text.split()}
    by_cloudformation = {action for actions in deployer.handlers().values() for action in actions}
    # A dry run of each instance type is for those who may start instances; the others read a note.
    assert {each["action"] for each in account.report("denied")} == {"ec2:RunInstances"}
    unused = {action for action in own if not any(fnmatchcase(each, action) for each in used)}
    assert unused - by_cloudformation == UNWALKED.keys()
