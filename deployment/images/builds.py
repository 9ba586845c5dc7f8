"""A build of an image as Image Builder tells it: its state, the step that runs, how far it is, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Body = Mapping[str, Any]

# How far a build is in each state, in hundredths: where it begins, and where the next one does. Of a measured build two
# thirds are building and a quarter testing.
_PARTS = {
    "PENDING": (0, 1),
    "CREATING": (1, 3),
    "BUILDING": (3, 60),
    "TESTING": (60, 85),
    "DISTRIBUTING": (85, 97),
    "INTEGRATING": (97, 100),
    "AVAILABLE": (100, 100),
}
_WORKFLOWS = {"BUILDING": "BUILD", "TESTING": "TEST", "DISTRIBUTING": "DISTRIBUTION"}
_OVER = {"COMPLETED", "SKIPPED"}


@dataclass(frozen=True)
class Ami:
    """An AMI that came of a build."""

    region: str
    identity: str


@dataclass(frozen=True)
class Going:
    """The build is under way."""


@dataclass(frozen=True)
class Made:
    """The build has ended with an image in each region."""

    amis: tuple[Ami, ...]


@dataclass(frozen=True)
class Cancelled:
    """Somebody has cancelled the build."""


@dataclass(frozen=True)
class Failed:
    """The build has ended without an image. What Image Builder does not tell is empty."""

    state: str
    """In which state it was."""
    reason: str
    step: str = ""
    """The step of the workflow."""
    component: str = ""
    phase: str = ""
    component_step: str = ""
    error: str = ""
    regions: tuple[tuple[str, str], ...] = ()
    """Regions that the image did not reach, and why."""


Outcome: TypeAlias = Going | Made | Cancelled | Failed


@dataclass(frozen=True)
class Look:
    """What one look at a build has found."""

    arn: str
    state: str
    step: str
    """The step that runs, or is next; empty where no workflow does."""
    percent: int
    outcome: Outcome
    log_group: str

    @property
    def log_stream(self) -> str:
        """The build's stream: `<version>/<build>` (Image Builder guide, "Monitor Image Builder logs")."""
        return "/".join(self.arn.split("/")[-2:])


def look(builder: Any, arn: str) -> Look:
    """Ask for the build's state and, while it is under way, for its step. Raises ClientError and BotoCoreError."""
    image = builder.get_image(imageBuildVersionArn=arn)["image"]
    state = str(image["state"]["status"])
    outcome = _outcome(image)
    step, percent = "", _PARTS.get(state, (0, 0))[0]
    kind = _WORKFLOWS.get(state)
    if isinstance(outcome, Going) and kind is not None:
        steps = _steps(builder, arn, kind)
        step = next((str(each["name"]) for each in steps if each["status"] not in _OVER), "")
        percent = _percent(state, steps)
    return Look(arn, state, step, percent, outcome, _log_group(image))


def newest(builder: Any, pipeline: str) -> str | None:
    """The image that was begun last, whatever has become of it; None where there was none. Raises ClientError."""
    pages = builder.get_paginator("list_image_pipeline_images").paginate(imagePipelineArn=pipeline)
    found = [each for page in pages for each in page.get("imageSummaryList", [])]
    # RFC 3339 sorts as text; two of the same moment differ in their number.
    return max(((each["dateCreated"], _number(each["arn"]), each["arn"]) for each in found), default=("", 0, None))[2]


def _number(arn: str) -> int:
    return int(arn.rsplit("/", 1)[1])


def _outcome(image: Body) -> Outcome:
    status = image["state"]["status"]
    if status == "CANCELLED":
        return Cancelled()
    if status == "FAILED":
        return _failed(image["state"])
    if status in _PARTS and status != "AVAILABLE":
        return Going()
    # DEPRECATED, DISABLED and DELETED come after AVAILABLE.
    amis = image.get("outputResources", {}).get("amis", [])
    return Made(tuple(Ami(str(each["region"]), str(each["image"])) for each in amis if each.get("image")))


def _failed(state: Body) -> Failed:
    """Every member of the context is optional (Image Builder guide, "Find the cause of a failed image build")."""
    context = state.get("failureContext", {})
    component = context.get("componentFailure", {})
    distribution = context.get("distributionFailure", {})
    return Failed(
        state=str(context.get("imageStatus", "")),
        reason=str(state.get("reason", "")),
        step=str(context.get("failedStep", "")),
        component=_component(str(component.get("componentArn", ""))),
        phase=str(component.get("phaseName", "")),
        component_step=str(component.get("stepName", "")),
        error=str(component.get("errorMessage", "") or distribution.get("errorMessage", "")),
        regions=tuple(
            (str(each.get("region", "")), str(each.get("errorMessage", "") or each.get("status", "")))
            for each in distribution.get("regionFailures", [])
        ),
    )


def _component(arn: str) -> str:
    """`…:component/images-base/1.2.3/1` is images-base."""
    parts = arn.split("/")
    return parts[1] if len(parts) > 1 else arn


def _steps(builder: Any, arn: str, kind: str) -> list[Body]:
    workflows = builder.list_workflow_executions(imageBuildVersionArn=arn)["workflowExecutions"]
    found: list[Body] = []
    for workflow in workflows:
        if workflow.get("type") == kind:
            found += _of_workflow(builder, workflow["workflowExecutionId"])
    return found


def _of_workflow(builder: Any, identity: str) -> Iterator[Body]:
    pages = builder.get_paginator("list_workflow_step_executions").paginate(workflowExecutionId=identity)
    for page in pages:
        yield from page["steps"]


def _percent(state: str, steps: list[Body]) -> int:
    begin, end = _PARTS[state]
    over = sum(each["status"] in _OVER for each in steps)
    return begin + (end - begin) * over // (len(steps) or 1)


def _log_group(image: Body) -> str:
    """That of the image, or the default one of its name (API reference, ImageLoggingConfiguration)."""
    given = image.get("loggingConfiguration", {}).get("logGroupName")
    return str(given or f"/aws/imagebuilder/{image['name']}")
