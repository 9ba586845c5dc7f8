"""The database layer: the cluster table, where founding and membership are decided, and the bucket of backups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from awacs.aws import Action, AWSPrincipal, Deny, Statement
from troposphere import GetAtt, Ref, Sub, Template
from troposphere.dynamodb import (
    AttributeDefinition,
    KeySchema,
    PointInTimeRecoverySpecification,
    ResourcePolicy,
    SSESpecification,
    StreamSpecification,
    Table,
)
from troposphere.s3 import (
    AbortIncompleteMultipartUpload,
    Bucket,
    BucketEncryption,
    BucketPolicy,
    LifecycleConfiguration,
    LifecycleRule,
    NoncurrentVersionExpiration,
    OwnershipControls,
    OwnershipControlsRule,
    PublicAccessBlockConfiguration,
    ServerSideEncryptionByDefault,
    ServerSideEncryptionRule,
    VersioningConfiguration,
)

from coordination.names import TABLE_KEY, AccessGroup
from generator import operators
from generator.config.model import ClusterConfig
from generator.grant import On, Role
from generator.layer import Layer
from generator.policies import attach, condition, policy_dict
from generator.values import (
    BucketName,
    ClusterId,
    KeyArn,
    PolicyArn,
    PrincipalArns,
    RoleArn,
    RoleName,
    RolePath,
    StreamArn,
    TableArn,
    TableName,
    VpcId,
)


@dataclass(frozen=True)
class Inputs:
    cluster_id: ClusterId
    key_arn: KeyArn
    vpc_id: VpcId
    role_path: RolePath
    control_plane_role_name: Annotated[RoleName, "Name of the role of control-plane nodes"]
    control_plane_role_arn: Annotated[RoleArn, "ARN of the role of control-plane nodes"]
    viewer_arns: Annotated[PrincipalArns, "ARNs of roles and users that may request access as viewers"]
    editor_arns: Annotated[PrincipalArns, "ARNs of roles and users that may request access as editors"]
    worker_role_name: Annotated[RoleName, "Name of the role of workers"]


@dataclass(frozen=True)
class Outputs:
    table_name: TableName
    table_arn: TableArn
    table_stream_arn: StreamArn
    access_table_name: Annotated[TableName, "Name of the DynamoDB table in which people request access"]
    backup_bucket: BucketName
    view_policy_arn: Annotated[PolicyArn, "ARN of the managed policy with which viewers request access"]
    edit_policy_arn: Annotated[PolicyArn, "ARN of the managed policy with which editors request access"]
    admin_policy_arn: Annotated[
        PolicyArn, "ARN of the managed policy with which administrators request access and approve"
    ]


# Prefix in the bucket -> days that a snapshot below it is kept: every snapshot a day, one an hour for a week, one a
# day for a quarter. The agents choose the prefix.
BACKUP_TIERS_DAYS = {"recent/": 1, "hourly/": 7, "daily/": 90}
# A deleted or overwritten snapshot can be brought back for a week.
_NONCURRENT_DAYS = 7


def build(template: Template, config: ClusterConfig, inputs: Inputs) -> Outputs:
    table = template.add_resource(
        Table(
            "Table",
            AttributeDefinitions=[AttributeDefinition(AttributeName=TABLE_KEY, AttributeType="S")],
            KeySchema=[KeySchema(AttributeName=TABLE_KEY, KeyType="HASH")],
            BillingMode="PAY_PER_REQUEST",
            # encryption and recovery
            SSESpecification=SSESpecification(SSEEnabled=True, SSEType="KMS", KMSMasterKeyId=inputs.key_arn),
            PointInTimeRecoverySpecification=PointInTimeRecoverySpecification(PointInTimeRecoveryEnabled=True),
            # Off here, so that a first deploy that fails can roll back; the function switches it on once the root
            # stack is CREATE_COMPLETE.
            DeletionProtectionEnabled=False,
            StreamSpecification=StreamSpecification(StreamViewType="NEW_AND_OLD_IMAGES"),
            DeletionPolicy="RetainExceptOnCreate",
            UpdateReplacePolicy="Retain",
        )
    )
    access_table = template.add_resource(_access_table(inputs))
    bucket = template.add_resource(_bucket(inputs))
    template.add_resource(
        BucketPolicy("BackupBucketPolicy", Bucket=Ref(bucket), PolicyDocument=policy_dict(_bucket_statements(bucket)))
    )

    control_plane_resources: dict[On, list[Any]] = {
        On.TABLE: [GetAtt(table, "Arn")],
        On.ACCESS_TABLE: [GetAtt(access_table, "Arn")],
        On.BUCKET: [GetAtt(bucket, "Arn")],
        On.BUCKET_OBJECTS: [Sub("${BackupBucket.Arn}/*")],
    }
    worker_resources: dict[On, list[Any]] = {On.TABLE: [GetAtt(table, "Arn")]}
    for role, role_name, resources in (
        (Role.CONTROL_PLANE, inputs.control_plane_role_name, control_plane_resources),
        (Role.WORKER, inputs.worker_role_name, worker_resources),
    ):
        attach(
            template,
            config,
            DATABASE.name,
            role,
            role_name,
            resources,
            vpc_id=inputs.vpc_id,
        )
    tables = operators.Tables(TableArn(GetAtt(table, "Arn")), TableArn(GetAtt(access_table, "Arn")), inputs.key_arn)
    policies = operators.add(template, config.partition, inputs.cluster_id, inputs.role_path, tables)
    return Outputs(
        table_name=TableName(Ref(table)),
        table_arn=TableArn(GetAtt(table, "Arn")),
        table_stream_arn=StreamArn(GetAtt(table, "StreamArn")),
        access_table_name=TableName(Ref(access_table)),
        backup_bucket=BucketName(Ref(bucket)),
        view_policy_arn=policies[AccessGroup.VIEW],
        edit_policy_arn=policies[AccessGroup.EDIT],
        admin_policy_arn=policies[AccessGroup.ADMIN],
    )


DATABASE = Layer("database", Inputs, Outputs, build)


def _access_table(inputs: Inputs) -> Table:
    """The table in which people ask for certificates, and are answered: nothing in it is older than minutes.

    Apart from the cluster table, so that whoever fills it, or has it read whole, burdens neither leases nor boots.
    """
    return Table(
        "AccessTable",
        AttributeDefinitions=[AttributeDefinition(AttributeName=TABLE_KEY, AttributeType="S")],
        KeySchema=[KeySchema(AttributeName=TABLE_KEY, KeyType="HASH")],
        BillingMode="PAY_PER_REQUEST",
        SSESpecification=SSESpecification(SSEEnabled=True, SSEType="KMS", KMSMasterKeyId=inputs.key_arn),
        ResourcePolicy=ResourcePolicy(
            PolicyDocument=policy_dict(
                operators.of_access_table(inputs.control_plane_role_arn, inputs.viewer_arns, inputs.editor_arns)
            )
        ),
    )


def _bucket(inputs: Inputs) -> Bucket:
    """The bucket of etcd snapshots.

    Server access logs are left out on purpose: they need a second bucket that cannot use our key, arrive late and
    incomplete, and say less than CloudTrail data events, which an account that wants them has for all buckets.
    """
    expiry = [
        LifecycleRule(
            Id=prefix.rstrip("/"),
            Status="Enabled",
            Prefix=prefix,
            ExpirationInDays=days,
            NoncurrentVersionExpiration=NoncurrentVersionExpiration(NoncurrentDays=_NONCURRENT_DAYS),
        )
        for prefix, days in BACKUP_TIERS_DAYS.items()
    ]
    unfinished = LifecycleRule(
        Id="unfinished-uploads",
        Status="Enabled",
        AbortIncompleteMultipartUpload=AbortIncompleteMultipartUpload(DaysAfterInitiation=1),
    )
    return Bucket(
        "BackupBucket",
        # encryption: a bucket key keeps the number of KMS requests small
        BucketEncryption=BucketEncryption(
            ServerSideEncryptionConfiguration=[
                ServerSideEncryptionRule(
                    BucketKeyEnabled=True,
                    ServerSideEncryptionByDefault=ServerSideEncryptionByDefault(
                        SSEAlgorithm="aws:kms", KMSMasterKeyID=inputs.key_arn
                    ),
                )
            ]
        ),
        # access
        OwnershipControls=OwnershipControls(Rules=[OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]),
        PublicAccessBlockConfiguration=PublicAccessBlockConfiguration(
            BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
        ),
        # time
        VersioningConfiguration=VersioningConfiguration(Status="Enabled"),
        LifecycleConfiguration=LifecycleConfiguration(Rules=[*expiry, unfinished]),
        DeletionPolicy="RetainExceptOnCreate",
        UpdateReplacePolicy="Retain",
    )


def _bucket_statements(bucket: Bucket) -> list[Statement]:
    """What nobody may do, whatever IAM allows; in a Deny the wildcard is the strict form."""
    everything = [GetAtt(bucket, "Arn"), Sub("${BackupBucket.Arn}/*")]
    return [
        Statement(
            Sid="OnlyEncryptedTransport",
            Effect=Deny,
            Principal=AWSPrincipal("*"),
            Action=[Action("s3", "*")],
            Resource=everything,
            Condition=condition({"Bool": {"aws:SecureTransport": "false"}}),
        ),
    ]
