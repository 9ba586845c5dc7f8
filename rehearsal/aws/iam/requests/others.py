"""The permissions of requests to CloudWatch Logs, Lambda, EventBridge and CloudWatch."""

from __future__ import annotations

from rehearsal.aws.iam import catalog
from rehearsal.aws.iam.requests import generic
from rehearsal.aws.iam.requests.asked import Asked, Need, State, behalf, granted, pass_role

RULES = frozenset(
    "PutRule DeleteRule DescribeRule EnableRule DisableRule PutTargets RemoveTargets ListTargetsByRule".split()
)
"""Operations on one rule of EventBridge."""
OF_ALARMS = frozenset({"DeleteAlarms", "DescribeAlarmHistory", "DescribeAlarms"})
"""Operations on the alarms that `AlarmNames` has."""
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
    needed = [Need(f"logs:{asked.operation}", resource, generic.tag_values(asked))]
    if asked.operation == "CreateLogGroup":
        # CloudWatch Logs API reference, CreateLogGroup: tags need logs:TagResource, too.
        needed += generic.tagging(asked, "logs:TagResource", asked.arn("logs", f"log-group:{group}"))
    return needed


def functions(asked: Asked, state: State) -> list[Need]:
    """A function is named by its name, or by an ARN or a part of one, with or without a version. Raises NotModelled."""
    action = LAMBDA_ACTIONS.get(asked.operation, asked.operation)
    given = asked.parameters
    name = given.get("FunctionName")
    known = catalog.action(f"lambda:{action}")
    if not isinstance(name, str) or (known is not None and not known.types):
        mapping = asked.arn("lambda", "event-source-mapping:*")
        return generic.needs(asked, action) + generic.tagging(asked, "lambda:TagResource", mapping)
    _, found, plain = name.rpartition("function:")
    plain = (
        plain if found else name.rpartition(":")[2] if name.count(":") == 1 and name.split(":")[0].isdigit() else name
    )
    qualifier = asked.parameters.get("Qualifier")
    resource = f"function:{plain}:{qualifier}" if qualifier and ":" not in plain else f"function:{plain}"
    arn = asked.arn("lambda", resource)
    return [Need(f"lambda:{action}", arn, generic.tag_values(asked)), *_definition(asked, state, arn)]


def _definition(asked: Asked, state: State, function: str) -> list[Need]:
    """What the role, the code, the key and the tags of a function need beside the action on it.

    The role is passed (Lambda guide, "Execution role"), the code is read with the caller's rights, and environment
    variables are encrypted with them under a key that Lambda gets a grant of ("Securing Lambda environment variables").
    That Decrypt and GenerateDataKey are needed for it, too, says CloudFormation's schema of functions; the guide has
    the first for whoever views the variables.
    """
    given = asked.parameters
    if asked.operation not in ("CreateFunction", "UpdateFunctionConfiguration", "UpdateFunctionCode"):
        return []
    needed = [pass_role(given["Role"], "lambda.amazonaws.com")] if given.get("Role") else []
    code = given.get("Code") or given
    if code.get("S3Bucket"):
        version = "GetObjectVersion" if code.get("S3ObjectVersion") else "GetObject"
        object_arn = f"arn:{asked.partition}:s3:::{code['S3Bucket']}/{code['S3Key']}"
        needed.append(Need(f"s3:{version}", object_arn, via="lambda"))
        key = state.object_key(code["S3Bucket"], code["S3Key"])
        needed += behalf("s3", "Decrypt", key, {"aws:s3:arn": object_arn})
    key = state.kms_key(asked.region, given["KMSKeyArn"]) if given.get("KMSKeyArn") else None
    needed += granted("lambda", key)
    for use in ("Encrypt", "Decrypt", "GenerateDataKey"):
        needed += behalf("lambda", use, key, {"aws:lambda:FunctionArn": function})
    return needed + (generic.tagging(asked, "lambda:TagResource", function) if asked.operation[:6] == "Create" else [])


def events(asked: Asked, state: State) -> list[Need]:
    """Events go to buses; where a request names none it is the default one, as for a rule. Raises NotModelled."""
    if asked.operation in RULES:
        return _rule(asked)
    if asked.operation != "PutEvents":
        return generic.needs(asked)
    buses = {entry.get("EventBusName") or "default" for entry in asked.parameters["Entries"]}
    return [
        Need("events:PutEvents", bus if bus.startswith("arn:") else asked.arn("events", f"event-bus/{bus}"))
        for bus in sorted(buses)
    ]


def _rule(asked: Asked) -> list[Need]:
    given = asked.parameters
    bus = (given.get("EventBusName") or "default").rpartition("/")[2]
    name = given.get("Rule") or given["Name"]
    arn = asked.arn("events", f"rule/{name}" if bus == "default" else f"rule/{bus}/{name}")
    needed = [Need(f"events:{asked.operation}", arn, generic.tag_values(asked))]
    if asked.operation == "PutRule":
        needed += generic.tagging(asked, "events:TagResource", arn)
    roles = [given.get("RoleArn"), *(each.get("RoleArn") for each in given.get("Targets") or ())]
    return needed + [pass_role(role, "events.amazonaws.com") for role in roles if role]


def cloudwatch(asked: Asked, state: State) -> list[Need]:
    """Metrics have no resource level; the namespace is a condition key. Raises NotModelled."""
    if asked.operation in OF_ALARMS:
        # Without a name it is about all of them.
        names = generic.texts(asked.parameters.get("AlarmNames") or "*")
        return [Need(f"cloudwatch:{asked.operation}", asked.arn("cloudwatch", f"alarm:{name}")) for name in names]
    if named := asked.parameters.get("ResourceARN"):
        # Tags. AWS's list names no dashboard among what has them; the API reference of TagResource does.
        return [Need(f"cloudwatch:{asked.operation}", named, generic.tag_values(asked))]
    if asked.operation == "DeleteDashboards":
        names = generic.texts(asked.parameters.get("DashboardNames"))
        dashboards = f"arn:{asked.partition}:cloudwatch::{asked.account_id}:dashboard/"
        return [Need("cloudwatch:DeleteDashboards", f"{dashboards}{name}") for name in names]
    found = generic.needs(asked)
    if asked.operation in {"PutDashboard", "PutMetricAlarm"}:
        # CloudWatch API reference, of both: tags need cloudwatch:TagResource, too.
        return found + generic.tagging(asked, "cloudwatch:TagResource", found[0].resource)
    namespace = asked.parameters.get("Namespace")
    if asked.operation != "PutMetricData" or not namespace:
        return found
    return [Need(need.action, need.resource, {**need.values, "cloudwatch:namespace": namespace}) for need in found]
