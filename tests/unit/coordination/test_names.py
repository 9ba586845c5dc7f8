"""The names that templates and run time share are equal on both sides."""

from __future__ import annotations

import coordination.names
import generator.names


def public(module: object) -> dict[str, object]:
    return {name: value for name, value in vars(module).items() if name.isupper()}


def test_names_that_both_sides_hold_are_equal() -> None:
    ours, theirs = public(coordination.names), public(generator.names)
    shared = ours.keys() & theirs.keys()
    assert {name: ours[name] for name in shared} == {name: theirs[name] for name in shared}
    assert {"CLUSTER_TAG", "ROLE_TAG", "TERMINATING_HOOK_SUFFIX", "TABLE_KEY", "CLUSTER_ITEM"} <= shared


def test_a_hooks_name_is_unique_to_the_cluster() -> None:
    assert coordination.names.terminating_hook("0b1c") == "0b1c-terminating"
