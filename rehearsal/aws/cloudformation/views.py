"""Stacks, resources, events and change sets as the API shows them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rehearsal.aws.cloudformation.change_sets import ChangeSet
from rehearsal.aws.cloudformation.errors import ValidationError
from rehearsal.aws.cloudformation.model import Event, Resource, Stack
from rehearsal.aws.cloudformation.plan import Change


def page(items: list[Any], token: str | None, size: int = 100) -> tuple[list[Any], str | None]:
    """One page of the items and the token of the next; a token is the index of an item."""
    if token and not token.isdecimal():
        raise ValidationError(f"NextToken '{token}' is invalid")
    start = int(token or 0)
    return items[start : start + size], str(start + size) if start + size < len(items) else None


def without_absent(shown: dict[str, Any]) -> dict[str, Any]:
    """An answer without the members that have no value."""
    return {key: value for key, value in shown.items() if value is not None}


def stack_shown(stack: Stack) -> dict[str, Any]:
    """A stack as DescribeStacks shows it."""
    target = stack.target
    return without_absent(
        {
            "StackId": stack.stack_id,
            "StackName": stack.name,
            "ChangeSetId": stack.change_set_id,
            "Description": target.template.description if target else None,
            "Parameters": [each.described() for each in target.parameters.values()] if target else [],
            "CreationTime": stack.created,
            "DeletionTime": stack.deleted,
            "LastUpdatedTime": stack.updated,
            "RollbackConfiguration": {"RollbackTriggers": []},
            "StackStatus": stack.status,
            "StackStatusReason": stack.reason,
            "DisableRollback": stack.disable_rollback,
            "NotificationARNs": list(stack.notification_arns),
            "TimeoutInMinutes": stack.timeout_minutes,
            "Capabilities": list(target.capabilities) if target else [],
            "Outputs": [each.described() for each in stack.outputs.values()],
            "RoleARN": stack.role_arn,
            "Tags": [{"Key": key, "Value": value} for key, value in target.tags.items()] if target else [],
            "EnableTerminationProtection": stack.termination_protection,
            "ParentId": stack.parent_id,
            "RootId": stack.root_id,
            "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
            "RetainExceptOnCreate": stack.retain_except_on_create,
        }
    )


def stack_summary(stack: Stack) -> dict[str, Any]:
    """A stack as ListStacks shows it."""
    shown = stack_shown(stack)
    keys = "StackId StackName CreationTime LastUpdatedTime DeletionTime StackStatus StackStatusReason ParentId RootId"
    summary = {key: shown[key] for key in keys.split() if key in shown}
    summary["DriftInformation"] = {"StackDriftStatus": "NOT_CHECKED"}
    if "Description" in shown:
        summary["TemplateDescription"] = shown["Description"]
    return summary


def event_shown(stack: Stack, event: Event) -> dict[str, Any]:
    """A line of a stack's history."""
    return without_absent(
        {
            "StackId": stack.stack_id,
            "EventId": event.event_id,
            "StackName": stack.name,
            "LogicalResourceId": event.logical_id,
            "PhysicalResourceId": event.physical_id,
            "ResourceType": event.type_name,
            "Timestamp": event.timestamp,
            "ResourceStatus": event.status,
            "ResourceStatusReason": event.reason,
            "ResourceProperties": event.properties,
            "ClientRequestToken": event.token,
        }
    )


def resource_shown(stack: Stack, resource: Resource, time_key: str) -> dict[str, Any]:
    """A resource; its time has another name in every operation."""
    return without_absent(
        {
            "StackName": stack.name,
            "StackId": stack.stack_id,
            "LogicalResourceId": resource.logical_id,
            "PhysicalResourceId": resource.physical_id,
            "ResourceType": resource.type_name,
            time_key: resource.timestamp,
            "ResourceStatus": resource.status,
            "ResourceStatusReason": resource.reason,
            "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
        }
    )


def change_set_summary(change_set: ChangeSet) -> dict[str, Any]:
    """A change set as ListChangeSets shows it."""
    return without_absent(
        {
            "StackId": change_set.stack.stack_id,
            "StackName": change_set.stack.name,
            "ChangeSetId": change_set.change_set_id,
            "ChangeSetName": change_set.name,
            "ExecutionStatus": change_set.execution_status,
            "Status": change_set.status,
            "StatusReason": change_set.reason,
            "CreationTime": change_set.created,
            "Description": change_set.description,
            "IncludeNestedStacks": change_set.include_nested,
            "ParentChangeSetId": change_set.parent_id,
            "RootChangeSetId": change_set.root_id,
        }
    )


def change_set_shown(change_set: ChangeSet, with_values: bool) -> dict[str, Any]:
    """A change set as DescribeChangeSet shows it, without its changes' page."""
    target = change_set.target
    return {
        **change_set_summary(change_set),
        **without_absent({"OnStackFailure": change_set.on_stack_failure}),
        "Parameters": [each.described() for each in target.parameters.values()],
        "Capabilities": list(target.capabilities),
        "Tags": [{"Key": key, "Value": value} for key, value in target.tags.items()],
        "NotificationARNs": [],
        "Changes": [change_shown(each, with_values) for each in (change_set.plan.changes if change_set.plan else [])],
    }


def change_shown(change: Change, with_values: bool) -> dict[str, Any]:
    """One change; the properties' paths and values only when asked for.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
    """
    resource = without_absent(
        {
            "PolicyAction": change.policy_action,
            "Action": change.action,
            "LogicalResourceId": change.logical_id,
            "PhysicalResourceId": change.physical_id,
            "ResourceType": change.type_name,
            "Replacement": change.replacement,
            "Scope": change.scope,
            "Details": [_detail_shown(each, with_values) for each in change.details],
            "ChangeSetId": change.change_set_id,
            "BeforeContext": _context(change.before) if with_values else None,
            "AfterContext": _context(change.after) if with_values else None,
        }
    )
    return {"Type": "Resource", "ResourceChange": resource}


def _context(properties: Mapping[str, Any] | None) -> str | None:
    return None if properties is None else json.dumps({"Properties": properties}, default=str)


def _detail_shown(detail: dict[str, Any], with_values: bool) -> dict[str, Any]:
    hidden = () if with_values else ("BeforeValue", "AfterValue", "AttributeChangeType", "Path")
    return {**detail, "Target": {key: value for key, value in detail["Target"].items() if key not in hidden}}
