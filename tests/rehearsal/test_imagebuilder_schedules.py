"""Schedules of the local Image Builder's pipelines: builds begin by the local AWS's clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from coordination.names import IMAGE_TAG
from rehearsal.aws.server import LocalAws
from rehearsal.local import surroundings
from tests.rehearsal.image_stack import NAME, Images, deployed, order_failures
from tests.waiting import wait_for

# Ten minutes are a second.
SPEED = 600.0
EVERY = "cron(0/10 * * * ? *)"
BASE = "/tests/base"
FAILING = {"component": "base", "phase": "build", "step": "configure"}


@pytest.fixture(scope="module")
def images(local_aws: LocalAws) -> Images:
    return deployed(local_aws)


@dataclass
class Pipeline:
    """A pipeline of its own, whose base image is read from a parameter."""

    images: Images
    given: dict[str, Any]
    arn: str

    @property
    def builder(self) -> Any:
        return self.images.client("imagebuilder")

    def schedule(self, **schedule: Any) -> None:
        given = {name: value for name, value in self.given.items() if name not in ("name", "tags")}
        self.builder.update_image_pipeline(imagePipelineArn=self.arn, schedule=schedule, **given)

    def shown(self) -> dict[str, Any]:
        found: dict[str, Any] = self.builder.get_image_pipeline(imagePipelineArn=self.arn)["imagePipeline"]
        return found

    def built(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.builder.list_image_pipeline_images(imagePipelineArn=self.arn)[
            "imageSummaryList"
        ]
        return found

    def available(self, count: int) -> list[dict[str, Any]]:
        """The images, once so many are there."""

        def look() -> bool:
            return len([each for each in self.built() if each["state"]["status"] == "AVAILABLE"]) >= count

        wait_for(look, f"{count} images of {self.arn}")
        return self.built()

    def evaluations(self, count: int) -> None:
        """Wait until the schedule was evaluated so often."""
        seen = {self.shown().get("dateNextRun")}

        def look() -> bool:
            seen.add(self.shown().get("dateNextRun"))
            return len(seen) > count

        wait_for(look, f"{count} times of the schedule of {self.arn}")


@pytest.fixture
def pipeline(images: Images, request: pytest.FixtureRequest) -> Iterator[Pipeline]:
    builder = images.client("imagebuilder")
    name = f"probe-{abs(hash(request.node.name))}"
    images.client("ssm").put_parameter(Name=BASE, Value=base(images, name), Type="String", Overwrite=True)
    stacks = builder.get_image_pipeline(imagePipelineArn=images.outputs["PipelineArn"])["imagePipeline"]
    # Of the stack's own parts: its instances may read these components, and write into this log.
    components = builder.get_image_recipe(imageRecipeArn=stacks["imageRecipeArn"])["imageRecipe"]["components"]
    recipe = builder.create_image_recipe(
        name=name,
        semanticVersion="1.0.0",
        parentImage=f"ssm:{BASE}",
        components=components,
    )
    given = {
        "name": name,
        "imageRecipeArn": recipe["imageRecipeArn"],
        "infrastructureConfigurationArn": stacks["infrastructureConfigurationArn"],
        "loggingConfiguration": stacks["loggingConfiguration"],
        "imageTags": {"by": "the clock"},
    }
    made = Pipeline(images, given, builder.create_image_pipeline(**given)["imagePipelineArn"])
    yield made
    order_failures(images.aws)
    builder.delete_image_pipeline(imagePipelineArn=made.arn)


def base(images: Images, name: str) -> str:
    """A new base image."""
    return surroundings.machine_image(images.client("ec2"), name)


def test_a_pipeline_builds_at_each_time_of_its_schedule(pipeline: Pipeline) -> None:
    pipeline.schedule(scheduleExpression=EVERY, pipelineExecutionStartCondition="EXPRESSION_MATCH_ONLY")
    assert pipeline.shown()["dateNextRun"][14:19] in {f"{minute}0:00" for minute in range(6)}
    made = pipeline.available(2)
    assert {(each["buildType"], each["tags"]["by"]) for each in made} == {("SCHEDULED", "the clock")}
    assert made[0]["dateCreated"] < made[1]["dateCreated"]


def test_nothing_is_built_while_nothing_has_changed(pipeline: Pipeline) -> None:
    pipeline.schedule(scheduleExpression=EVERY)
    pipeline.available(1)
    pipeline.evaluations(3)
    assert len(pipeline.built()) == 1
    ssm = pipeline.images.client("ssm")
    ssm.put_parameter(Name=BASE, Value=base(pipeline.images, "newer"), Type="String", Overwrite=True)
    pipeline.available(2)


def test_builds_that_keep_failing_disable_the_pipeline_and_can_be_asked_for_still(pipeline: Pipeline) -> None:
    order_failures(pipeline.images.aws, FAILING)
    pipeline.schedule(
        scheduleExpression=EVERY,
        pipelineExecutionStartCondition="EXPRESSION_MATCH_ONLY",
        autoDisablePolicy={"failureCount": 2},
    )
    wait_for(lambda: pipeline.shown()["status"] == "DISABLED", "the pipeline to be disabled")
    found = pipeline.shown()
    assert found["consecutiveFailures"] >= 2
    assert "dateNextRun" not in found
    order_failures(pipeline.images.aws)
    made = pipeline.builder.start_image_pipeline_execution(imagePipelineArn=pipeline.arn)["imageBuildVersionArn"]
    assert pipeline.images.until(made, "AVAILABLE")["buildType"] == "USER_INITIATED"


def test_a_schedule_that_is_taken_away_comes_no_more(pipeline: Pipeline) -> None:
    pipeline.schedule(scheduleExpression="rate(1 hour)", timezone="Europe/Berlin")
    assert "dateNextRun" in pipeline.shown()
    pipeline.schedule()
    assert "dateNextRun" not in pipeline.shown()


@pytest.mark.parametrize(
    "schedule",
    [
        {"scheduleExpression": "every day"},
        {"scheduleExpression": "cron(0 25 * * ? *)"},
        {"scheduleExpression": "rate(1 day)", "timezone": "Mars/Olympus"},
    ],
)
def test_a_schedule_that_nobody_can_read_is_refused(pipeline: Pipeline, schedule: dict[str, str]) -> None:
    with pytest.raises(ClientError, match="The schedule is invalid"):
        pipeline.schedule(**schedule)


def test_the_image_stacks_schedule_builds_images_with_its_tag(images: Images) -> None:
    images.update(ScheduleExpression=EVERY, ScheduleOnlyOnChanges="false")
    builder = images.client("imagebuilder")
    listing = {"imagePipelineArn": images.outputs["PipelineArn"]}
    try:
        wait_for(lambda: builder.list_image_pipeline_images(**listing)["imageSummaryList"], "a build of the stack's")
        (made, *_) = builder.list_image_pipeline_images(**listing)["imageSummaryList"]
        assert (made["buildType"], made["tags"]) == ("SCHEDULED", {IMAGE_TAG: NAME})
    finally:
        images.update(ScheduleExpression="")
