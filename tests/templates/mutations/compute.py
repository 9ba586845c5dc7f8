"""Mutations of launch templates, Auto Scaling groups and their times."""

from __future__ import annotations

from tests.templates.mutations.mutation import GONE, Mutation

_SLOT = "controlplane/Resources/Slot0"
_MACHINE = "controlplane/Resources/Slot0Template/Properties/LaunchTemplateData"
_POOL = "workers-memory/Resources/Group"
_POOL_MACHINE = "workers-memory/Resources/Template/Properties/LaunchTemplateData"

MUTATIONS = [
    # machines
    Mutation(
        "metadata_needs_a_token_and_one_hop_and_holds_no_tags", f"{_MACHINE}/MetadataOptions/HttpTokens", "optional"
    ),
    Mutation(
        "metadata_needs_a_token_and_one_hop_and_holds_no_tags",
        f"{_POOL_MACHINE}/MetadataOptions/HttpPutResponseHopLimit",
        2,
    ),
    Mutation(
        "metadata_needs_a_token_and_one_hop_and_holds_no_tags",
        f"{_POOL_MACHINE}/MetadataOptions/InstanceMetadataTags",
        GONE,
    ),
    Mutation("volumes_are_gp3_and_go_with_their_instance", f"{_MACHINE}/BlockDeviceMappings/1", GONE),
    Mutation("volumes_are_gp3_and_go_with_their_instance", f"{_MACHINE}/BlockDeviceMappings/0/Ebs/VolumeType", "gp2"),
    Mutation("a_node_has_the_tenancy_of_its_configuration", f"{_POOL_MACHINE}/Placement/Tenancy", "default"),
    Mutation("a_node_has_the_tenancy_of_its_configuration", f"{_POOL_MACHINE}/InstanceMarketOptions", {}),
    Mutation(
        "a_node_has_the_tenancy_of_its_configuration",
        "workers-licensed/Resources/Template/Properties/LaunchTemplateData/Placement/HostResourceGroupArn",
        GONE,
        "dedicated-hosts",
    ),
    Mutation(
        "a_node_is_started_in_the_reservations_of_its_configuration",
        "workers-general/Resources/Template/Properties/LaunchTemplateData/CapacityReservationSpecification",
        GONE,
        "dedicated-hosts",
    ),
    Mutation(
        "a_node_is_started_in_the_reservations_of_its_configuration",
        "workers-general/Resources/Template/Properties/LaunchTemplateData/CapacityReservationSpecification"
        "/CapacityReservationPreference",
        "capacity-reservations-only",
        "dedicated-hosts",
    ),
    Mutation("a_control_plane_is_protected_from_termination_by_hand", f"{_MACHINE}/DisableApiTermination", False),
    Mutation("a_node_has_the_profile_and_the_group_of_its_role", f"{_MACHINE}/IamInstanceProfile/Name", "both"),
    Mutation(
        "a_node_has_the_profile_and_the_group_of_its_role",
        "root/Resources/WorkersMemory/Properties/Parameters/InstanceProfileArn",
        {"Fn::GetAtt": ["Iam", "Outputs.ControlPlaneInstanceProfileArn"]},
    ),
    Mutation(
        "a_node_has_the_profile_and_the_group_of_its_role",
        "root/Resources/WorkersMemory/Properties/Parameters/SecurityGroupId",
        {"Fn::GetAtt": ["Network", "Outputs.ControlPlaneSecurityGroupId"]},
    ),
    Mutation("instances_volumes_and_interfaces_carry_the_clusters_tag", f"{_MACHINE}/TagSpecifications/0", GONE),
    Mutation(
        "user_data_changes_with_what_nodes_read_of_their_pool", f"{_POOL_MACHINE}/UserData/Fn::Base64/Fn::Sub", "exit"
    ),
    # The two pools of this example have the same settings.
    Mutation(
        "user_data_changes_with_what_nodes_read_of_their_pool",
        "workers-general/Resources/PoolSettings/Properties/Value/Fn::Sub",
        '{"labels": {"a": "b"}, "taints": []}',
        "dedicated-hosts",
    ),
    Mutation(
        "a_node_starts_from_the_image_and_type_that_were_chosen",
        "root/Resources/WorkersMemory/Properties/Parameters/Image",
        {"Ref": "ControlPlaneImage"},
    ),
    Mutation(
        "a_group_takes_the_newest_version_of_its_launch_template", f"{_SLOT}/Properties/LaunchTemplate/Version", "1"
    ),
    # groups
    Mutation("there_is_one_group_per_slot_and_per_pool", "controlplane/Resources/Slot4", GONE),
    Mutation("a_slot_is_made_empty_and_has_room_for_a_node_and_its_successor", f"{_SLOT}/Properties/MaxSize", "1"),
    Mutation("a_slot_is_made_empty_and_has_room_for_a_node_and_its_successor", f"{_SLOT}/Properties/MinSize", "1"),
    Mutation(
        "a_slot_is_made_empty_and_has_room_for_a_node_and_its_successor", f"{_SLOT}/Properties/DesiredCapacity", "1"
    ),
    Mutation("a_slot_is_replaced_one_node_at_a_time", f"{_SLOT}/Properties/MaxSize", "1"),
    Mutation(
        "a_pool_has_the_sizes_of_its_parameters_and_no_desired_capacity", f"{_POOL}/Properties/DesiredCapacity", "2"
    ),
    Mutation(
        "a_pool_has_the_sizes_of_its_parameters_and_no_desired_capacity",
        "root/Resources/WorkersMemory/Properties/Parameters/MaxSize",
        {"Ref": "GeneralMaxSize"},
    ),
    Mutation(
        "slots_go_round_the_zones",
        "controlplane/Resources/Slot4/Properties/VPCZoneIdentifier",
        [{"Fn::Select": [0, {"Ref": "SubnetIds"}]}],
    ),
    Mutation("an_update_walks_the_slots_one_after_the_other", "controlplane/Resources/Slot2/DependsOn", ["Slot0"]),
    Mutation("a_group_comes_after_what_its_nodes_need_at_once", f"{_POOL}/DependsOn", []),
    Mutation("health_is_the_machines_own", f"{_SLOT}/Properties/HealthCheckType", "ELB"),
    Mutation("maintenance_is_explicit", f"{_SLOT}/Properties/InstanceMaintenancePolicy", GONE),
    Mutation(
        "an_update_waits_for_signals_with_everything_else_suspended",
        f"{_SLOT}/UpdatePolicy/AutoScalingRollingUpdate/SuspendProcesses/0",
        GONE,
    ),
    Mutation(
        "an_update_waits_for_signals_with_everything_else_suspended",
        f"{_POOL}/UpdatePolicy/AutoScalingRollingUpdate/WaitOnResourceSignals",
        False,
    ),
    Mutation(
        "a_slot_is_replaced_one_node_at_a_time",
        f"{_SLOT}/UpdatePolicy/AutoScalingRollingUpdate/MinInstancesInService",
        0,
    ),
    Mutation(
        "a_pool_is_replaced_in_batches_and_keeps_its_smallest_size",
        f"{_POOL}/UpdatePolicy/AutoScalingRollingUpdate/MaxBatchSize",
        3,
    ),
    Mutation(
        "a_pool_is_replaced_in_batches_and_keeps_its_smallest_size",
        f"{_POOL}/UpdatePolicy/AutoScalingRollingUpdate/MinInstancesInService",
        0,
    ),
    Mutation("a_pool_has_room_for_one_more_node_than_its_smallest_size", "root/Rules/MemorySizes", GONE),
    Mutation("a_pool_has_room_for_one_more_node_than_its_smallest_size", "root/Parameters/MemoryMaxSize/MinValue", 0),
    Mutation("a_pool_has_room_for_one_more_node_than_its_smallest_size", "root/Parameters/MemoryMinSize/Default", 20),
    Mutation(
        "no_pool_may_have_more_nodes_than_the_ranges_have_room_for", "root/Parameters/MemoryMaxSize/MaxValue", 1018
    ),
    Mutation(
        "hooks_have_their_names_and_results",
        f"{_SLOT}/Properties/LifecycleHookSpecificationList/1/DefaultResult",
        "CONTINUE",
    ),
    Mutation("hooks_have_their_names_and_results", f"{_POOL}/Properties/LifecycleHookSpecificationList", []),
    Mutation("an_abandoned_control_plane_stays", f"{_SLOT}/Properties/InstanceLifecyclePolicy", GONE),
    Mutation("a_slot_registers_with_the_balancer_and_a_pool_does_not", f"{_SLOT}/Properties/TargetGroupARNs", []),
    Mutation("instances_carry_cluster_role_and_slot_or_pool", f"{_SLOT}/Properties/Tags/3/Value", "1"),
    Mutation("instances_carry_cluster_role_and_slot_or_pool", f"{_POOL}/Properties/Tags/1/PropagateAtLaunch", False),
    Mutation(
        "the_autoscaler_sees_pools_with_their_labels_taints_and_storage_and_no_slot",
        f"{_SLOT}/Properties/Tags/-",
        {"Key": "k8s.io/cluster-autoscaler/enabled", "Value": "true", "PropagateAtLaunch": False},
    ),
    Mutation(
        "the_autoscaler_sees_pools_with_their_labels_taints_and_storage_and_no_slot",
        f"{_POOL}/Properties/Tags/6/Value",
        "other",
    ),
    Mutation(
        "the_autoscaler_sees_pools_with_their_labels_taints_and_storage_and_no_slot",
        f"{_POOL}/Properties/Tags/8/Value",
        "200Gi",
    ),
    Mutation(
        "tags_of_a_group_fit_ec2s_limits",
        f"{_POOL}/Properties/Tags/-",
        {"Key": "k" * 129, "Value": "", "PropagateAtLaunch": False},
    ),
    # timing
    Mutation(
        "a_hook_can_hold_an_instance_for_two_days",
        f"{_POOL}/Properties/LifecycleHookSpecificationList/0/HeartbeatTimeout",
        1700,
    ),
    Mutation("a_hook_can_hold_an_instance_for_two_days", "root/Parameters/LaunchHookHeartbeatSeconds/Default", 600),
    Mutation(
        "drain_and_removal_and_the_longest_boot_fit_into_the_wait_for_a_signal",
        "root/Parameters/LaunchHookHeartbeatSeconds/MaxValue",
        2700,
    ),
    Mutation(
        "the_cluster_is_ready_within_the_wait_for_a_first_boot",
        "controlplane/Resources/ClusterReady/CreationPolicy/ResourceSignal/Timeout",
        "PT30M",
    ),
    Mutation(
        "an_event_is_tried_again_for_longer_than_the_schedule_needs",
        "lifecycle/Resources/Reconcile/Properties/Timeout",
        900,
    ),
]
