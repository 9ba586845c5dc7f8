"""The names that templates and run time share, and the rooms that stand apart and hold some of them once more."""

from __future__ import annotations

from coordination import names
from deployment import launches, retained
from rehearsal import node_stub
from rehearsal.cloud import table


def test_the_hooks_of_two_clusters_have_different_names() -> None:
    assert names.launching_hook("0b1c") == "0b1c-launching"
    assert names.terminating_hook("0b1c") == "0b1c-terminating"


def test_deployment_finds_a_cluster_by_the_tag_and_the_path_that_its_templates_give_it() -> None:
    assert retained.TAG == names.CLUSTER_TAG
    assert (launches.SLOT_TAG, launches.POOL_TAG) == (names.SLOT_TAG, names.POOL_TAG)
    assert retained.prefix("0b1c") == f"{names.parameter_prefix('0b1c')}/"


def test_the_rehearsal_finds_nodes_by_the_tags_and_items_that_the_cluster_gives_them() -> None:
    assert (table.CLUSTER_TAG, table.ROLE_TAG) == (names.CLUSTER_TAG, names.ROLE_TAG)
    assert (table.SLOT_TAG, table.POOL_TAG) == (names.SLOT_TAG, names.POOL_TAG)
    assert table.BOOT_ITEM_PREFIX == names.BOOT_ITEM_PREFIX


def test_the_node_stub_of_make_local_speaks_of_what_the_templates_made() -> None:
    assert (node_stub.CLUSTER_TAG, node_stub.ROLE_TAG) == (names.CLUSTER_TAG, names.ROLE_TAG)
    assert node_stub.SLOT_TAG == names.SLOT_TAG
    assert node_stub.CONTROL_PLANE_ROLE == names.CONTROL_PLANE_ROLE
    assert node_stub.READY_RESOURCE == names.CLUSTER_READY
