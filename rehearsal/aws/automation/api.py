"""StartAutomationExecution and GetAutomationExecution. Everything else of Systems Manager is moto's."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from werkzeug.wrappers import Request, Response

from rehearsal.aws.automation.document import DocumentError, Runbook, checked, filled, read
from rehearsal.aws.automation.running import Execution, Runner
from rehearsal.aws.iam.enforcement import enforcement_of
from rehearsal.aws.iam.requests.asked import pass_role
from rehearsal.aws.protocol import RequestContext, Service, ServiceError

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws
    from rehearsal.aws.sessions import Session

SERVICE = "ssm.amazonaws.com"
SESSION_SECONDS = 12 * 3600.0
_OWN = frozenset({"StartAutomationExecution", "GetAutomationExecution"})
_WRONG = "InvalidAutomationExecutionParametersException"


class Automation(Service):
    """Executions by region and ID."""

    service_name = "ssm"

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._lock = threading.Lock()
        self._executions: dict[tuple[str, str], Execution] = {}

    def answer(self, request: Request, region: str, account_id: str, access_key_id: str) -> Response:
        """Answer an operation of Automation; moto answers all others."""
        if self._operation_name(request) in _OWN:
            return super().answer(request, region, account_id, access_key_id)
        return self._aws.by_moto(request)

    def start_automation_execution(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """Begin to carry a document out."""
        runbook = self._runbook(context, request)
        try:
            values = checked(runbook, request.get("Parameters") or {})
            role = filled(runbook.assume_role, values.__getitem__)
        except DocumentError as error:
            raise ServiceError(_WRONG, str(error)) from None
        holder = enforcement_of(self._aws).holder(context.access_key_id)
        began = self._aws.clock.now()
        by = holder.identity_arn if holder else f"arn:{context.partition}:iam::{context.account_id}:root"
        execution = Execution(request["DocumentName"], values, runbook, by, began)
        session = self._session(context, role, holder, execution)
        with self._lock:
            self._executions[context.region, execution.identity] = execution
        Runner(self._aws, context.region, execution, session).start()
        return {"AutomationExecutionId": execution.identity}

    def get_automation_execution(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """How far an execution is."""
        with self._lock:
            found = self._executions.get((context.region, request["AutomationExecutionId"]))
        if found is None:
            raise ServiceError("AutomationExecutionNotFoundException", "There is no such automation execution.")
        return {"AutomationExecution": found.described()}

    def _runbook(self, context: RequestContext, request: dict[str, Any]) -> Runbook:
        name = request["DocumentName"]
        try:
            found = self._aws.client("ssm", context.region).get_document(Name=name)
            if found["DocumentType"] != "Automation":
                raise DocumentError("it is of another type")
            return read(found["Content"])
        except (ClientError, DocumentError) as error:
            text = f"{name} is no automation document: {error}"
            raise ServiceError("AutomationDefinitionNotFoundException", text) from None

    def _session(
        self, context: RequestContext, role: str, holder: Session | None, execution: Execution
    ) -> Session | None:
        """The role's, which whoever starts has to be allowed to pass, or his own (guide, "Setting up Automation")."""
        enforcement = enforcement_of(self._aws)
        if not role:
            return None if holder is None else self._aws.sessions.forward(holder, SERVICE, SESSION_SECONDS)
        if holder is not None and (problem := enforcement.problem(holder, context.region, [pass_role(role, SERVICE)])):
            raise ServiceError("AccessDeniedException", problem)
        place = f"arn:{context.partition}:ssm:{context.region}:{context.account_id}:automation-execution"
        values = {"aws:SourceAccount": context.account_id, "aws:SourceArn": f"{place}/{execution.identity}"}
        if not enforcement.judge.service_may_assume(SERVICE, role, values).allowed:
            raise ServiceError(_WRONG, f"The defined assume role is unable to be assumed: {role}")
        return self._aws.sessions.issue(role, f"Automation-{execution.identity}", SESSION_SECONDS)


def start(aws: LocalAws) -> None:
    """Answer Systems Manager's requests in this local AWS."""
    aws.register(Automation(aws))
