"""Service actions: runbooks of Systems Manager that whoever launches may have carried out on a launched product.

Service Catalog starts a runbook by the role of the action's definition, or by the caller's own rights where it names
none (API reference, CreateServiceAction; AWS Service Management Connector guide, "Creating SCConnectLaunch role": the
role is one that Service Catalog may assume, and has the rights to start automations).
"""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from rehearsal.aws.iam.enforcement import enforcement_of
from rehearsal.aws.polling import last_look
from rehearsal.aws.protocol import RequestContext, ServiceError
from rehearsal.aws.regional import not_played
from rehearsal.aws.servicecatalog.api_base import duplicate, find, in_use, invalid, missing, paged
from rehearsal.aws.servicecatalog.api_launched import LaunchedOperations
from rehearsal.aws.servicecatalog.launching import SERVICE, SESSION_SECONDS
from rehearsal.aws.servicecatalog.model import Body, LaunchedProduct, LaunchRecord, ServiceAction, Version

if TYPE_CHECKING:
    from rehearsal.aws.sessions import Session

_NAME = re.compile(r"[a-zA-Z0-9_\-.]{1,256}")


class ActionOperations(LaunchedOperations):
    """Operations on service actions of whoever administers, and of whoever launches."""

    def create_service_action(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Make an action of a runbook."""
        _checked(request["Definition"])
        if not _NAME.fullmatch(request["Name"]):
            raise invalid(f"The name {request['Name']!r} has to match {_NAME.pattern}.")

        def make() -> ServiceAction:
            action = ServiceAction(request["Name"], request["Definition"], request.get("Description", ""))
            self.held(context).actions[action.identity] = action
            return action

        return {"ServiceActionDetail": self.once(context, request["IdempotencyToken"], make).described()}

    def describe_service_action(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """An action with its definition."""
        with self.lock:
            return {"ServiceActionDetail": self._action(context, request["Id"]).described()}

    def update_service_action(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Change an action for all versions that have it."""
        with self.lock:
            action = self._action(context, request["Id"])
            if request.get("Definition"):
                _checked(request["Definition"])
                action.definition = request["Definition"]
            action.name = request.get("Name") or action.name
            action.description = request.get("Description", action.description)
            return {"ServiceActionDetail": action.described()}

    def delete_service_action(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Delete an action that no version has."""
        with self.lock:
            action = self._action(context, request["Id"])
            versions = [each for product in self.held(context).products.values() for each in product.versions.values()]
            if any(action.identity in each.actions for each in versions):
                raise in_use(f"The service action {action.identity} is associated with a provisioning artifact.")
            del self.held(context).actions[action.identity]
        return {}

    def list_service_actions(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """All of the account."""
        with self.lock:
            found = [each.summary() for each in self.held(context).actions.values()]
        return paged("ServiceActionSummaries", found, request)

    def associate_service_action_with_provisioning_artifact(
        self, context: RequestContext, request: dict[str, Any]
    ) -> Body:
        """Give a version an action."""
        with self.lock:
            action = self._action(context, request["ServiceActionId"])
            version = self._of_product(context, request)
            if action.identity in version.actions:
                raise duplicate(f"The service action {action.identity} is associated with {version.identity} already.")
            version.actions.append(action.identity)
        return {}

    def disassociate_service_action_from_provisioning_artifact(
        self, context: RequestContext, request: dict[str, Any]
    ) -> Body:
        """Take an action from a version."""
        with self.lock:
            version = self._of_product(context, request)
            if request["ServiceActionId"] not in version.actions:
                raise missing("ServiceAction", request["ServiceActionId"])
            version.actions.remove(request["ServiceActionId"])
        return {}

    def list_service_actions_for_provisioning_artifact(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """The actions of a version."""
        with self.lock:
            version = self._of_product(context, request)
            found = [self._action(context, each).summary() for each in version.actions]
        return paged("ServiceActionSummaries", found, request)

    def describe_service_action_execution_parameters(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """What an action asks for, as its definition says; only texts are played, so there are no defaults."""
        with self.lock:
            action = self._action_of(context, request)[1]
            listed = _parameters(action.definition)
            return {"ServiceActionParameters": [{**each, "DefaultValues": []} for each in listed]}

    def execute_provisioned_product_service_action(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Start the runbook; the record ends as its execution does."""

        def make() -> LaunchRecord:
            launched, action = self._action_of(context, request)
            if launched.status == "UNDER_CHANGE":
                text = f"The provisioned product {launched.name} is under change."
                raise ServiceError("InvalidStateException", text)
            given = request.get("Parameters") or {}
            if unknown := sorted(given.keys() - {each["Name"] for each in _parameters(action.definition)}):
                raise invalid(f"The service action has no parameter {unknown[0]}.")
            session = self._session_of(context, launched, action)
            # The API reference knows no type for such a record.
            record = self.record(context, "", launched, launched.version)
            record.status = "IN_PROGRESS"
            started = (context.region, session, action, given, record)
            self.aws.work(f"action-{record.identity}", partial(self._carry_out, *started))
            return record

        return {"RecordDetail": self.once(context, request["ExecuteToken"], make).described()}

    def _carry_out(
        self, region: str, session: Session | None, action: ServiceAction, given: Body, record: LaunchRecord
    ) -> None:
        ssm = self.aws.client("ssm", region, session)
        version = action.definition.get("Version")
        try:
            identity = ssm.start_automation_execution(
                DocumentName=action.definition["Name"],
                Parameters=given,
                **({"DocumentVersion": version} if version else {}),
            )["AutomationExecutionId"]
            found: Body = last_look(
                self.aws.stopping,
                lambda: ssm.get_automation_execution(AutomationExecutionId=identity)["AutomationExecution"],
                lambda execution: execution["AutomationExecutionStatus"] != "InProgress",
            )
            good = found["AutomationExecutionStatus"] == "Success"
            problem = {"Code": "ActionFailed", "Description": found.get("FailureMessage", "")}
        except ClientError as error:
            good, said = False, error.response["Error"]
            problem = {"Code": said["Code"], "Description": said["Message"]}
        record.errors = [] if good else [problem]
        record.updated = self.aws.clock.now()
        record.status = "SUCCEEDED" if good else "FAILED"

    def _session_of(self, context: RequestContext, launched: LaunchedProduct, action: ServiceAction) -> Session | None:
        role = action.definition.get("AssumeRole")
        if role == "LAUNCH_ROLE":
            role = launched.role_arn
        if not role:
            holder = self.holder(context)
            return None if holder is None else self.aws.sessions.forward(holder, SERVICE, SESSION_SECONDS)
        values = {"aws:SourceAccount": context.account_id}
        if not enforcement_of(self.aws).judge.service_may_assume(SERVICE, role, values).allowed:
            raise invalid(f"Access denied while assuming the role {role}")
        return self.aws.sessions.issue(role, "servicecatalog", SESSION_SECONDS)

    def _action(self, context: RequestContext, identity: str) -> ServiceAction:
        return find(self.held(context).actions, "ServiceAction", identity)

    def _of_product(self, context: RequestContext, request: Body) -> Version:
        product = find(self.held(context).products, "Product", request["ProductId"])
        return find(product.versions, "ProvisioningArtifact", request["ProvisioningArtifactId"])

    def _action_of(self, context: RequestContext, request: Body) -> tuple[LaunchedProduct, ServiceAction]:
        """A launched product, and an action that its version has."""
        launched = self.launched(context, request)
        version = self.held(context).products[launched.product].versions[launched.version]
        if request["ServiceActionId"] not in version.actions:
            raise missing("ServiceAction", request["ServiceActionId"])
        return launched, self._action(context, request["ServiceActionId"])


def _parameters(definition: Body) -> list[Body]:
    listed: list[Body] = json.loads(definition.get("Parameters") or "[]")
    return listed


def _checked(definition: Body) -> None:
    if not definition.get("Name"):
        raise invalid("The definition has to name a document.")
    for each in _parameters(definition):
        if each.get("Type") == "TARGET":
            raise not_played("a parameter of type TARGET")
        if each.keys() != {"Name", "Type"} or each["Type"] != "TEXT_VALUE":
            raise invalid("A parameter has a Name, and the Type TARGET or TEXT_VALUE.")
