"""Every rule, over the templates of every example; the test's id names the rule that is broken."""

from __future__ import annotations

import pytest

from generator.grant import NODE_ROLES, On
from generator.permissions import GRANTS
from tests.templates.cluster import EXAMPLES, example
from tests.templates.rules import RULES, violations


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("rule", RULES)
def test_every_example_obeys(rule: str, name: str) -> None:
    assert violations(rule, example(name)) == []


def test_a_grant_on_any_resource_or_from_outside_the_vpc_has_a_reason() -> None:
    anything = (On.ANY, On.NETWORK_INTERFACES)
    open_grants = [
        grant
        for grant in GRANTS
        if not grant.reason and (grant.on in anything or (grant.role in NODE_ROLES and not grant.confined))
    ]

    assert open_grants == []
