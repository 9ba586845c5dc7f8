"""Mutations of how stacks are joined, of frozen names, of sizes."""

from __future__ import annotations

from tests.templates.mutations.mutation import GONE, Mutation

_MACHINE = "controlplane/Resources/Slot0Template/Properties/LaunchTemplateData"
_ISSUER = "services/Resources/OidcIssuercb1c068562cf2c97/Properties"
_ELSEWHERE = {"Fn::ImportValue": "elsewhere"}

MUTATIONS = [
    # the function
    Mutation(
        "the_function_is_in_the_vpc_exactly_where_the_configuration_says_so",
        "lifecycle/Resources/Reconcile/Properties/VpcConfig",
        GONE,
        "govcloud",
    ),
    Mutation(
        "the_function_is_in_the_vpc_exactly_where_the_configuration_says_so",
        "lifecycle/Resources/Reconcile/Properties/VpcConfig",
        {"SubnetIds": [], "SecurityGroupIds": []},
    ),
    Mutation(
        "the_function_is_in_the_vpc_exactly_where_the_configuration_says_so",
        "iam/Resources/FunctionPolicy/Properties/PolicyDocument/Statement/AttachToVpc/Action/0",
        GONE,
        "govcloud",
    ),
    Mutation(
        "the_role_of_a_function_in_the_vpc_outlives_the_network",
        "lifecycle/Resources/FunctionPolicy/Properties/PolicyDocument/Statement/WriteRows/Action/-",
        "ec2:DeleteNetworkInterface",
        "govcloud",
    ),
    # stacks
    Mutation("the_root_nests_every_layer_by_a_relative_path_and_tags_it", "root/Resources/Iam/Properties/Tags", []),
    Mutation(
        "every_parameter_of_a_layer_is_given_by_the_root", "root/Resources/Database/Properties/Parameters/KeyArn", GONE
    ),
    Mutation("every_parameter_of_a_layer_is_given_by_the_root", "database/Parameters/KeyArn", GONE),
    Mutation("only_the_root_has_defaults", "database/Parameters/KeyArn/Default", ""),
    Mutation("every_output_is_used", "database/Outputs/Unused", {"Value": "1"}),
    Mutation("every_output_that_the_root_reads_exists", "database/Outputs/TableName", GONE),
    Mutation(
        "values_flow_in_one_direction",
        "root/Resources/Network/Properties/Parameters/Table",
        {"Fn::GetAtt": ["Database", "Outputs.TableName"]},
    ),
    Mutation("no_stack_waits_for_itself", "root/Resources/Iam/DependsOn", ["Lifecycle"]),
    Mutation("nothing_is_exported_or_imported", "iam/Outputs/KeyArn/Export", {"Name": "key"}),
    Mutation("nothing_is_exported_or_imported", "root/Outputs/KeyArn/Value", _ELSEWHERE),
    Mutation("groups_come_after_everything_that_their_hooks_need", "root/Resources/WorkersMemory/DependsOn", []),
    Mutation("pools_come_after_the_cluster_is_there", "root/Resources/WorkersMemory/DependsOn", ["Lifecycle"]),
    Mutation(
        "a_stack_with_groups_ends_its_wait_after_what_says_more",
        "root/Resources/Controlplane/Properties/TimeoutInMinutes",
        60,
    ),
    Mutation(
        "a_stack_with_groups_ends_its_wait_after_what_says_more",
        "controlplane/Resources/Start/Properties/ServiceTimeout",
        3600,
    ),
    Mutation("the_teardown_goes_first", "root/Resources/Teardown/DependsOn", ["Controlplane", "WorkersGeneral"]),
    Mutation(
        "an_update_of_control_planes_is_checked_before_it_begins",
        "root/Resources/Controlplane/DependsOn",
        ["Lifecycle"],
    ),
    Mutation(
        "an_update_of_control_planes_is_checked_before_it_begins",
        "root/Resources/UpdateCheck/Properties/ControlPlaneParameters/Image",
        GONE,
    ),
    Mutation(
        "an_update_of_control_planes_is_checked_before_it_begins",
        "root/Resources/UpdateCheck/Properties/ControlPlaneTemplate",
        "0123456789abcdef",
    ),
    Mutation(
        "an_update_of_control_planes_is_checked_before_it_begins",
        "root/Resources/UpdateCheck/Properties/Replacement",
        "sometimes",
    ),
    Mutation("the_cluster_is_ready_after_all_groups_and_one_signal", "controlplane/Resources/Start/DependsOn/4", GONE),
    Mutation(
        "the_cluster_is_ready_after_all_groups_and_one_signal",
        "controlplane/Resources/ClusterReady/DependsOn",
        ["Slot4"],
    ),
    Mutation(
        "the_function_comes_after_its_policy_and_is_woken_by_its_own_cluster",
        "lifecycle/Resources/TerminatingRule/Properties/EventPattern/detail",
        GONE,
    ),
    Mutation("every_root_parameter_has_a_group_and_a_label", "root/Parameters/New", {"Type": "String"}),
    # identities
    Mutation("nested_stacks_keep_their_names", "root/Resources/Iam/Properties/TemplateURL", "./access.json"),
    Mutation("resources_that_hold_state_keep_their_logical_ids", "database/Resources/Table", GONE),
    Mutation("parameters_and_outputs_of_the_root_keep_their_names", "root/Parameters/WorkerImage", GONE),
    Mutation("parameters_and_outputs_of_the_root_keep_their_names", "root/Outputs/KeyArn", GONE),
    Mutation(
        "hooks_and_settings_keep_their_names",
        "services/Resources/KeyArnSetting/Properties/Name",
        {"Fn::Sub": "/holdfast/${ClusterUuid}/settings/key"},
    ),
    # limits
    Mutation("a_template_is_far_below_the_limits", "iam/Description", "x" * 460_000),
    Mutation("few_settings_are_made_at_once", "services/Resources/KeyArnSetting/DependsOn", GONE),
    Mutation("few_settings_are_made_at_once", "services/Resources/KeyArnSetting/DependsOn", ["ClusterIdSetting"]),
    Mutation("a_template_is_far_below_the_limits", "iam/Outputs", {f"Output{index}": {} for index in range(200)}),
    Mutation("user_data_is_a_few_lines", f"{_MACHINE}/UserData/Fn::Base64/Fn::Sub", "#" * 4097),
    Mutation("a_setting_fits_its_parameter", "services/Resources/KeyArnSetting/Properties/Value", "x" * 4097),
    Mutation("a_setting_fits_its_parameter", f"{_ISSUER}/Value", "x" * 8193),
    Mutation("a_setting_fits_its_parameter", f"{_ISSUER}/Tier", "Advanced"),
    Mutation("a_setting_says_nothing_that_is_replaced", f"{_ISSUER}/Value", '{"url":"{{resolve:ssm:a}}"}'),
    Mutation("hooks_and_settings_keep_their_names", f"{_ISSUER}/Name", {"Fn::Sub": "/holdfast/${ClusterUuid}/oidc/1"}),
]
