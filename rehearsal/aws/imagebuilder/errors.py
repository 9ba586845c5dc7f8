"""How a build ends that does not succeed."""

from __future__ import annotations

from rehearsal.aws.imagebuilder.model import Body


class Stopped(Exception):
    """Somebody has cancelled the build, or the local AWS ends."""


class BuildFailed(Exception):
    """Why a build fails; what was running adds itself to the context on the way out."""

    def __init__(self, reason: str, *, component: Body | None = None, distribution: Body | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.context: Body = {}
        if component is not None:
            self.context["componentFailure"] = component
        if distribution is not None:
            self.context["distributionFailure"] = distribution

    @property
    def told(self) -> str:
        """The reason as the image's state has it."""
        workflow = self.context.get("workflowExecutionId")
        return f"Workflow Execution ID: '{workflow}' failed with reason: {self.reason}" if workflow else self.reason
