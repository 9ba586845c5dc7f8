"""One execution of a runbook, in a thread of its own, by the rights of its role or of whoever started it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.aws.automation.document import EXECUTE, WAIT, Missing, Runbook, Step, filled, selected
from rehearsal.aws.polling import last_look

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws
    from rehearsal.aws.sessions import Session

LOG = logging.getLogger(__name__)
_CALL = frozenset({"Service", "Api", "PropertySelector", "DesiredValues"})


class _Failed(Exception):
    """A step that has failed, with what Systems Manager says of it."""


@dataclass
class Execution:
    """An execution, and how far it is."""

    document: str
    parameters: Mapping[str, str]
    runbook: Runbook
    started_by: str
    began: datetime
    identity: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "InProgress"
    failure: str = ""
    ended: datetime | None = None
    steps: list[dict[str, Any]] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        """As GetAutomationExecution answers it."""
        return {
            "AutomationExecutionId": self.identity,
            "DocumentName": self.document,
            "DocumentVersion": "1",
            "ExecutionStartTime": self.began,
            "AutomationExecutionStatus": self.status,
            "StepExecutions": self.steps,
            "Parameters": {name: [value] for name, value in self.parameters.items()},
            "Outputs": {name: [self.outputs[name]] for name in self.runbook.outputs if name in self.outputs},
            "Mode": "Auto",
            "ExecutedBy": self.started_by,
            **({"ExecutionEndTime": self.ended} if self.ended else {}),
            **({"FailureMessage": self.failure} if self.failure else {}),
        }


class Runner:
    """Carries an execution out."""

    def __init__(self, aws: LocalAws, region: str, execution: Execution, session: Session | None) -> None:
        self._aws = aws
        self._region = region
        self._execution = execution
        self._session = session

    def start(self) -> None:
        """Beside requests; a stop of the local AWS ends what a step waits for."""
        self._aws.work(f"automation-{self._execution.identity}", self._run)

    def _run(self) -> None:
        execution = self._execution
        try:
            self._walk()
        except Exception as error:
            LOG.exception("an automation failed in the local AWS itself")
            execution.failure = f"{type(error).__name__} in the local AWS: {error}"
        execution.ended = self._aws.clock.now()
        execution.status = "Failed" if execution.failure else "Success"

    def _walk(self) -> None:
        """Step after step. A step that fails is critical, as none says otherwise: whatever comes after it, the
        execution has failed (guide, "Data elements", isCritical)."""
        execution = self._execution
        following = next(iter(execution.runbook.steps))
        while following:
            step = execution.runbook.steps[following]
            shown: dict[str, Any] = {"StepName": step.name, "Action": step.action, "StepStatus": "InProgress"}
            execution.steps.append(shown)
            try:
                found = self._of_step(step)
            except _Failed as error:
                shown |= {"StepStatus": "Failed", "FailureMessage": str(error)}
                execution.failure = execution.failure or str(error)
                following = step.on_failure
            else:
                execution.outputs |= {f"{step.name}.{name}": value for name, value in found.items()}
                shown |= {"StepStatus": "Success", "Outputs": {name: [value] for name, value in found.items()}}
                following = step.following

    def _of_step(self, step: Step) -> dict[str, str]:
        inputs = filled(dict(step.inputs), self._known)
        if step.action == EXECUTE:
            answer = self._call(step, inputs)
            try:
                return {name: selected(answer, selector) for name, selector in step.outputs.items()}
            except Missing as error:
                raise _Failed(f"Step fails when it is Extracting outputs. {error} is not in the answer.") from None
        ends = self._aws.clock.now().timestamp() + step.seconds

        def late() -> bool:
            return step.action != WAIT or self._aws.clock.now().timestamp() >= ends

        desired = inputs["DesiredValues"]
        value = last_look(
            self._aws.stopping, lambda: self._property(step, inputs), lambda found: found in desired, late
        )
        if value in desired:
            return {}
        if step.action != WAIT:
            wanted = ", ".join(desired)
            raise _Failed(f"Step fails when it is Verifying action. Desired values: {wanted}; found: {value}")
        if late():
            raise _Failed(f"Step timed out while it was waiting for {step.inputs['PropertySelector']}.")
        raise _Failed("Step was cancelled.")

    def _property(self, step: Step, inputs: Mapping[str, Any]) -> str | None:
        try:
            return selected(self._call(step, inputs), inputs["PropertySelector"])
        except Missing:
            return None

    def _call(self, step: Step, inputs: Mapping[str, Any]) -> dict[str, Any]:
        client = self._aws.client(inputs["Service"], self._region, self._session)
        given = {name: value for name, value in inputs.items() if name not in _CALL}
        try:
            answer: dict[str, Any] = getattr(client, xform_name(inputs["Api"]))(**given)
        except (ClientError, BotoCoreError) as error:
            raise _Failed(f"Step fails when it is Execute/Cancelling action. {error}") from None
        return answer

    def _known(self, name: str) -> str:
        if name == "automation:EXECUTION_ID":
            return self._execution.identity
        return self._execution.outputs.get(name) or self._execution.parameters[name]
