"""EventBridge: rules with their targets."""

from __future__ import annotations

import re
from typing import Any

from rehearsal.aws.cloudformation.provider import Context, Made, ProviderError, register
from rehearsal.aws.cloudformation.providers.translation import (
    already_gone,
    api_values,
    refuse_others,
    tag_changes,
    tag_list,
    tags_of,
)

NAME_LENGTH = 64
TARGET_PROPERTIES = frozenset(
    {"Arn", "DeadLetterConfig", "Id", "Input", "InputPath", "InputTransformer", "RetryPolicy"}
)
TARGET_SERVICES = ("lambda", "sqs")
GONE = "ResourceNotFoundException"


class Rule:
    """AWS::Events::Rule on the default bus. Ref is the rule's name."""

    type_name = "AWS::Events::Rule"
    settings = frozenset({"Description", "EventPattern", "RoleArn", "ScheduleExpression", "State"})
    properties = settings | {"Name", "Tags", "Targets"}
    create_only = frozenset({"Name"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Put the rule and its targets."""
        name = properties.get("Name") or context.physical_name(NAME_LENGTH)
        tags = tag_list(tags_of(context, properties.get("Tags"), system=False))
        return self._put(context, name, properties, {"Tags": tags} if tags else {})

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Put the rule anew, which replaces every setting, and bring targets and tags in line."""
        made = self._put(context, physical_id, new, {})
        client = context.client("events")
        kept = {target["Id"] for target in new.get("Targets") or []}
        gone_targets = [target["Id"] for target in old.get("Targets") or [] if target["Id"] not in kept]
        if gone_targets:
            client.remove_targets(Rule=physical_id, Ids=gone_targets)
        arn = made.attributes["Arn"]
        present = {tag["Key"]: tag["Value"] for tag in client.list_tags_for_resource(ResourceARN=arn)["Tags"]}
        gone, changed = tag_changes(present, tags_of(context, new.get("Tags"), system=False))
        if gone:
            client.untag_resource(ResourceARN=arn, TagKeys=gone)
        if changed:
            client.tag_resource(ResourceARN=arn, Tags=tag_list(changed))
        return made

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Remove the targets, then the rule."""
        client = context.client("events")
        with already_gone(GONE):
            targets = client.list_targets_by_rule(Rule=physical_id)["Targets"]
            if targets:
                client.remove_targets(Rule=physical_id, Ids=[target["Id"] for target in targets])
            client.delete_rule(Name=physical_id)

    def _put(self, context: Context, name: str, properties: dict[str, Any], extra: dict[str, Any]) -> Made:
        client = context.client("events")
        targets = properties.get("Targets") or []
        for target in targets:
            refuse_others(target, TARGET_PROPERTIES, "Targets")
            if not re.match(rf"arn:[\w-]+:({'|'.join(TARGET_SERVICES)}):", str(target.get("Arn", ""))):
                raise ProviderError(
                    f"property Targets.Arn is {target.get('Arn')!r}; the local AWS delivers to: "
                    f"{', '.join(TARGET_SERVICES)}"
                )
        values = {key: properties[key] for key in self.settings if properties.get(key) is not None}
        arn = client.put_rule(**api_values(client, "PutRule", {**values, **extra, "Name": name}))["RuleArn"]
        if targets:
            request = api_values(client, "PutTargets", {"Rule": name, "Targets": targets})
            refused = client.put_targets(**request)["FailedEntries"]
            if refused:
                raise ProviderError(f"target {refused[0]['TargetId']}: {refused[0]['ErrorMessage']}")
        return Made(name, {"Arn": arn})


register(Rule())
