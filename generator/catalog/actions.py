"""Service actions of the product: what a team does with its cluster on the second day, without rights of its own.

Service Catalog starts a runbook of Systems Manager by one role, and the runbook works by another, which can do nothing
but write and read requests in the tables of launched clusters (docs/decisions/0040). Nothing here runs a command.
"""

from __future__ import annotations

import json
from typing import Any

from awacs import cloudformation, dynamodb, iam, kms, ssm, sts
from awacs.aws import Action, Allow, Principal, Statement
from troposphere import AccountId, GetAtt, Ref, Sub, Template
from troposphere.iam import Policy
from troposphere.iam import Role as IamRole
from troposphere.servicecatalog import DefinitionParameter, ServiceAction
from troposphere.ssm import Document

from coordination.names import (
    REPLACED,
    REPLACEMENT_ITEM_PREFIX,
    TABLE_KEY,
    ReplacementField,
    ReplacementState,
    replacement_item,
)
from generator.catalog import launch_role
from generator.partition import via_services_anywhere
from generator.policies import condition, policy_dict

REPLACE_SLOT = "replace-control-plane"
"""The action's name, by which a team finds it."""
ANSWER_SECONDS = 300
"""How long the runbook waits for the function to take a request; then it withdraws it."""
REPLACED_SECONDS = 3600
"""How long it waits for the successor to serve. The function goes on all the same."""

# The stacks of provisioned products are named SC-<account>-pp-<id>, and what they hold after them (launch_role.py).
_STACKS = "SC-${AWS::AccountId}-pp-*"
_PLACE = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:"
_LEADING = "dynamodb:LeadingKeys"
_ITEM = replacement_item("{{ automation:EXECUTION_ID }}")
_KEY = {TABLE_KEY: {"S": _ITEM}}
# STATE is a reserved word of DynamoDB.
_STATE = {"#State": ReplacementField.STATE.value}


def add(template: Template) -> tuple[list[ServiceAction], IamRole]:
    """The actions, and the role by which their runbooks work."""
    works = _role(
        template,
        "AutomationRole",
        "Role by which runbooks write requests into the tables of launched clusters",
        "ssm.amazonaws.com",
        # Systems Manager guide, "Setting up Automation", on the confused deputy.
        {"ArnLike": {"aws:SourceArn": Sub(_PLACE.replace("%s:${AWS::Region}", "ssm:*") + "automation-execution/*")}},
        [
            Statement(
                Sid="AskForReplacements",
                Effect=Allow,
                Action=[dynamodb.DeleteItem, dynamodb.GetItem, dynamodb.PutItem],
                Resource=[Sub(_PLACE % "dynamodb" + f"table/{_STACKS}")],
                Condition=condition(
                    {
                        "ForAllValues:StringLike": {_LEADING: [f"{REPLACEMENT_ITEM_PREFIX}*"]},
                        "Null": {_LEADING: "false"},
                    }
                ),
            ),
            Statement(
                Sid="UseKeysOfTables",
                Effect=Allow,
                Action=[kms.Decrypt, kms.Encrypt, kms.GenerateDataKey],
                Resource=[Sub(_PLACE % "kms" + "key/*")],
                Condition=condition(
                    {
                        "StringEquals": _VIA_DYNAMODB,
                        "StringLike": {"kms:EncryptionContext:aws:dynamodb:tableName": Sub(_STACKS)},
                    }
                ),
            ),
            Statement(
                Sid="DescribeKeysOfTables",
                Effect=Allow,
                Action=[kms.DescribeKey],
                Resource=[Sub(_PLACE % "kms" + "key/*")],
                Condition=condition({"StringEquals": _VIA_DYNAMODB}),
            ),
        ],
    )
    document = template.add_resource(
        Document("ReplaceSlotRunbook", DocumentType="Automation", Content=replace_slot(GetAtt(works, "Arn")))
    )
    starts = _role(
        template,
        "ActionRole",
        "Role by which Service Catalog starts the runbooks of service actions",
        "servicecatalog.amazonaws.com",
        {},
        # What AWS lists for such a role, but for the instances (Service Management Connector guide, "Creating
        # SCConnectLaunch role").
        [
            _allow("ReadRunbooks", [ssm.DescribeDocument], [Sub(_DOCUMENT, Name=Ref(document))]),
            _allow(
                "StartRunbooks",
                [ssm.StartAutomationExecution],
                [Sub(_DOCUMENT, Name=Ref(document)), Sub(_EXECUTIONS)],
            ),
            _allow("FollowRunbooks", [ssm.GetAutomationExecution, ssm.StopAutomationExecution], [Sub(_EXECUTIONS)]),
            _allow(
                "SeeStacks",
                [cloudformation.ListStackResources],
                [Sub(_PLACE % "cloudformation" + f"stack/{_STACKS}/*")],
            ),
            Statement(
                Sid="PassRole",
                Effect=Allow,
                Action=[iam.PassRole],
                Resource=[GetAtt(works, "Arn")],
                Condition=condition({"StringEquals": {"iam:PassedToService": "ssm.amazonaws.com"}}),
            ),
        ],
    )
    action = template.add_resource(
        ServiceAction(
            "ReplaceSlot",
            Name=REPLACE_SLOT,
            Description="Has another instance take the place of a slot's, where the cluster is whole",
            DefinitionType="SSM_AUTOMATION",
            Definition=[
                DefinitionParameter(Key=key, Value=value)
                for key, value in (
                    ("Name", Ref(document)),
                    ("Version", "1"),
                    ("AssumeRole", GetAtt(starts, "Arn")),
                    ("Parameters", _asked("Table", "Slot")),
                )
            ],
        )
    )
    return [action], works


