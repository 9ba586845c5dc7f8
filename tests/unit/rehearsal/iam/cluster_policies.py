"""The policies of the committed templates, with their parameters filled in as a deploy fills them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rehearsal.aws.iam import policy
from rehearsal.aws.iam.policy import Policy
from rehearsal.aws.sessions import Session

PROJECT = Path(__file__).resolve().parents[4]
TEMPLATES = PROJECT / "templates"
WITH_SESSIONS = PROJECT / "tests/templates/golden/development"
"""The templates of an example that has `access.ssm`."""
WITH_VOLUMES = PROJECT / "tests/templates/golden/production"
"""Of an example that has `addons.ebsCsi`."""
ACCOUNT, REGION = "123456789012", "us-east-1"
UUID = "11111111-2222-3333-4444-555555555555"
VPC = "vpc-0000000000000001"
START = f"{REGION}:{ACCOUNT}"
TABLE = f"arn:aws:dynamodb:{START}:table/cluster"
ACCESS_TABLE = f"arn:aws:dynamodb:{START}:table/access"
STREAM = f"{TABLE}/stream/now"
BUCKET = "arn:aws:s3:::backups"
KEY = f"arn:aws:kms:{START}:key/k"
STACK = f"arn:aws:cloudformation:{START}:stack"
API_TARGETS = f"arn:aws:elasticloadbalancing:{START}:targetgroup/api/1"
CONTROL_PLANE_LOGS = f"arn:aws:logs:{START}:log-group:control-planes"
WORKER_LOGS = f"arn:aws:logs:{START}:log-group:workers"
AUTOSCALER_ROLE = f"arn:aws:iam::{ACCOUNT}:role/Autoscaler"
EBS_CSI_ROLE = f"arn:aws:iam::{ACCOUNT}:role/EbsCsi"
AUDIT_LOGS = f"arn:aws:logs:{START}:log-group:audits"
SESSION_LOGS = f"arn:aws:logs:{START}:log-group:sessions"
DOCUMENT = "holdfast-Services-1-SessionDocument-2"
OPERATOR = f"arn:aws:iam::{ACCOUNT}:role/operator"
VIEWER, PERSON = f"arn:aws:iam::{ACCOUNT}:user/viewer", f"arn:aws:iam::{ACCOUNT}:role/people/ops"
VALUES: dict[str, Any] = {
    "KeyOperatorArns": [OPERATOR],
    "ViewerArns": [VIEWER],
    "EditorArns": [""],
    "AdministratorArns": [PERSON],
    "ControlPlaneRoleArn": f"arn:aws:iam::{ACCOUNT}:role/ControlPlane",
    "KeyArn": KEY,
    **{
        f"{role}Role.Arn": f"arn:aws:iam::{ACCOUNT}:role/{role}"
        for role in ("ControlPlane", "Worker", "Function", "EbsCsi")
    },
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::URLSuffix": "amazonaws.com",
    "ClusterUuid": UUID,
    "ClusterId": f"{STACK}/holdfast/root",
    "VpcId": VPC,
    "TableArn": TABLE,
    "TableStreamArn": STREAM,
    "ApiTargetGroupArn": API_TARGETS,
    "Table.Arn": TABLE,
    "AccessTable.Arn": ACCESS_TABLE,
    "BackupBucket.Arn": BUCKET,
    "Key.Arn": KEY,
    "ControlPlaneLogGroup.Arn": f"{CONTROL_PLANE_LOGS}:*",
    "AutoscalerRoleArn": AUTOSCALER_ROLE,
    "EbsCsiRoleArn": EBS_CSI_ROLE,
    "WorkerLogGroup.Arn": f"{WORKER_LOGS}:*",
    "AuditLogGroup.Arn": f"{AUDIT_LOGS}:*",
    "SessionLogGroup.Arn": f"{SESSION_LOGS}:*",
    "SessionDocument": DOCUMENT,
    "FunctionLogGroup.Arn": f"arn:aws:logs:{START}:log-group:function:*",
    "FailureQueue.Arn": f"arn:aws:sqs:{START}:failures",
    "TerminatingRule.Arn": f"arn:aws:events:{START}:rule/terminating",
    "Schedule.Arn": f"arn:aws:events:{START}:rule/schedule",
    "FlowLogGroup.Arn": f"arn:aws:logs:{START}:log-group:flows:*",
}
_REFERENCE = re.compile(r"\$\{([\w:.]+)\}")


def of_role(role: str, folder: Path = TEMPLATES) -> tuple[Policy, ...]:
    """The policies that all layers of the templates in a folder attach to `ControlPlane`, `Worker`, `Function`,
    `Autoscaler` or `EbsCsi`."""
    return tuple(policy.parse(each, f"{role}/{layer}") for layer, each in documents_of_role(role, folder).items())


def documents_of_role(role: str, folder: Path = TEMPLATES) -> dict[str, Any]:
    """The same as IAM takes them, by their layers."""
    return {
        layer: _filled(resource["Properties"]["PolicyDocument"], layer)
        for layer, logical_id, resource in _resources("AWS::IAM::RolePolicy", folder)
        if logical_id == f"{role}Policy"
    }


def tags_of_group(layer: str, logical_id: str, folder: Path = TEMPLATES) -> list[dict[str, Any]]:
    """The tags of an Auto Scaling group, as Auto Scaling takes them."""
    for found, name, group in _resources("AWS::AutoScaling::AutoScalingGroup", folder):
        if (found, name) == (layer, logical_id):
            filled: list[dict[str, Any]] = _filled(group["Properties"]["Tags"], layer)
            return filled
    raise LookupError(f"{layer}/{logical_id}")


def of_access_table() -> Policy:
    """The policy of the table in which people ask."""
    ((layer, _, table),) = [each for each in _resources("AWS::DynamoDB::Table") if each[1] == "AccessTable"]
    return policy.parse(_filled(table["Properties"]["ResourcePolicy"]["PolicyDocument"], layer), "table")


def of_trust(role: str, folder: Path = TEMPLATES) -> Policy:
    """The policy that says who assumes a role."""
    for layer, logical_id, made in _resources("AWS::IAM::Role", folder):
        if logical_id == f"{role}Role":
            return policy.parse(_filled(made["Properties"]["AssumeRolePolicyDocument"], layer), f"trust in {role}")
    raise LookupError(role)


def of_people(name: str, folder: Path = TEMPLATES) -> Policy:
    """A managed policy that is there for people."""
    for layer, logical_id, made in _resources("AWS::IAM::ManagedPolicy", folder):
        if logical_id == name:
            return policy.parse(_filled(made["Properties"]["PolicyDocument"], layer), name)
    raise LookupError(name)


def of_key(folder: Path = TEMPLATES) -> Policy:
    """The policy of the cluster's key."""
    ((layer, _, key),) = _resources("AWS::KMS::Key", folder)
    return policy.parse(_filled(key["Properties"]["KeyPolicy"], layer), "key")


