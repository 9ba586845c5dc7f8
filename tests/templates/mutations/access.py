"""Mutations of who may do what, and of literals of a partition."""

from __future__ import annotations

from tests.templates.mutations.mutation import GONE, Mutation

_CONTROL_PLANE_IAM = "iam/Resources/ControlPlanePolicy/Properties/PolicyDocument/Statement"
_CONTROL_PLANE_DATABASE = "database/Resources/ControlPlanePolicy/Properties/PolicyDocument/Statement"
_CONTROL_PLANE_GROUPS = "controlplane/Resources/ControlPlanePolicy/Properties/PolicyDocument/Statement"
_WORKER_DATABASE = "database/Resources/WorkerPolicy/Properties/PolicyDocument/Statement"
_WORKER_SERVICES = "services/Resources/WorkerPolicy/Properties/PolicyDocument/Statement"
_AUTOSCALER = "services/Resources/AutoscalerPolicy/Properties/PolicyDocument/Statement"
_FUNCTION = "lifecycle/Resources/FunctionPolicy/Properties/PolicyDocument/Statement"
_KEY = "iam/Resources/Key/Properties"
_NETWORK = "network/Resources"
_VIEWERS = "database/Resources/ViewOperatorPolicy/Properties/PolicyDocument/Statement"
_TABLE_POLICY = "database/Resources/AccessTable/Properties/ResourcePolicy/PolicyDocument/Statement"

