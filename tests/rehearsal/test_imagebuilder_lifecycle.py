"""Lifecycle policies of the local Image Builder: by the image stack's own, old images go, and none that is in use."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from coordination.names import IMAGE_TAG, IN_USE, IN_USE_TAG
from rehearsal.aws.imagebuilder.api import LIFECYCLE_PATH
from rehearsal.aws.server import LocalAws
from tests.rehearsal.image_stack import NAME, Images, deployed
from tests.waiting import wait_for

SPEED = 600.0
DAY = 24 * 3600.0
DELETED_AFTER, KEPT_SINCE_LAUNCH = 30, 20
ACCOUNT = "210987654321"


@pytest.fixture(scope="module")
def images(local_aws: LocalAws) -> Images:
    """The stack, with its policy enabled."""
    return deployed(
        local_aws,
        CopyRegions="eu-central-1",
        DeleteOldImages="true",
        DeleteAfterDays=str(DELETED_AFTER),
        KeepImages="1",
        KeepLaunchedDays=str(KEPT_SINCE_LAUNCH),
    )


class Policy:
    """The stack's policy, what an old image is for it, and a pipeline that runs no components, for they take time."""

    def __init__(self, images: Images) -> None:
        self.images = images
        self.builder = images.client("imagebuilder")
        place = f"arn:aws:imagebuilder:us-east-1:{images.aws.account_id}"
        self.arn = f"{place}:lifecycle-policy/{NAME}"
        stacks = self.builder.get_image_pipeline(imagePipelineArn=images.outputs["PipelineArn"])["imagePipeline"]
        recipe = self.builder.get_image_recipe(imageRecipeArn=stacks["imageRecipeArn"])["imageRecipe"]
        plain = {"name": "plain", "semanticVersion": "1.0.0", "parentImage": recipe["parentImage"]}
        given = {
            "name": "plain",
            "imageRecipeArn": self.builder.create_image_recipe(**plain)["imageRecipeArn"],
            "infrastructureConfigurationArn": stacks["infrastructureConfigurationArn"],
            "distributionConfigurationArn": stacks["distributionConfigurationArn"],
            "loggingConfiguration": stacks["loggingConfiguration"],
        }
        self.pipeline = self.builder.create_image_pipeline(**given)["imagePipelineArn"]

    def build(self) -> str:
        """The ARN of a new image that is there."""
        started = self.builder.start_image_pipeline_execution(imagePipelineArn=self.pipeline, tags={IMAGE_TAG: NAME})
        made = str(started["imageBuildVersionArn"])
        self.images.until(made, "AVAILABLE")
        return made

    def built(self) -> list[str]:
        """The ARNs of the images that are there."""
        found = self.builder.list_image_pipeline_images(imagePipelineArn=self.pipeline)
        return [each["arn"] for each in found["imageSummaryList"]]

    def old(self) -> str:
        """An image that is so old that it goes, and was launched so long ago; a newer one is there beside it."""
        made = self.build()
        self.images.aws.clock.jump((DELETED_AFTER + 1) * DAY)
        self.build()
        return made

    def run(self) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """The state of a run, and the states of what it has looked at, by ARN or id."""
        order = urllib.request.Request(f"{self.images.aws.endpoint}{LIFECYCLE_PATH}", b"", method="POST")
        with urllib.request.urlopen(order):
            pass
        last = self.builder.list_lifecycle_executions(resourceArn=self.arn)["lifecycleExecutions"][-1]
        identity = last["lifecycleExecutionId"]
        found = self.builder.list_lifecycle_execution_resources(lifecycleExecutionId=identity)["resources"]
        return last["state"], {each["resourceId"]: each["state"] for each in found}

    def there(self, arn: str) -> bool:
        """Whether the image is there still."""
        return arn in self.built()

    def amis(self, arn: str) -> dict[str, str]:
        """The ids of its AMIs by region."""
        return {each["region"]: each["image"] for each in self.images.state(arn)["outputResources"]["amis"]}

    def registered(self, amis: dict[str, str]) -> list[str]:
        """The regions in which they are there."""
        return [region for region, ami in amis.items() if self.described(region, ami)]

    def described(self, region: str, ami: str) -> list[dict[str, Any]]:
        wanted = [{"Name": "image-id", "Values": [ami]}]
        found: list[dict[str, Any]] = self.images.aws.client("ec2", region).describe_images(Filters=wanted)["Images"]
        return found

    def excluding(self, **rules: Any) -> None:
        """Exchange what the policy excludes."""
        given = self.builder.get_lifecycle_policy(lifecyclePolicyArn=self.arn)["lifecyclePolicy"]
        detail = {**given["policyDetails"][0], "exclusionRules": rules}
        names = ("executionRole", "resourceType", "resourceSelection", "status")
        wanted = {name: given[name] for name in names}
        self.builder.update_lifecycle_policy(lifecyclePolicyArn=self.arn, policyDetails=[detail], **wanted)


@pytest.fixture(scope="module")
def stacks_policy(images: Images) -> Policy:
    return Policy(images)


@pytest.fixture
def policy(stacks_policy: Policy) -> Iterator[Policy]:
    """The policy as the stack has it, and no image."""
    builder, arn = stacks_policy.builder, stacks_policy.arn
    before = builder.get_lifecycle_policy(lifecyclePolicyArn=arn)["lifecyclePolicy"]["policyDetails"][0]
    yield stacks_policy
    stacks_policy.excluding(**before["exclusionRules"])
    for each in stacks_policy.built():
        builder.delete_image(imageBuildVersionArn=each)


