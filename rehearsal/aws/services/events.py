"""EventBridge: what plain moto gets wrong, and the router that delivers events and schedules."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.iam.enforcement import enforcement_of
from rehearsal.aws.services.event_router import Router, new_event
from rehearsal.aws.services.patching import around

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws

_router: Router | None = None


def start(aws: LocalAws) -> None:
    """Deliver events and schedules of this local AWS."""
    global _router
    _router = Router(aws.clock, aws.client, lambda: all_rules(aws), partial(queue_problem, aws))
    _router.start()
    aws.on_stop(_router.close)


def queue_problem(aws: LocalAws, queue_arn: str, rule_arn: str) -> str | None:
    """Why EventBridge may not send to a queue for a rule, by the policies of queue and key; None when it may."""
    source = {"aws:SourceArn": rule_arn, "aws:SourceAccount": aws.account_id}
    return enforcement_of(aws).sending_problem("events.amazonaws.com", queue_arn, source)


def all_rules(aws: LocalAws) -> list[Any]:
    """moto's rules of every account, region and bus."""
    from moto.events.models import events_backends

    with aws.lock:
        return [
            rule
            for account in events_backends.values()
            for backend in account.values()
            for bus in backend.event_buses.values()
            for rule in bus.rules.values()
        ]


def publish(
    account: str, region: str, source: str, detail_type: str, detail: Any, resources: list[str], moment: datetime
) -> None:
    """Put a service's own event on the default bus. PutEvents is closed to it: sources `aws.` are AWS's own."""
    from moto.events.models import events_backends

    if _router is None:
        return
    rules = list(events_backends[account][region].event_buses["default"].rules.values())
    _router.publish(rules, new_event(account, region, source, detail_type, detail, resources, moment))


@correction("events", "PutEvents fails when a rule has a function as target")
def rules_reach_functions() -> None:
    from moto.events.models import Rule

    @around(Rule, "send_to_targets")
    def send_to_targets(plain: Any, self: Any, original_event: Any, transform_input: bool = True) -> None:
        if not transform_input or _router is None:
            # moto's archives are rules of their own with a target that only moto understands.
            plain(self, original_event, transform_input)
            return
        moment = original_event["time"]
        if isinstance(moment, (int, float)):
            moment = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        event = {key: value for key, value in original_event.items() if key != "ingestion-time"}
        _router.publish([self], {**event, "time": moment})


@correction("events", "A rule that has only a schedule gets every event")
def a_schedule_matches_no_event() -> None:
    from moto.events.models import Rule

    @around(Rule, "send_to_targets")
    def send_to_targets(plain: Any, self: Any, original_event: Any, transform_input: bool = True) -> None:
        if self.event_pattern.get_pattern() or not self.scheduled_expression:
            plain(self, original_event, transform_input)


@correction("events", "PutEvents accepts sources that begin with aws., which EventBridge keeps for AWS's services")
def sources_of_aws_are_refused() -> None:
    from moto.events.models import EventsBackend

    @around(EventsBackend, "put_events")
    def put_events(plain: Any, self: Any, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        refusal = {
            "ErrorCode": "NotAuthorizedForSourceException",
            "ErrorMessage": "Not authorized for the source.",
        }
        refused = {index for index, event in enumerate(events) if str(event.get("Source", "")).startswith("aws.")}
        allowed = iter(plain(self, [event for index, event in enumerate(events) if index not in refused]))
        return [refusal if index in refused else next(allowed) for index in range(len(events))]
