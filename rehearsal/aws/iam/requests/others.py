"""The permissions of requests to CloudWatch Logs, Lambda, EventBridge and CloudWatch."""

from __future__ import annotations

from rehearsal.aws.iam.requests import generic
from rehearsal.aws.iam.requests.asked import Asked, Need, State

LAMBDA_ACTIONS = {"Invoke": "InvokeFunction", "InvokeWithResponseStream": "InvokeFunction"}


def logs(asked: Asked, state: State) -> list[Need]:
    """A group's ARN ends in `log-stream:` and the stream's name, where the request has one. Raises NotModelled.

    So a policy on `log-group:NAME:*`, which is what CloudFormation gives as a group's ARN, covers both.
    """
    group = asked.parameters.get("logGroupName") or asked.parameters.get("logGroupIdentifier")
    if not group:
        return generic.needs(asked)
    if group.startswith("arn:"):
        group = group.split(":log-group:", 1)[1].removesuffix(":*")
    stream = asked.parameters.get("logStreamName") or ""
    resource = asked.arn("logs", f"log-group:{group}:log-stream:{stream}")
    return [Need(f"logs:{asked.operation}", resource, generic.tag_values(asked))]


def functions(asked: Asked, state: State) -> list[Need]:
    """A function is named by its name, or by an ARN or a part of one, with or without a version. Raises NotModelled."""
    action = LAMBDA_ACTIONS.get(asked.operation, asked.operation)
    name = asked.parameters.get("FunctionName")
    if not isinstance(name, str):
        return generic.needs(asked, action)
    _, found, plain = name.rpartition("function:")
    plain = (
        plain if found else name.rpartition(":")[2] if name.count(":") == 1 and name.split(":")[0].isdigit() else name
    )
    qualifier = asked.parameters.get("Qualifier")
    resource = f"function:{plain}:{qualifier}" if qualifier and ":" not in plain else f"function:{plain}"
    return [Need(f"lambda:{action}", asked.arn("lambda", resource))]


def events(asked: Asked, state: State) -> list[Need]:
    """Events go to buses; where a request names none it is the default one. Raises NotModelled."""
    if asked.operation != "PutEvents":
        return generic.needs(asked)
    buses = {entry.get("EventBusName") or "default" for entry in asked.parameters["Entries"]}
    return [
        Need("events:PutEvents", bus if bus.startswith("arn:") else asked.arn("events", f"event-bus/{bus}"))
        for bus in sorted(buses)
    ]


def cloudwatch(asked: Asked, state: State) -> list[Need]:
    """Metrics have no resource level; the namespace is a condition key. Raises NotModelled."""
    found = generic.needs(asked)
    namespace = asked.parameters.get("Namespace")
    if asked.operation != "PutMetricData" or not namespace:
        return found
    return [Need(need.action, need.resource, {**need.values, "cloudwatch:namespace": namespace}) for need in found]
