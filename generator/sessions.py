"""Session Manager's part of a cluster with `access.ssm`: what a session is like, and a policy for who starts one."""

from __future__ import annotations

from typing import Any

from awacs import kms, ssm, ssmmessages
from awacs.aws import Allow, Statement
from troposphere import Ref, Sub, Template
from troposphere.iam import ManagedPolicy
from troposphere.logs import LogGroup
from troposphere.ssm import Document

from coordination.names import CLUSTER_TAG
from generator.permissions import IN_A_SESSION
from generator.policies import condition, policy_dict
from generator.values import ClusterUuid, DocumentName, KeyArn, Number, PolicyArn, RolePath

IDLE_MINUTES = 15
"""After which a session ends in which nobody types: a shell that was left open is root's."""
LONGEST_MINUTES = 240
"""After which a session ends in any case: a morning's work at one node."""

# In each statement that allows ssm:StartSession: otherwise a session without a document's name would begin by the
# account's default one, which nobody is asked for (Systems Manager guide, "Enforce a session document permission check
# for the AWS CLI").
_THIS_DOCUMENT_ONLY = {"BoolIfExists": {"ssm:SessionDocumentAccessCheck": "true"}}
_SESSIONS = Sub("arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:session/*")


def log_group(template: Template, key_arn: KeyArn, retention_days: Number) -> LogGroup:
    """The group that everything goes to which is typed and shown: a stream for each session."""
    return template.add_resource(LogGroup("SessionLogGroup", KmsKeyId=key_arn, RetentionInDays=retention_days))


def document(template: Template, logs: LogGroup, key_arn: KeyArn) -> DocumentName:
    """The cluster's own session document, beside SSM-SessionManagerRunShell, which is the account's."""
    made = template.add_resource(
        Document(
            "SessionDocument",
            DocumentType="Session",
            Content={
                "schemaVersion": "1.0",
                "description": "A shell on a node of this cluster, logged and encrypted",
                "sessionType": "Standard_Stream",
                "inputs": {
                    "s3BucketName": "",
                    "s3KeyPrefix": "",
                    "s3EncryptionEnabled": True,
                    "cloudWatchLogGroupName": Ref(logs),
                    # No session where the group is not encrypted.
                    "cloudWatchEncryptionEnabled": True,
                    # As it is typed, and not at the end: nodes may be gone by then.
                    "cloudWatchStreamingEnabled": True,
                    "kmsKeyId": key_arn,
                    # Everybody is ssm-user, whom the agent makes, and becomes root by sudo, which the log shows. With
                    # it a tag of the caller, SSMSessionRunAs, would choose the user, root too.
                    "runAsEnabled": False,
                    "runAsDefaultUser": "",
                    "idleSessionTimeout": str(IDLE_MINUTES),
                    "maxSessionDuration": str(LONGEST_MINUTES),
                },
            },
        )
    )
    return DocumentName(Ref(made))


def operators_policy(
    template: Template, name: DocumentName, key_arn: KeyArn, cluster_uuid: ClusterUuid, path: RolePath
) -> PolicyArn:
    """What a person needs for a session, to be attached to roles and users; the key wants them in KeyOperatorArns."""
    instances: dict[str, dict[str, Any]] = {
        "StringEquals": {f"ssm:resourceTag/{CLUSTER_TAG}": cluster_uuid},
        **_THIS_DOCUMENT_ONLY,
    }
    # The tag that Session Manager puts on each session: the id of whoever started it, of users and of roles' sessions
    # alike (Systems Manager guide, "Additional sample IAM policies for Session Manager", example 4).
    own = {"StringEquals": {"ssm:resourceTag/aws:ssmmessages:session-id": "${aws:userid}"}}
    statements = [
        Statement(
            Sid="StartSessions",
            Effect=Allow,
            Action=[ssm.StartSession],
            Resource=[Sub("arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:instance/*")],
            Condition=condition(instances),
        ),
        Statement(
            Sid="WithThisDocument",
            Effect=Allow,
            Action=[ssm.StartSession],
            Resource=[
                Sub("arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:document/${Document}", Document=name)
            ],
            Condition=condition(_THIS_DOCUMENT_ONLY),
        ),
        # Of any session: to open one takes the token that StartSession has answered with.
        Statement(Sid="OpenChannels", Effect=Allow, Action=[ssmmessages.OpenDataChannel], Resource=[_SESSIONS]),
        Statement(
            Sid="EndOwnSessions",
            Effect=Allow,
            Action=[ssm.ResumeSession, ssm.TerminateSession],
            Resource=[_SESSIONS],
            Condition=condition(own),
        ),
        Statement(
            Sid="EncryptSessions",
            Effect=Allow,
            Action=[kms.GenerateDataKey],
            Resource=[key_arn],
            Condition=condition(IN_A_SESSION),
        ),
    ]
    made = template.add_resource(
        ManagedPolicy(
            "SessionPolicy",
            Description="Shells on the nodes of this cluster by Session Manager",
            Path=path,
            PolicyDocument=policy_dict(statements),
        )
    )
    return PolicyArn(Ref(made))
