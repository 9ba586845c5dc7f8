"""What templates tell run time, run time understands: names that no type can carry over."""

from __future__ import annotations

import importlib

import coordination.names
from functions.reconcile.settings import settings
from tests.templates.cluster import DEFAULT_EXAMPLE, example

CLUSTER = example(DEFAULT_EXAMPLE)


def test_the_teardown_is_what_the_function_answers_in_time() -> None:
    teardown = CLUSTER.resource("root", "Teardown")

    assert teardown.type == coordination.names.TEARDOWN_RESOURCE_TYPE
    assert teardown.properties["ServiceTimeout"] == coordination.names.TEARDOWN_TIMEOUT_SECONDS


def test_the_function_understands_the_environment_that_it_is_given() -> None:
    variables = CLUSTER.resource("lifecycle", "Reconcile").properties["Environment"]["Variables"]

    understood = settings({name: value if isinstance(value, str) else name for name, value in variables.items()})

    assert understood.timeout_seconds == CLUSTER.resource("lifecycle", "Reconcile").properties["Timeout"]
    assert (understood.cluster_id, understood.table) == ("HOLDFAST_CLUSTER_ID", "HOLDFAST_TABLE")


def test_the_functions_handler_exists() -> None:
    module, _, name = CLUSTER.resource("lifecycle", "Reconcile").properties["Handler"].rpartition(".")

    assert callable(getattr(importlib.import_module(module), name))


def test_the_tables_key_is_the_one_that_items_are_read_by() -> None:
    (key,) = CLUSTER.resource("database", "Table").properties["KeySchema"]

    assert key["AttributeName"] == coordination.names.TABLE_KEY


def test_a_terminating_hook_has_the_name_that_the_function_looks_for() -> None:
    hooks = CLUSTER.resource("controlplane", "Slot0").properties["LifecycleHookSpecificationList"]

    names = [hook["LifecycleHookName"]["Fn::Sub"].replace("${ClusterUuid}", "0b1c") for hook in hooks]

    assert coordination.names.terminating_hook("0b1c") in names
