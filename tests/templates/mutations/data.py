"""Mutations of what is kept: encryption, retention, recovery."""

from __future__ import annotations

from tests.templates.mutations.mutation import GONE, Mutation

_KEY = "iam/Resources/Key/Properties"
_TABLE = "database/Resources/Table"
_BUCKET = "database/Resources/BackupBucket"
_MACHINE = "controlplane/Resources/Slot0Template/Properties/LaunchTemplateData"
_POOL_MACHINE = "workers-memory/Resources/Template/Properties/LaunchTemplateData"
_NETWORK = "network/Resources"

MUTATIONS = [
    # encryption
    Mutation("everything_at_rest_is_encrypted_with_our_key", f"{_TABLE}/Properties/SSESpecification/SSEEnabled", False),
    Mutation("everything_at_rest_is_encrypted_with_our_key", f"{_BUCKET}/Properties/BucketEncryption", GONE),
    Mutation("everything_at_rest_is_encrypted_with_our_key", "lifecycle/Resources/FailureQueue/Properties", {}),
    Mutation(
        "everything_at_rest_is_encrypted_with_our_key", "lifecycle/Resources/Reconcile/Properties/KmsKeyArn", GONE
    ),
    Mutation(
        "everything_at_rest_is_encrypted_with_our_key",
        "services/Resources/WorkerLogGroup/Properties/KmsKeyId",
        {"Ref": "BackupBucket"},
    ),
    Mutation("everything_at_rest_is_encrypted_with_our_key", "root/Resources/Disk", {"Type": "AWS::EFS::FileSystem"}),
    Mutation("every_volume_is_encrypted_with_our_key", f"{_MACHINE}/BlockDeviceMappings/1/Ebs/Encrypted", False),
    Mutation("every_volume_is_encrypted_with_our_key", f"{_POOL_MACHINE}/BlockDeviceMappings/0/Ebs/KmsKeyId", GONE),
    Mutation(
        "no_secret_stands_in_a_parameter_of_ours", "services/Resources/KeyArnSetting/Properties/Type", "SecureString"
    ),
    Mutation(
        "no_secret_stands_in_a_parameter_of_ours",
        "services/Resources/KeyArnSetting/Properties/Name",
        {"Fn::Sub": "/holdfast/${ClusterUuid}/1/etcd-ca-key"},
    ),
    Mutation("the_key_rotates", f"{_KEY}/EnableKeyRotation", False),
    Mutation(
        "a_principal_of_any_in_the_key_policy_is_narrowed_to_auto_scalings_role",
        f"{_KEY}/KeyPolicy/Statement/StartInstances/Condition/ArnLike",
        GONE,
    ),
    Mutation(
        "the_account_uses_the_key_through_services_only",
        f"{_KEY}/KeyPolicy/Statement/Administer/Action/-",
        "kms:Decrypt",
    ),
    Mutation(
        "only_the_clusters_roles_and_operators_use_the_key",
        f"{_KEY}/KeyPolicy/Statement/UseThroughServices/Condition/StringEquals/aws:PrincipalArn",
        GONE,
    ),
    Mutation(
        "only_the_clusters_roles_and_operators_use_the_key",
        f"{_KEY}/KeyPolicy/Statement/CreateByCloudFormation/Condition/StringEquals/kms:ViaService/-",
        {"Fn::Sub": "ssm.${AWS::Region}.${AWS::URLSuffix}"},
    ),
    Mutation(
        "whoever_creates_a_table_may_do_with_the_key_what_dynamodb_requires",
        f"{_KEY}/KeyPolicy/Statement/CreateByCloudFormation/Action",
        ["kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"],
    ),
    Mutation(
        "only_the_clusters_roles_and_operators_use_the_key",
        f"{_KEY}/KeyPolicy/Statement/UseTableAsPerson/Condition/StringEquals/kms:ViaService/-",
        {"Fn::Sub": "ssm.${AWS::Region}.${AWS::URLSuffix}"},
    ),
    Mutation(
        "the_key_serves_log_groups_of_the_stack_only",
        f"{_KEY}/KeyPolicy/Statement/EncryptLogs/Condition/ArnLike/kms:EncryptionContext:aws:logs:arn/0/Fn::Sub/0",
        "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:*",
    ),
    Mutation(
        "the_key_serves_log_groups_of_the_stack_only",
        f"{_KEY}/KeyPolicy/Statement/EncryptLogs/Condition/ArnLike/kms:EncryptionContext:aws:logs:arn/0/Fn::Sub/1"
        "/RootStack/Fn::Select/0",
        2,
    ),
    Mutation("the_key_serves_log_groups_of_the_stack_only", f"{_NETWORK}/OtherLogs", {"Type": "AWS::Logs::LogGroup"}),
    Mutation(
        "undeliverable_events_reach_the_encrypted_queue_from_the_clusters_rules_alone",
        f"{_KEY}/KeyPolicy/Statement/QueueUndeliverableEvents/Condition",
        {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
    ),
    Mutation(
        "undeliverable_events_reach_the_encrypted_queue_from_the_clusters_rules_alone",
        f"{_KEY}/KeyPolicy/Statement/QueueUndeliverableEvents/Action/-",
        "kms:Encrypt",
    ),
    Mutation(
        "undeliverable_events_reach_the_encrypted_queue_from_the_clusters_rules_alone",
        "lifecycle/Resources/FailureQueuePolicy/Properties/PolicyDocument/Statement/0/Condition/ArnLike/aws:SourceArn/0",
        GONE,
    ),
    Mutation(
        "operators_are_named_by_their_arns",
        "root/Parameters/KeyOperatorArns/AllowedPattern",
        "^(arn:[a-z-]+:iam::[0-9]{12}:(role|user)/[!-+.-~]+)?$",
    ),
    Mutation("operators_are_named_by_their_arns", "root/Parameters/KeyOperatorArns/AllowedPattern", ".*"),
    Mutation(
        "the_bucket_refuses_requests_without_tls",
        "database/Resources/BackupBucketPolicy/Properties/PolicyDocument/Statement/0/Effect",
        "Allow",
    ),
    # storage
    Mutation("exactly_key_table_and_bucket_outlive_the_stack", f"{_TABLE}/DeletionPolicy", "Retain"),
    Mutation("exactly_key_table_and_bucket_outlive_the_stack", f"{_BUCKET}/UpdateReplacePolicy", "Delete"),
    Mutation(
        "exactly_key_table_and_bucket_outlive_the_stack",
        "services/Resources/WorkerLogGroup/DeletionPolicy",
        "RetainExceptOnCreate",
    ),
    Mutation("exactly_key_table_and_bucket_outlive_the_stack", "database/Resources/Table", GONE),
    Mutation(
        "the_deletion_of_what_stands_for_nothing_asks_nobody", "controlplane/Resources/Start/DeletionPolicy", GONE
    ),
    Mutation(
        "the_deletion_of_what_stands_for_nothing_asks_nobody", "root/Resources/UpdateCheck/UpdateReplacePolicy", GONE
    ),
    Mutation(
        "the_bucket_is_private_and_keeps_versions",
        f"{_BUCKET}/Properties/PublicAccessBlockConfiguration/BlockPublicPolicy",
        False,
    ),
    Mutation("the_bucket_is_private_and_keeps_versions", f"{_BUCKET}/Properties/VersioningConfiguration", GONE),
    Mutation(
        "the_bucket_lets_every_tier_and_every_unfinished_upload_end",
        f"{_BUCKET}/Properties/LifecycleConfiguration/Rules/2/ExpirationInDays",
        9,
    ),
    Mutation(
        "the_table_can_be_restored_streams_both_images_and_can_be_rolled_back",
        f"{_TABLE}/Properties/PointInTimeRecoverySpecification",
        GONE,
    ),
    Mutation(
        "the_table_can_be_restored_streams_both_images_and_can_be_rolled_back",
        f"{_TABLE}/Properties/DeletionProtectionEnabled",
        True,
    ),
    Mutation(
        "the_tables_key_is_id_alone_for_iam_compares_leading_keys_with_it",
        f"{_TABLE}/Properties/KeySchema/-",
        {"AttributeName": "Epoch", "KeyType": "RANGE"},
    ),
    Mutation(
        "the_tables_key_is_id_alone_for_iam_compares_leading_keys_with_it",
        f"{_TABLE}/Properties/AttributeDefinitions/0/AttributeType",
        "B",
    ),
    Mutation(
        "the_tables_key_is_id_alone_for_iam_compares_leading_keys_with_it",
        f"{_TABLE}/Properties/GlobalSecondaryIndexes",
        [{"IndexName": "ByState", "KeySchema": [{"AttributeName": "State", "KeyType": "HASH"}]}],
    ),
    Mutation(
        "every_log_group_ends_its_logs_after_the_days_that_were_chosen",
        f"{_NETWORK}/FlowLogGroup/Properties/RetentionInDays",
        GONE,
    ),
    Mutation(
        "every_log_group_ends_its_logs_after_the_days_that_were_chosen",
        "services/Resources/AuditLogGroup/Properties/RetentionInDays",
        {"Ref": "LogRetentionDays"},
    ),
]