_DOCUMENT = _PLACE % "ssm" + "document/${Name}"
_EXECUTIONS = _PLACE % "ssm" + "automation-execution/*"
_VIA_DYNAMODB = {"kms:ViaService": via_services_anywhere("dynamodb")}


def replace_slot(role: Any) -> dict[str, Any]:
    """The runbook: writes the request, waits for what becomes of it, and takes it away again.

    The step Replaced fails where the answer is another one, so that what it found is the error of the execution.
    """
    states = ReplacementState
    return {
        "schemaVersion": "0.3",
        "description": "Asks the reconcile function of a cluster to replace the instance of a control plane's slot",
        "assumeRole": role,
        "parameters": {
            "Table": {
                "type": "String",
                "description": "Name of the cluster table: the output TableName of the launched product",
                "allowedPattern": "^SC-[0-9]{12}-pp-[A-Za-z0-9._-]{1,200}$",
            },
            "Slot": {
                "type": "String",
                "description": "Number of the slot, from 0",
                "allowedPattern": "^[0-9]{1,2}$",
            },
        },
        "mainSteps": [
            _call(
                "Ask",
                "PutItem",
                Item={
                    **_KEY,
                    ReplacementField.SLOT.value: {"S": "{{ Slot }}"},
                    ReplacementField.STATE.value: {"S": states.REQUESTED.value},
                },
                ConditionExpression=f"attribute_not_exists({TABLE_KEY})",
            ),
            _look(
                "Taken",
                "aws:waitForAwsResourceProperty",
                ReplacementField.STATE,
                [states.ACCEPTED.value, states.REPLACED.value, states.REFUSED.value],
                timeoutSeconds=ANSWER_SECONDS,
                onFailure="step:Withdraw",
            ),
            _look(
                "Answered",
                "aws:waitForAwsResourceProperty",
                ReplacementField.STATE,
                [states.REPLACED.value, states.REFUSED.value],
                timeoutSeconds=REPLACED_SECONDS,
            ),
            _look(
                "Replaced",
                "aws:assertAwsResourceProperty",
                ReplacementField.RESULT,
                [REPLACED],
                onFailure="step:Forget",
            ),
            {**_call("Forget", "DeleteItem", Key=_KEY), "isEnd": True},
            {
                **_call(
                    "Withdraw",
                    "DeleteItem",
                    Key=_KEY,
                    ConditionExpression="#State = :requested",
                    ExpressionAttributeNames=_STATE,
                    ExpressionAttributeValues={":requested": {"S": states.REQUESTED.value}},
                ),
                "isEnd": True,
            },
        ],
    }


def _call(name: str, api: str, **inputs: Any) -> dict[str, Any]:
    given = {"Service": "dynamodb", "Api": api, "TableName": "{{ Table }}", **inputs}
    return {"name": name, "action": "aws:executeAwsApi", "inputs": given}


def _look(name: str, action: str, field: ReplacementField, wanted: list[str], **more: Any) -> dict[str, Any]:
    """A step that looks at a field of the request."""
    found = _call(name, "GetItem", Key=_KEY, ConsistentRead=True)
    expected = {"PropertySelector": f"$.Item.{field.value}.S", "DesiredValues": wanted}
    return {**found, "action": action, "inputs": {**found["inputs"], **expected}, **more}


def _asked(*names: str) -> str:
    """What whoever executes an action types in: TARGET is for instances of the stack itself, and a cluster has none."""
    return json.dumps([{"Name": name, "Type": "TEXT_VALUE"} for name in names])


def _allow(sid: str, actions: list[Action], resources: list[Any]) -> Statement:
    return Statement(Sid=sid, Effect=Allow, Action=actions, Resource=resources)


def _role(
    template: Template,
    name: str,
    description: str,
    service: str,
    conditions: dict[str, Any],
    statements: list[Statement],
) -> IamRole:
    trust = Statement(
        Effect=Allow,
        Action=[sts.AssumeRole],
        Principal=Principal("Service", [service]),
        Condition=condition({"StringEquals": {"aws:SourceAccount": AccountId}, **conditions}),
    )
    return template.add_resource(
        IamRole(
            name,
            Description=description,
            Path=launch_role.PATH,
            AssumeRolePolicyDocument=policy_dict([trust]),
            Policies=[Policy(PolicyName=name, PolicyDocument=policy_dict(statements))],
        )
    )
