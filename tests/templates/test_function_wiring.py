"""What the templates tell the function, the function understands."""

from __future__ import annotations

import importlib

from functions.reconcile.settings import settings
from tests.templates.cluster import DEFAULT_EXAMPLE, example

CLUSTER = example(DEFAULT_EXAMPLE)


def test_the_function_understands_the_environment_that_it_is_given() -> None:
    variables = CLUSTER.resource("lifecycle", "Reconcile").properties["Environment"]["Variables"]

    understood = settings({name: value if isinstance(value, str) else name for name, value in variables.items()})

    assert understood.timeout_seconds == CLUSTER.resource("lifecycle", "Reconcile").properties["Timeout"]
    assert (understood.cluster_id, understood.table) == ("HOLDFAST_CLUSTER_ID", "HOLDFAST_TABLE")


def test_the_functions_handler_exists() -> None:
    module, _, name = CLUSTER.resource("lifecycle", "Reconcile").properties["Handler"].rpartition(".")

    assert callable(getattr(importlib.import_module(module), name))
