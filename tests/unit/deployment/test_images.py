"""A build as Image Builder tells it, and what a person or a program is told of it."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from deployment.images import builds, log
from deployment.images.builds import Cancelled, Failed, Going, Made
from deployment.images.following import BuildFollower
from deployment.next_steps import Typed
from deployment.refusal import StoppedFollowing

ARN = "arn:aws:imagebuilder:us-west-2:123456789012:image/my-recipe/1.0.0/1"
WORKFLOW = "wf-a1b2c3d4-5678-90ab-cdef-000000000000"
# As in the guide, "Find the cause of a failed image build with failure context".
COMPONENT_FAILED = {
    "status": "FAILED",
    "reason": f"Workflow Execution ID: '{WORKFLOW}' failed with reason: Document c failed!",
    "failureContext": {
        "imageStatus": "BUILDING",
        "workflowExecutionId": WORKFLOW,
        "failedStep": "ApplyBuildComponents",
        "componentFailure": {
            "componentArn": "arn:aws:imagebuilder:us-west-2:123456789012:component/my-component/1.0.0/1",
            "phaseName": "build",
            "stepName": "InstallPackages",
            "action": "ExecuteBash",
            "errorMessage": "exit status 1",
        },
    },
}
REGION_FAILED = {
    "status": "FAILED",
    "reason": "Integration failed",
    "failureContext": {
        "imageStatus": "INTEGRATING",
        "distributionFailure": {
            "errorMessage": "In region 'eu-west-1' - 'no such key'",
            "regionFailures": [{"region": "eu-west-1", "status": "FAILED", "errorMessage": "no such key"}],
        },
    },
}


class ImageBuilder:
    """Answers with states in turn, in the words of the API; nothing real fails in each of these ways."""

    def __init__(self, *states: dict[str, Any], steps: tuple[tuple[str, str], ...] = ()) -> None:
        self._states = itertools.chain(states, itertools.repeat(states[-1]))
        self._steps = steps

    def get_image(self, **asked: Any) -> Any:
        state = next(self._states)
        if isinstance(state.get("raised"), BaseException):
            raise state["raised"]
        amis = [{"region": "us-west-2", "image": "ami-1"}] if state["status"] in ("AVAILABLE", "DEPRECATED") else []
        return {"image": {"arn": ARN, "name": "my-recipe", "state": state, "outputResources": {"amis": amis}}}

    def list_workflow_executions(self, **asked: Any) -> Any:
        return {"workflowExecutions": [{"workflowExecutionId": WORKFLOW, "type": "BUILD"}]}

    def get_paginator(self, operation: str) -> Any:
        return self

    def paginate(self, **asked: Any) -> Any:
        return [{"steps": [{"name": name, "status": status} for name, status in self._steps]}]


class Logs:
    """A log that cannot be read, or is not there."""

    def __init__(self, code: str) -> None:
        self._code = code

    def get_log_events(self, **asked: Any) -> Any:
        raise ClientError({"Error": {"Code": self._code, "Message": "said"}}, "GetLogEvents")


def follow(builder: ImageBuilder, logs: Logs, *, as_json: bool = False) -> tuple[bool, list[str]]:
    """What is told, on a clock that every look moves by thirty seconds."""
    said: list[str] = []
    clock = itertools.count(0, 30)
    typed = Typed(stack="my-image", region="us-west-2")
    follower = BuildFollower(builder, logs, typed, as_json, said.append, lambda: next(clock), lambda seconds: None)
    return follower.follow(ARN), said


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ({"status": "PENDING"}, Going()),
        ({"status": "CANCELLED"}, Cancelled()),
        ({"status": "AVAILABLE"}, Made((builds.Ami("us-west-2", "ami-1"),))),
        ({"status": "DEPRECATED"}, Made((builds.Ami("us-west-2", "ami-1"),))),
        ({"status": "FAILED"}, Failed("", "")),
    ],
)
def test_a_state_is_one_of_four_outcomes(state: dict[str, Any], outcome: builds.Outcome) -> None:
    assert builds.look(ImageBuilder(state), ARN).outcome == outcome


def test_a_builds_step_is_the_first_that_is_not_over_and_progress_counts_those_that_are() -> None:
    steps = (("Launch", "COMPLETED"), ("Inventory", "SKIPPED"), ("Apply", "RUNNING"), ("Create", "PENDING"))
    found = builds.look(ImageBuilder({"status": "BUILDING"}, steps=steps), ARN)
    assert (found.step, found.percent) == ("Apply", 3 + (60 - 3) * 2 // 4)
    assert found.log_stream == "1.0.0/1"
    assert found.log_group == "/aws/imagebuilder/my-recipe"


def test_a_failing_component_is_told_from_the_outside_in() -> None:
    made, said = follow(ImageBuilder(COMPONENT_FAILED), Logs("ResourceNotFoundException"))
    assert not made
    assert said[2:] == [
        "  step ApplyBuildComponents",
        "  component my-component, phase build, step InstallPackages: exit status 1",
        "its log is empty",
        "all of it: " + log.command("us-west-2", "/aws/imagebuilder/my-recipe", "1.0.0/1"),
    ]


def test_a_region_that_the_image_did_not_reach_is_told_with_its_reason() -> None:
    _, said = follow(ImageBuilder(REGION_FAILED), Logs("ResourceNotFoundException"))
    assert "  region eu-west-1: no such key" in said
    _, said = follow(ImageBuilder(REGION_FAILED), Logs("ResourceNotFoundException"), as_json=True)
    told = json.loads(said[-1])
    assert (told["state"], told["failed_in"], told["regions"]) == (
        "FAILED",
        "INTEGRATING",
        [["eu-west-1", "no such key"]],
    )


def test_a_log_that_cannot_be_read_is_no_empty_log() -> None:
    _, said = follow(ImageBuilder(COMPONENT_FAILED), Logs("AccessDeniedException"))
    assert "its log could not be read: AccessDeniedException: said" in said
    _, said = follow(ImageBuilder(COMPONENT_FAILED), Logs("AccessDeniedException"), as_json=True)
    assert json.loads(said[-1])["log_unknown"] == "AccessDeniedException: said"


def test_a_state_that_lasts_is_told_again_after_a_minute() -> None:
    pending = {"status": "PENDING"}
    _, said = follow(ImageBuilder(*[pending] * 5, {"status": "CANCELLED"}), Logs(""))
    assert [line.split()[0] for line in said if line.endswith("PENDING")] == ["30.0", "90.0", "150.0"]
    assert said[-1].endswith("there is no image; to build one: make image STACK=my-image REGION=us-west-2")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), EndpointConnectionError(endpoint_url="https://x")])
def test_whoever_no_longer_follows_is_told_that_the_build_goes_on(error: BaseException) -> None:
    builder = ImageBuilder({"status": "PENDING"}, {"raised": error})
    with pytest.raises(
        StoppedFollowing, match=r"the build goes on in AWS\. To follow it: make image-follow STACK=my-image"
    ):
        follow(builder, Logs(""))
