"""The operations on lifecycle policies and on their executions; an enabled policy runs once a day.

Image Builder chooses the time of day (user guide, "How lifecycle policy execution works"): here it is a day after the
policy was made or changed, and each day from then on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from werkzeug.wrappers import Request, Response

from rehearsal.aws.imagebuilder.api_base import BuilderBase, find, invalid, missing, moment, page
from rehearsal.aws.imagebuilder.lifecycle import PolicyRun
from rehearsal.aws.imagebuilder.model import Body, BuilderRegion, Execution
from rehearsal.aws.protocol import RequestContext
from rehearsal.aws.server import LocalAws

RULES = {"DELETE", "DEPRECATE", "DISABLE"}
"""The actions of a lifecycle policy for AMIs; at most one rule for each (API reference, CreateLifecyclePolicy)."""
DAY_SECONDS = 24 * 3600.0


class PolicyOperations(BuilderBase):
    """Policies run one after the other."""

    def __init__(self, aws: LocalAws) -> None:
        super().__init__(aws)
        self._cancel: dict[str, Callable[[], None]] = {}
        self._one_run = threading.Lock()

    def create_lifecycle_policy(self, context: RequestContext, request: dict[str, Any]) -> Body:
        _check_rules(request)
        request.setdefault("status", "ENABLED")
        answer = self._create(context, "policies", "lifecycle-policy", "lifecyclePolicyArn", request)
        self._arm(context.region, answer["lifecyclePolicyArn"])
        return answer

    def update_lifecycle_policy(self, context: RequestContext, request: dict[str, Any]) -> Body:
        _check_rules(request)
        request.setdefault("status", "ENABLED")
        answer = self._update(context, "policies", "lifecyclePolicyArn", request)
        self._arm(context.region, answer["lifecyclePolicyArn"])
        return answer

    def get_lifecycle_policy(self, context: RequestContext, request: dict[str, Any]) -> Body:
        return {"lifecyclePolicy": find(self.held(context).policies, request["lifecyclePolicyArn"])}

    def delete_lifecycle_policy(self, context: RequestContext, request: dict[str, Any]) -> Body:
        answer = self._delete(context, "policies", "lifecyclePolicyArn", request)
        self._disarm(request["lifecyclePolicyArn"])
        return answer

    def list_lifecycle_executions(self, context: RequestContext, request: dict[str, Any]) -> Body:
        held, wanted = self.held(context), request["resourceArn"]
        find(held.policies, wanted)
        shown, following = page([each.described() for each in held.executions if each.policy == wanted], request)
        return {"lifecycleExecutions": shown, **following}

    def list_lifecycle_execution_resources(self, context: RequestContext, request: dict[str, Any]) -> Body:
        wanted = request["lifecycleExecutionId"]
        for each in self.held(context).executions:
            if each.identity == wanted:
                shown, following = page(each.resources, request)
                return {
                    "lifecycleExecutionId": wanted,
                    "lifecycleExecutionState": each.state,
                    "resources": shown,
                    **following,
                }
        raise missing(wanted)

    def run_policies(self, request: Request) -> Response:
        """What an operator orders: every enabled policy runs now, as though its time had come."""
        if request.method != "POST":
            return Response(f"{request.method} is not allowed here\n", status=405)
        with self.aws.lock:
            due = [(region, arn) for region, held in self._regions.items() for arn in held.policies]
        for region, arn in due:
            self._run(region, arn)
        return Response("", status=204)

    def _arm(self, region: str, arn: str) -> None:
        self._disarm(arn)
        if self.in_region(region).policies[arn]["status"] == "ENABLED":
            self._cancel[arn] = self.aws.clock.timer(DAY_SECONDS, lambda: self._come(region, arn))

    def _disarm(self, arn: str) -> None:
        cancel = self._cancel.pop(arn, None)
        if cancel is not None:
            cancel()

    def _come(self, region: str, arn: str) -> None:
        self._run(region, arn)
        with self.aws.lock:
            if arn in self.in_region(region).policies and not self.aws.stopping.is_set():
                self._arm(region, arn)

    def _run(self, region: str, arn: str) -> None:
        held: BuilderRegion = self.in_region(region)
        with self._one_run:
            with self.aws.lock:
                policy = held.policies.get(arn)
                if policy is None or policy["status"] != "ENABLED":
                    return
                policy["dateLastRun"] = moment(self.aws.clock)
                execution = Execution(arn, moment(self.aws.clock))
                held.executions.append(execution)
                images = list(held.images.values())
            state = PolicyRun(self.aws, region, policy, execution).run(images)
            with self.aws.lock:
                execution.state, execution.ended = state, moment(self.aws.clock)


def _check_rules(request: Mapping[str, Any]) -> None:
    rules = [each["action"]["type"] for each in request["policyDetails"]]
    if len(set(rules)) != len(rules) or not set(rules) <= RULES:
        raise invalid(f"A policy has at most one rule for each of {', '.join(sorted(RULES))}, not {rules}.")
    if len([name for name in ("recipes", "tagMap") if request["resourceSelection"].get(name)]) != 1:
        raise invalid("A policy selects resources either by recipes or by a tag map.")