MUTATIONS = [
    # permissions
    Mutation("no_allow_has_a_wildcard_action", f"{_CONTROL_PLANE_IAM}/0/Action/-", "kms:*"),
    Mutation("no_allow_has_a_wildcard_action", f"{_KEY}/KeyPolicy/Statement/0/Action/-", "kms:Describe*"),
    Mutation(
        "no_allow_has_a_wildcard_action", f"{_NETWORK}/S3Endpoint/Properties/PolicyDocument/Statement/0/Action/-", "*"
    ),
    Mutation("no_statement_says_what_it_is_not_about", f"{_CONTROL_PLANE_IAM}/0/NotAction", ["kms:Decrypt"]),
    Mutation("any_resource_is_allowed_for_a_reason_only", f"{_WORKER_DATABASE}/0/Resource", ["*"]),
    Mutation("any_resource_is_allowed_for_a_reason_only", f"{_WORKER_SERVICES}/RegistryLogin/Action/-", "ecr:PutImage"),
    Mutation(
        "any_resource_is_allowed_for_a_reason_only",
        f"{_VIEWERS}/SeeGroups/Action/-",
        "autoscaling:SetDesiredCapacity",
    ),
    *(
        Mutation("nobody_asks_for_access_in_another_name", f"{_TABLE_POLICY}/{path}", value)
        for path, value in (
            ("WriteInAnothersName/Effect", "Allow"),
            ("WriteInAnothersName/Action/0", GONE),
            ("WriteInAnothersName/Principal", {"AWS": {"Ref": "AWS::AccountId"}}),
            (
                "WriteInAnothersName/Condition/ForAnyValue:StringNotLike/dynamodb:LeadingKeys/0",
                "access#${aws:userid}#*",
            ),
            ("WriteInAnothersName/Condition/StringNotEquals/aws:PrincipalArn", {"Ref": "KeyArn"}),
            ("WriteWithoutKeys/Action/0", GONE),
            ("WriteByStatements/Action/0", GONE),
            ("ExchangeTable/Action/0", GONE),
            ("ExchangeTable/Condition/StringEquals/aws:PrincipalArn", {"Ref": "ViewerArns"}),
        )
    ),
    Mutation(
        "groups_and_instances_are_touched_by_the_clusters_tag_only",
        f"{_CONTROL_PLANE_GROUPS}/AnswerLaunchHook/Condition/StringEquals/aws:ResourceTag~1holdfast:cluster",
        GONE,
    ),
    Mutation(
        "a_worker_calls_nothing_of_auto_scaling",
        f"{_WORKER_SERVICES}/RegistryLogin/Action/-",
        "autoscaling:SetInstanceHealth",
    ),
    Mutation(
        "a_worker_writes_no_log_of_a_control_plane",
        f"{_WORKER_SERVICES}/WriteLogs/Resource/0",
        {"Fn::GetAtt": ["ControlPlaneLogGroup", "Arn"]},
    ),
    Mutation(
        "a_worker_writes_no_log_of_a_control_plane",
        f"{_WORKER_SERVICES}/WriteLogs/Resource/-",
        {"Fn::GetAtt": ["AuditLogGroup", "Arn"]},
    ),
    Mutation(
        "the_autoscaler_scales_what_carries_its_tag_only",
        f"{_AUTOSCALER}/ScaleWorkers/Condition/StringEquals/aws:ResourceTag~1k8s.io~1cluster-autoscaler~1enabled",
        GONE,
    ),
    Mutation(
        "the_autoscaler_scales_what_carries_its_tag_only",
        f"{_CONTROL_PLANE_GROUPS}/AnswerLaunchHook/Action/-",
        "autoscaling:SetDesiredCapacity",
    ),
    Mutation(
        "the_autoscaler_reads_no_more_than_groups_and_types",
        f"{_AUTOSCALER}/SeePools/Action/-",
        "ssm:GetParameter",
    ),
    Mutation(
        "an_add_ons_credentials_are_of_use_in_the_clusters_vpc_only",
        f"{_AUTOSCALER}/SeePools/Condition/StringEquals/aws:SourceVpc",
        GONE,
    ),
    Mutation(
        "a_nodes_credentials_are_of_use_in_the_clusters_vpc_only",
        f"{_CONTROL_PLANE_DATABASE}/Coordinate/Condition/StringEquals/aws:EC2InstanceSourcePrivateIPv4",
        GONE,
    ),
    Mutation(
        "a_nodes_credentials_are_of_use_in_the_clusters_vpc_only",
        f"{_CONTROL_PLANE_DATABASE}/Coordinate/Condition/StringEquals/aws:EC2InstanceSourceVPC",
        GONE,
    ),
    Mutation(
        "a_nodes_credentials_are_of_use_in_the_clusters_vpc_only",
        f"{_WORKER_SERVICES}/PullImages/Condition/StringEqualsIfExists/aws:SourceVpc",
        GONE,
    ),
    Mutation(
        "a_nodes_credentials_are_of_use_in_the_clusters_vpc_only",
        f"{_CONTROL_PLANE_DATABASE}/Coordinate/Condition/StringEquals/aws:SourceVpc",
        {"Ref": "KeyArn"},
    ),
    # Its interface endpoints are somewhere else, its gateway endpoints are not.
    Mutation(
        "a_nodes_credentials_are_of_use_in_the_clusters_vpc_only",
        f"{_CONTROL_PLANE_DATABASE}/Coordinate/Condition/StringEquals/aws:SourceVpc",
        GONE,
        "existing-network",
    ),
    Mutation("a_nodes_credentials_are_of_use_in_the_clusters_vpc_only", f"{_CONTROL_PLANE_IAM}/UseKey/Condition", {}),
    Mutation(
        "a_worker_reads_the_cluster_item_and_writes_its_own_boot_row",
        f"{_WORKER_DATABASE}/WriteOwnBootRow/Condition/ForAllValues:StringEquals/dynamodb:LeadingKeys/-",
        "cluster",
    ),
    Mutation(
        "a_worker_reads_the_cluster_item_and_writes_its_own_boot_row",
        f"{_WORKER_DATABASE}/WriteOwnBootRow/Condition/Null",
        GONE,
    ),
    Mutation(
        "a_worker_reads_the_cluster_item_and_writes_its_own_boot_row",
        f"{_WORKER_DATABASE}/ReadCluster/Condition/ForAllValues:StringEquals/dynamodb:LeadingKeys/-",
        "operation",
    ),
    Mutation(
        "a_worker_reads_the_cluster_item_and_writes_its_own_boot_row",
        f"{_WORKER_DATABASE}/ReadCluster/Action/-",
        "dynamodb:Scan",
    ),
    Mutation(
        "a_worker_reads_settings_and_join_data_but_no_key_of_the_pki",
        f"{_WORKER_SERVICES}/ReadSettings/Resource/-",
        {"Fn::Sub": "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/holdfast/${ClusterUuid}/*"},
    ),
    Mutation("a_worker_reads_settings_and_join_data_but_no_key_of_the_pki", f"{_WORKER_SERVICES}/ReadSettings", GONE),
    Mutation("the_function_reaches_no_secret_and_no_backup", f"{_FUNCTION}/WriteLogs/Action/-", "ssm:GetParameter"),
    Mutation(
        "a_worker_signals_no_stack",
        f"{_WORKER_SERVICES}/RegistryLogin/Action/-",
        "cloudformation:SignalResource",
    ),
    Mutation(
        "control_planes_signal_the_stacks_of_groups_only",
        f"{_CONTROL_PLANE_GROUPS}/SignalStack/Resource",
        [{"Ref": "ClusterId"}],
    ),
    Mutation(
        "control_planes_signal_the_stacks_of_groups_only",
        f"{_CONTROL_PLANE_GROUPS}/SignalPools/Resource/0/Fn::Sub/0",
        "arn:${AWS::Partition}:cloudformation:${AWS::Region}:${AWS::AccountId}:stack/${RootStack}-*/*",
    ),
    Mutation("control_planes_signal_the_stacks_of_groups_only", f"{_CONTROL_PLANE_GROUPS}/SignalPools", GONE),
    Mutation(
        "nodes_pull_images_of_the_repositories_that_were_chosen_only",
        f"{_WORKER_SERVICES}/PullImages/Resource/0",
        {"Fn::Sub": "arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/*"},
    ),
    Mutation(
        "a_role_is_assumed_by_its_service_only",
        "iam/Resources/WorkerRole/Properties/AssumeRolePolicyDocument/Statement/0/Principal",
        {"AWS": "*"},
    ),
    Mutation(
        "a_role_has_the_permissions_boundary_and_the_path_that_were_given",
        "iam/Resources/FunctionRole/Properties/PermissionsBoundary",
        GONE,
    ),
    Mutation(
        "a_role_has_the_permissions_boundary_and_the_path_that_were_given",
        "iam/Resources/WorkerInstanceProfile/Properties/Path",
        "/",
    ),
    Mutation("the_inline_policies_of_a_role_fit_iams_quota", f"{_WORKER_SERVICES}/ReadSettings/Sid", "S" * 9000),
    # partition
    Mutation(
        "every_arn_takes_its_partition_from_the_deploy", f"{_FUNCTION}/WriteLogs/Resource/0", "arn:aws:logs:::log-group"
    ),
    Mutation("no_text_names_a_region_or_an_account", "root/Description", "Made for us-gov-west-1"),
    Mutation("no_text_names_a_region_or_an_account", "root/Description", "Made for account 123456789012"),
    Mutation(
        "every_host_of_aws_takes_its_suffix_from_the_deploy",
        "iam/Resources/ControlPlaneRole/Description",
        "Calls ssm.us.amazonaws.com",
    ),
    Mutation(
        "a_key_is_used_through_services_by_every_name_that_they_may_have",
        f"{_CONTROL_PLANE_IAM}/UseKey/Condition/StringEquals/kms:ViaService/0",
        {"Fn::Sub": "ssm.${AWS::Region}.amazonaws.com"},
    ),
    Mutation(
        "a_key_is_used_through_services_by_every_name_that_they_may_have",
        f"{_CONTROL_PLANE_IAM}/UseKey/Condition/StringEquals/kms:ViaService/0",
        GONE,
        "china",
    ),
]
