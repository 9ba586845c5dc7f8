"""Every rule can fail: each reports a cluster in which one place was changed against it."""

from __future__ import annotations

import pytest

from tests.templates.cluster import example
from tests.templates.mutations import MUTATIONS, change
from tests.templates.mutations.mutation import Mutation
from tests.templates.rules import RULES, violations


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: f"{mutation.rule}-{mutation.path.split('/')[-1]}")
def test_a_rule_reports_a_cluster_that_breaks_it(mutation: Mutation) -> None:
    cluster = example(mutation.example).copy()
    change(cluster, mutation.path, mutation.value)

    assert violations(mutation.rule, example(mutation.example)) == []
    assert violations(mutation.rule, cluster) != []


def test_every_rule_is_shown_to_fail() -> None:
    assert sorted(RULES.keys() - {mutation.rule for mutation in MUTATIONS}) == []