def of_endpoint(service: str, folder: Path = TEMPLATES) -> Policy:
    """The policy of the VPC endpoint of a service, as `ssm`."""
    for layer, logical_id, endpoint in _resources("AWS::EC2::VPCEndpoint", folder):
        if logical_id.lower() == f"{service}endpoint":
            return policy.parse(_filled(endpoint["Properties"]["PolicyDocument"], layer), f"endpoint {service}")
    raise LookupError(service)


def stack_id(layer: str) -> str:
    """The id of the stack of a layer."""
    return f"{STACK}/holdfast-{layer}/1"


def _resources(kind: str, folder: Path = TEMPLATES) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path in sorted(folder.glob("*.json")):
        template = json.loads(path.read_text(encoding="utf-8"))
        for logical_id, resource in template["Resources"].items():
            if resource["Type"] == kind:
                yield path.stem, logical_id, resource


def _filled(value: Any, layer: str) -> Any:
    """A part of a template with its references replaced; KeyError for one that nobody knows."""
    values = {**VALUES, "AWS::StackId": stack_id(layer)}
    if isinstance(value, list):
        return [_filled(each, layer) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"}:
        return values[value["Ref"]]
    if set(value) == {"Fn::GetAtt"}:
        return values[".".join(value["Fn::GetAtt"])]
    if set(value) == {"Fn::Sub"}:
        text, own = value["Fn::Sub"] if isinstance(value["Fn::Sub"], list) else (value["Fn::Sub"], {})
        return _REFERENCE.sub(lambda found: {**values, **_filled(own, layer)}[found[1]], text)
    if set(value) == {"Fn::Select"}:
        index, parts = value["Fn::Select"]
        return _filled(parts, layer)[index]
    if set(value) == {"Fn::Join"}:
        separator, parts = value["Fn::Join"]
        return str(separator).join(_filled(parts, layer))
    if set(value) == {"Fn::Split"}:
        separator, text = value["Fn::Split"]
        return _filled(text, layer).split(separator)
    return {key: _filled(each, layer) for key, each in value.items()}


def person_session(arn: str, name: str, token: str | None = "t", called_via: tuple[str, ...] = ()) -> Session:
    """Credentials without end that belong to no instance; a user's own have no token."""
    return Session(
        identity_arn=arn,
        name=name,
        access_key_id="k",
        secret_access_key="s",
        session_token=token,
        issued_at=datetime.min.replace(tzinfo=UTC),
        expires_at=datetime.max.replace(tzinfo=UTC),
        called_via=called_via,
    )
