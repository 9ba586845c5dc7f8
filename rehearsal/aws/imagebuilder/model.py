"""What Image Builder holds in one region: what images are made from, the pipelines, and images with their workflows."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]

TERMINAL = frozenset({"AVAILABLE", "FAILED", "CANCELLED", "DEPRECATED", "DISABLED", "DELETED"})
"""The states in which nothing of an image's creation is under way (API reference, ImageState)."""


@dataclass
class WorkflowStep:
    """A step of a workflow that runs or has run, as ListWorkflowStepExecutions shows it."""

    name: str
    action: str
    identity: str = field(default_factory=lambda: f"step-{uuid.uuid4()}")
    status: str = "PENDING"
    outputs: str = ""
    started: str = ""
    ended: str = ""

    def described(self) -> Body:
        """It, with the members that have a value."""
        shown = {
            "stepExecutionId": self.identity,
            "name": self.name,
            "action": self.action,
            "status": self.status,
            "outputs": self.outputs,
            "startTime": self.started,
            "endTime": self.ended,
        }
        return {name: value for name, value in shown.items() if value}


@dataclass
class Workflow:
    """A workflow of an image, as ListWorkflowExecutions shows it."""

    arn: str
    kind: str
    """BUILD or TEST."""
    steps: list[WorkflowStep]
    identity: str = field(default_factory=lambda: f"wf-{uuid.uuid4()}")
    status: str = "PENDING"
    message: str = ""
    started: str = ""
    ended: str = ""

    def described(self) -> Body:
        """It, with how many of its steps have come how far."""
        shown = {
            "workflowBuildVersionArn": self.arn,
            "workflowExecutionId": self.identity,
            "type": self.kind,
            "status": self.status,
            "message": self.message,
            "startTime": self.started,
            "endTime": self.ended,
        }
        counts = {
            "totalStepCount": len(self.steps),
            "totalStepsSucceeded": self._count("COMPLETED"),
            "totalStepsFailed": self._count("FAILED"),
            "totalStepsSkipped": self._count("SKIPPED"),
        }
        return {name: value for name, value in shown.items() if value} | counts

    def _count(self, status: str) -> int:
        return sum(step.status == status for step in self.steps)


@dataclass
class ImageBuild:
    """An image, from its beginning."""

    arn: str
    pipeline: Body
    recipe: Body
    infrastructure: Body
    distribution: Body | None
    created: str
    tags: dict[str, str]
    kind: str = "USER_INITIATED"
    """Or SCHEDULED (API reference, Image, buildType)."""
    base: str = ""
    """The ID of the AMI that it is built from, once that is looked up."""
    state: Body = field(default_factory=lambda: {"status": "PENDING"})
    workflows: list[Workflow] = field(default_factory=list)
    amis: list[Body] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    """Set by whoever cancels the build, and at the end of the local AWS."""

    @property
    def version(self) -> str:
        """`1.0.0/1`: what its log stream is called, too."""
        return "/".join(self.arn.split("/")[-2:])

    @property
    def name(self) -> str:
        """That of its recipe."""
        return str(self.recipe["name"])

    def described(self) -> Body:
        """As GetImage shows it."""
        return {
            **self._shown(),
            "enhancedImageMetadataEnabled": self.pipeline.get("enhancedImageMetadataEnabled", True),
            "imageRecipe": self.recipe,
            "sourcePipelineName": self.pipeline["name"],
            "sourcePipelineArn": self.pipeline["arn"],
            "infrastructureConfiguration": self.infrastructure,
            **({"distributionConfiguration": self.distribution} if self.distribution else {}),
            "loggingConfiguration": {"logGroupName": self.log_group},
        }

    def summary(self) -> Body:
        """As ListImagePipelineImages shows it."""
        return {**self._shown(), "owner": self.arn.split(":")[4]}

    @property
    def log_group(self) -> str:
        """Where its log is: a group of the pipeline's choice, or the one of its name."""
        given = self.pipeline.get("loggingConfiguration") or {}
        return str(given.get("imageLogGroupName") or f"/aws/imagebuilder/{self.name}")

    def _shown(self) -> Body:
        return {
            "arn": self.arn,
            "type": "AMI",
            "name": self.name,
            "version": self.version,
            "platform": "Linux",
            "state": self.state,
            "dateCreated": self.created,
            "outputResources": {"amis": self.amis},
            "tags": self.tags,
            "buildType": self.kind,
        }


@dataclass
class Execution:
    """A run of a lifecycle policy, as ListLifecycleExecutions shows it, with what it has looked at."""

    policy: str
    started: str
    identity: str = field(default_factory=lambda: f"lce-{uuid.uuid4()}")
    state: Body = field(default_factory=lambda: {"status": "IN_PROGRESS"})
    ended: str = ""
    resources: list[Body] = field(default_factory=list)

    def described(self) -> Body:
        """It, without the resources."""
        return {
            "lifecycleExecutionId": self.identity,
            "lifecyclePolicyArn": self.policy,
            "resourcesImpactedSummary": {"hasImpactedResources": bool(self.resources)},
            "state": self.state,
            "startTime": self.started,
            **({"endTime": self.ended} if self.ended else {}),
        }


@dataclass
class BuilderRegion:
    """Everything in one region, by ARN. Hold the service's lock while you read or change it."""

    components: dict[str, Body] = field(default_factory=dict)
    recipes: dict[str, Body] = field(default_factory=dict)
    infrastructures: dict[str, Body] = field(default_factory=dict)
    distributions: dict[str, Body] = field(default_factory=dict)
    pipelines: dict[str, Body] = field(default_factory=dict)
    policies: dict[str, Body] = field(default_factory=dict)
    images: dict[str, ImageBuild] = field(default_factory=dict)
    numbered: set[str] = field(default_factory=set)
    """ARNs of all images there ever were: a number is given once."""
    executions: list[Execution] = field(default_factory=list)
    """Of lifecycle policies, the last one last."""
    started: dict[str, str] = field(default_factory=dict)
    """ARNs of images by the token of the request that began them."""

    def tags_of(self, arn: str) -> dict[str, str] | None:
        """The tags of whatever has the ARN, None for an ARN of nothing."""
        if arn in self.images:
            return self.images[arn].tags
        for held in self.kinds():
            if arn in held:
                tags: dict[str, str] = held[arn].setdefault("tags", {})
                return tags
        return None

    def kinds(self) -> Iterator[dict[str, Body]]:
        """The stores of everything but images."""
        yield from (self.components, self.recipes, self.infrastructures, self.distributions)
        yield from (self.pipelines, self.policies)
