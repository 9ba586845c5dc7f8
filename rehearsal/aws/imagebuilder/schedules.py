"""Builds by the clock: when a pipeline's schedule comes, and whether there is something to build then.

A schedule is evaluated at each time of its expression. Without new versions of what an image is made of nothing is
built, where the condition says so (API reference, Schedule). Components and recipes of the image stack are named by
full versions, so what can change is the parameter that the base image is read from, and the pipeline's own recipe; that
another recipe counts is assumed. A pipeline whose scheduled builds have failed so often as its schedule says, or five
times, is disabled (API reference, AutoDisablePolicy).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from botocore.exceptions import ClientError

from rehearsal.aws.imagebuilder.api_base import invalid, text_of
from rehearsal.aws.imagebuilder.model import Body, BuilderRegion, ImageBuild
from rehearsal.aws.services.event_schedules import next_time

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws

LOG = logging.getLogger(__name__)

SCHEDULED = "SCHEDULED"
ALWAYS = "EXPRESSION_MATCH_ONLY"
MOST_FAILURES = 5

Begin = Callable[[str, Body, Mapping[str, str], str], ImageBuild]
"""Starts a build: region, pipeline, tags, and who has asked for it."""


class Schedules:
    """The schedules of every pipeline. Hold the service's lock while you arm or disarm one."""

    def __init__(self, aws: LocalAws, begin: Begin) -> None:
        self._aws = aws
        self._begin = begin
        self._cancel: dict[str, Callable[[], None]] = {}
        self._judged: set[str] = set()
        """ARNs of scheduled images whose end was counted."""

    def check(self, schedule: Mapping[str, Any] | None) -> None:
        """Raises ServiceError for an expression or a time zone that nobody can read."""
        if schedule and schedule.get("scheduleExpression"):
            try:
                self._next(schedule)
            except (ValueError, KeyError, OSError) as error:
                raise invalid(f"The schedule is invalid: {error}") from error

    def arm(self, region: str, held: BuilderRegion, pipeline_arn: str) -> None:
        """Wait for the next time of a pipeline, in place of the one that was waited for."""
        self.disarm(pipeline_arn)
        pipeline = held.pipelines[pipeline_arn]
        pipeline.pop("dateNextRun", None)
        schedule = pipeline.get("schedule") or {}
        if pipeline["status"] != "ENABLED" or not schedule.get("scheduleExpression"):
            return
        due = self._next(schedule)
        if due is None:
            return
        pipeline["dateNextRun"] = text_of(due)
        left = (due - self._aws.clock.now()).total_seconds()
        self._cancel[pipeline_arn] = self._aws.clock.timer(left, lambda: self._come(region, held, pipeline_arn))

    def disarm(self, pipeline_arn: str) -> None:
        """Wait for nothing of a pipeline any more."""
        cancel = self._cancel.pop(pipeline_arn, None)
        if cancel is not None:
            cancel()

    def _next(self, schedule: Mapping[str, Any]) -> datetime | None:
        zone = ZoneInfo(schedule.get("timezone") or "Etc/UTC")
        return next_time(schedule["scheduleExpression"], self._aws.clock.now().astimezone(zone))

    def _come(self, region: str, held: BuilderRegion, pipeline_arn: str) -> None:
        with self._aws.lock:
            pipeline = held.pipelines.get(pipeline_arn)
            if pipeline is None or self._aws.stopping.is_set():
                return
            before = [each for each in held.images.values() if each.pipeline["arn"] == pipeline_arn]
            self._count_failures(pipeline, before)
        # What asks another service is done without the lock, which that service needs.
        wanted = pipeline["status"] == "ENABLED" and self._has_changed(region, held, pipeline, before)
        with self._aws.lock:
            if held.pipelines.get(pipeline_arn) is not pipeline:
                return
            if wanted:
                pipeline["dateLastRun"] = text_of(self._aws.clock.now())
                self._begin(region, pipeline, pipeline.get("imageTags") or {}, SCHEDULED)
            self.arm(region, held, pipeline_arn)

    def _count_failures(self, pipeline: Body, images: list[ImageBuild]) -> None:
        for image in images:
            status = image.state["status"]
            if image.kind == SCHEDULED and image.arn not in self._judged and status in ("AVAILABLE", "FAILED"):
                self._judged.add(image.arn)
                failures = pipeline.get("consecutiveFailures", 0) + 1 if status == "FAILED" else 0
                pipeline["consecutiveFailures"] = failures
        policy = (pipeline.get("schedule") or {}).get("autoDisablePolicy") or {}
        if pipeline.get("consecutiveFailures", 0) >= policy.get("failureCount", MOST_FAILURES):
            pipeline["status"] = "DISABLED"

    def _has_changed(self, region: str, held: BuilderRegion, pipeline: Body, images: list[ImageBuild]) -> bool:
        schedule = pipeline["schedule"]
        # Also one that is being built now, whose base image may not be looked up yet.
        last = next((each for each in reversed(images) if each.state["status"] not in ("FAILED", "CANCELLED")), None)
        if schedule.get("pipelineExecutionStartCondition") == ALWAYS or last is None:
            return True
        if last.recipe["arn"] != pipeline["imageRecipeArn"]:
            return True
        try:
            return bool(last.base) and base_of(self._aws, region, last.recipe) != last.base
        except ClientError as error:
            LOG.warning("%s: its base image cannot be looked up: %s", pipeline["arn"], error)
            return False


def base_of(aws: LocalAws, region: str, recipe: Body) -> str:
    """The AMI that a recipe names, or that the parameter names now which it does. ClientError."""
    named: str = recipe["parentImage"]
    if named.startswith("ssm:"):
        parameter = aws.client("ssm", region).get_parameter(Name=named.removeprefix("ssm:"))
        named = str(parameter["Parameter"]["Value"])
    return named
