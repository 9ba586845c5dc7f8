"""Shells by Session Manager: there with `access.ssm` alone, logged, encrypted, and on this cluster's nodes only."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.templates.cluster import Cluster, Statement
from tests.templates.rules.encryption import OUR_KEY
from tests.templates.rules.machines import launch_templates
from tests.templates.rules.permissions import NODE_ROLES
from tests.templates.rules.rule import rule

_START = (
    "\nsystemctl start --no-block holdfast-boot.service\nexec systemctl start --no-block amazon-ssm-agent.service\n"
)
_FILE = "\n: >/etc/holdfast/session-manager\n"
_SESSIONS = {"Fn::Sub": "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:session/*"}
# What a node's role may do for sessions, and nothing else of these services.
_OF_NODES = {
    "logs:DescribeLogGroups",
    "ssm:UpdateInstanceInformation",
    *(f"ssmmessages:{verb}{what}Channel" for verb in ("Create", "Open") for what in ("Control", "Data")),
}
# Sid of a statement of the people's policy -> its actions.
_OF_PEOPLE = {
    "StartSessions": ["ssm:StartSession"],
    "WithThisDocument": ["ssm:StartSession"],
    "OpenChannels": ["ssmmessages:OpenDataChannel"],
    "EndOwnSessions": ["ssm:ResumeSession", "ssm:TerminateSession"],
    "EncryptSessions": ["kms:GenerateDataKey"],
}


@rule
def session_manager_is_there_with_its_setting_only(cluster: Cluster) -> Iterator[str]:
    wanted = cluster.config.access.ssm
    if bool(cluster.resources("AWS::SSM::Document")) is not wanted:
        yield f"access.ssm is {wanted}: the session document"
    for role in NODE_ROLES:
        found = {action for each in cluster.role_statements(role) for action in each.actions}
        of_sessions = {each for each in found if each in _OF_NODES or each.startswith(("ssmmessages:", "ec2messages:"))}
        if of_sessions != (_OF_NODES if wanted else set()):
            yield f"access.ssm is {wanted}: {role} may {sorted(of_sessions)}"
    for template, data in launch_templates(cluster):
        script = data["UserData"]["Fn::Base64"]["Fn::Sub"]
        starts = _FILE in script and script.endswith(_START)
        if starts is not wanted or ("ssm-agent" in script) is not wanted:
            yield f"access.ssm is {wanted}: the user data of {template}"


@rule
def a_session_is_logged_as_it_goes_and_encrypted_and_ends(cluster: Cluster) -> Iterator[str]:
    for document in cluster.resources("AWS::SSM::Document"):
        content = document.properties["Content"]
        inputs = content["inputs"]
        if (document.properties.get("DocumentType"), content["sessionType"]) != ("Session", "Standard_Stream"):
            yield f"{document}: is no document of a shell"
        group = cluster.resource_of(document.layer, inputs.get("cloudWatchLogGroupName"))
        if group is None or group.type != "AWS::Logs::LogGroup":
            yield f"{document}: writes no log"
        for name, value in (
            ("cloudWatchEncryptionEnabled", True),
            ("cloudWatchStreamingEnabled", True),
            ("runAsEnabled", False),
            ("s3BucketName", ""),
        ):
            if inputs.get(name) != value:
                yield f"{document}: {name} is {inputs.get(name)}"
        if cluster.resolve(document.layer, inputs.get("kmsKeyId")) != OUR_KEY:
            yield f"{document}: {inputs.get('kmsKeyId')} is not our key"
        for name, most in (("idleSessionTimeout", 30), ("maxSessionDuration", 480)):
            if not 1 <= int(inputs.get(name) or 0) <= most:
                yield f"{document}: {name} is {inputs.get(name)}"
        if "Name" in document.properties:
            yield f"{document}: cannot change under a name of its own"


@rule
def people_start_sessions_on_the_clusters_nodes_with_its_document_and_end_their_own(cluster: Cluster) -> Iterator[str]:
    found = {
        each.body["Sid"]: each
        for each in cluster.statements("AWS::IAM::ManagedPolicy")
        if each.resource.logical_id == "SessionPolicy"
    }
    actions = {sid: each.actions for sid, each in found.items()}
    if actions != (_OF_PEOPLE if cluster.config.access.ssm else {}):
        yield f"the policy of people has {actions}"
        return
    for sid, statement in found.items():
        if not _NARROW[sid](cluster, statement):
            yield f"{statement}: {statement.resources} where {statement.body.get('Condition')}"


def _on_the_clusters_instances(cluster: Cluster, statement: Statement) -> bool:
    tag = statement.condition("StringEquals", "ssm:resourceTag/holdfast:cluster")
    return bool(tag and cluster.is_cluster_uuid(statement.resource.layer, tag) and _checks_the_document(statement))


def _with_the_clusters_document(cluster: Cluster, statement: Statement) -> bool:
    names = []
    for each in statement.resources:
        text, values = each["Fn::Sub"]
        made = cluster.resource_of(statement.resource.layer, values.get("Document"))
        names.append((text.rpartition(":")[2], made.type if made else ""))
    return names == [("document/${Document}", "AWS::SSM::Document")] and _checks_the_document(statement)


def _checks_the_document(statement: Statement) -> bool:
    """Whether a session without a document's name is refused, too."""
    return bool(statement.condition("BoolIfExists", "ssm:SessionDocumentAccessCheck") == "true")


def _on_sessions(cluster: Cluster, statement: Statement) -> bool:
    return statement.resources == [_SESSIONS]


def _on_own_sessions(cluster: Cluster, statement: Statement) -> bool:
    owner = statement.condition("StringEquals", "ssm:resourceTag/aws:ssmmessages:session-id")
    return bool(owner == "${aws:userid}") and _on_sessions(cluster, statement)


def _by_our_key(cluster: Cluster, statement: Statement) -> bool:
    keys = [cluster.resolve(statement.resource.layer, each) for each in statement.resources]
    context = statement.condition("ForAllValues:StringEquals", "kms:EncryptionContextKeys")
    return keys == [OUR_KEY] and bool(context == ["aws:ssm:SessionId", "aws:ssm:TargetId"])


_NARROW: dict[str, Callable[[Cluster, Statement], bool]] = {
    "StartSessions": _on_the_clusters_instances,
    "WithThisDocument": _with_the_clusters_document,
    "OpenChannels": _on_sessions,
    "EndOwnSessions": _on_own_sessions,
    "EncryptSessions": _by_our_key,
}
