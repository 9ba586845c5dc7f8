"""Wirings that mypy has to refuse; each line that it refuses says with which code.

tests/templates/test_wiring_is_typed.py checks this file without the next line, which keeps the errors out of the
ordinary run of mypy. Nothing imports it.
"""
# mypy: ignore-errors

from __future__ import annotations

from generator.layer import Parent
from generator.layers import database, network
from generator.layers.database import DATABASE
from generator.layers.iam import IAM
from generator.layers.network import NETWORK
from generator.values import CidrBlocks, PrefixListId, RoleName, VpcId


def a_value_of_the_wrong_kind(parent: Parent, data: database.Outputs, given: database.Inputs, vpc_id: VpcId) -> None:
    DATABASE.nest(
        parent,
        database.Inputs(
            cluster_id=given.cluster_id,
            key_arn=data.table_arn,  # expect: arg-type
            vpc_id=vpc_id,
            role_path=given.role_path,
            control_plane_role_name=given.control_plane_role_name,
            control_plane_role_arn=given.control_plane_role_arn,
            viewer_arns=given.viewer_arns,
            editor_arns=given.editor_arns,
            worker_role_name=vpc_id,  # expect: arg-type
        ),
    )


def an_output_that_does_not_exist(net: network.Outputs) -> None:
    print(net.worker_subnets_ids)  # expect: attr-defined


def an_output_of_the_wrong_kind(net: network.Outputs) -> VpcId:
    return net.worker_subnet_ids  # expect: return-value


def an_input_that_is_missing(parent: Parent, vpc_id: VpcId, role: RoleName) -> None:
    DATABASE.nest(
        parent,
        database.Inputs(  # expect: call-arg
            vpc_id=vpc_id, control_plane_role_name=role, worker_role_name=role
        ),
    )


def an_input_that_does_not_exist(parent: Parent, clients: CidrBlocks, s3: PrefixListId, dynamodb: PrefixListId) -> None:
    NETWORK.nest(
        parent,
        network.Inputs(  # expect: call-arg
            api_client_cidrs=clients, s3_prefix_list_id=s3, dynamodb_prefix_list_id=dynamodb, vpc="vpc-1"
        ),
    )


def the_inputs_of_another_layer(parent: Parent, inputs: database.Inputs) -> None:
    IAM.nest(parent, inputs)  # expect: arg-type


def a_text_in_place_of_a_value(given: database.Inputs, net: network.Outputs, role: RoleName) -> None:
    database.Inputs(
        cluster_id=given.cluster_id,
        key_arn="arn:key",  # expect: arg-type
        vpc_id=net.vpc_id,
        role_path=given.role_path,
        control_plane_role_name=role,
        control_plane_role_arn=given.control_plane_role_arn,
        viewer_arns=given.viewer_arns,
        editor_arns=given.editor_arns,
        worker_role_name=role,
    )