def test_an_old_image_goes_with_its_amis_and_a_young_one_stays(policy: Policy) -> None:
    old = policy.old()
    young = policy.build()
    amis = policy.amis(old)
    assert policy.registered(amis) == ["us-east-1", "eu-central-1"]
    state, found = policy.run()
    assert state == {"status": "SUCCESS"}
    assert found == {each: {"status": "SUCCESS"} for each in (*amis.values(), old)}
    assert (policy.there(old), policy.there(young), policy.registered(amis)) == (False, True, [])
    assert policy.run() == ({"status": "SUCCESS"}, {})
    # The number of what is gone is not given again.
    assert policy.build() not in (old, young)


def test_the_newest_images_are_kept_however_old_they_are(policy: Policy) -> None:
    only = policy.build()
    policy.images.aws.clock.jump(400 * DAY)
    assert policy.run() == ({"status": "SUCCESS"}, {})
    assert policy.there(only)


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_an_image_in_use_stays_by_the_policys_rules_and_by_its_roles_rights(policy: Policy, region: str) -> None:
    old = policy.old()
    amis = policy.amis(old)
    ec2 = policy.images.aws.client("ec2", region)
    ec2.create_tags(Resources=[amis[region]], Tags=[{"Key": IN_USE_TAG, "Value": IN_USE}])
    state, found = policy.run()
    assert state == {"status": "SUCCESS"}
    assert found == {old: {"status": "SKIPPED", "reason": f"excluded by the tags of {amis[region]}"}}

    policy.excluding()
    state, found = policy.run()
    assert state["status"] == found[amis[region]]["status"] == "FAILED"
    assert "ec2:DeregisterImage" in found[amis[region]]["reason"]
    assert policy.there(old)
    assert region in policy.registered(amis)


def test_an_image_that_was_launched_lately_stays(policy: Policy) -> None:
    old = policy.old()
    # The local EC2 tells launches in whole seconds of this computer's clock, and the local one has jumped in this one.
    jumped = int(time.time())
    wait_for(lambda: int(time.time()) > jumped, "the next second", pause_seconds=0.05)
    ami = policy.amis(old)["us-east-1"]
    launched = policy.images.client("ec2").run_instances(ImageId=ami, MinCount=1, MaxCount=1)["Instances"][0]
    policy.images.client("ec2").terminate_instances(InstanceIds=[launched["InstanceId"]])
    assert policy.run()[1] == {old: {"status": "SKIPPED", "reason": f"excluded by the last launch of {ami}"}}
    policy.images.aws.clock.jump((KEPT_SINCE_LAUNCH + 1) * DAY)
    assert policy.run()[1][old] == {"status": "SUCCESS"}


def test_an_image_that_is_shared_or_tagged_itself_stays_where_the_policy_says_so(policy: Policy) -> None:
    old = policy.old()
    ami = policy.amis(old)["us-east-1"]
    policy.images.client("ec2").modify_image_attribute(ImageId=ami, LaunchPermission={"Add": [{"UserId": ACCOUNT}]})
    policy.excluding(amis={"sharedAccounts": [ACCOUNT]})
    reason = f"excluded by the accounts that {ami} is shared with"
    assert policy.run()[1] == {old: {"status": "SKIPPED", "reason": reason}}
    policy.excluding(tagMap={"keep": "me"})
    policy.builder.tag_resource(resourceArn=old, tags={"keep": "me"})
    assert policy.run()[1] == {old: {"status": "SKIPPED", "reason": "excluded by its tags"}}
    policy.builder.untag_resource(resourceArn=old, tagKeys=["keep"])
    assert policy.run()[1][old] == {"status": "SUCCESS"}


def test_images_of_another_stack_are_left_alone(policy: Policy) -> None:
    old = policy.old()
    policy.builder.tag_resource(resourceArn=old, tags={IMAGE_TAG: "another"})
    assert policy.run() == ({"status": "SUCCESS"}, {})
    assert policy.there(old)


def test_a_policy_runs_once_a_day_while_it_is_enabled() -> None:
    # A day is less than half a second.
    aws = LocalAws(speed=2 * DAY).start()
    try:
        builder = aws.client("imagebuilder")
        detail = {"action": {"type": "DELETE"}, "filter": {"type": "COUNT", "value": 1}}
        given: dict[str, Any] = {"executionRole": "nobody", "resourceType": "AMI_IMAGE", "policyDetails": [detail]}
        given |= {"resourceSelection": {"recipes": [{"name": "abc", "semanticVersion": "1.0.x"}]}}
        made = builder.create_lifecycle_policy(name="daily", **given)["lifecyclePolicyArn"]

        def executions() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = builder.list_lifecycle_executions(resourceArn=made)["lifecycleExecutions"]
            return found

        wait_for(lambda: len(executions()) > 2, "a policy to run on three days")
        # A role that does not trust Image Builder is of no use to it.
        assert executions()[0]["state"]["status"] == "FAILED"
        assert "cannot assume" in executions()[0]["state"]["reason"]
        builder.update_lifecycle_policy(lifecyclePolicyArn=made, status="DISABLED", **given)
        before, now = len(executions()), aws.clock.monotonic()
        wait_for(lambda: aws.clock.monotonic() > now + 3 * DAY, "three days")
        assert len(executions()) == before
    finally:
        aws.stop()
