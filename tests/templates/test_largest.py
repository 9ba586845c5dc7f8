"""The largest configuration that is accepted still fits into AWS's limits."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import pytest
from msgspec.structs import replace

from generator.config.model import Access, Addons, ClusterConfig, ControlPlane, Kubernetes, Lifecycle, Partition, Pool
from generator.config.oidc import OidcIssuer
from generator.config.rules.repositories import repositories_fit_into_the_policies_of_a_role
from tests.templates.cluster import Cluster, generated
from tests.templates.rules import RULES, violations

# As many pools as the schema allows, each name as long as it may be.
_POOLS = tuple(Pool(name=f"{'n' * 22}{index:02}") for index in range(12))
# As many issuers, in as many places, and each as long as one may be, with what may be written in it.
_LONGEST_TEXT = 8192
_ISSUERS = tuple(
    OidcIssuer(
        url=f"https://issuer-{index}.example.com:{8443 + index}/{{{{",
        audiences=("kubernetes",),
        username_prefix=f"{index}:",
        cidrs=tuple(f"10.{index}.{part}.0/24" for part in range(5)),
    )
    for index in range(5)
)
# A security group takes 60 rules in each direction, unless AWS is asked for more (Amazon VPC quotas).
_MOST_RULES = 60


def _padded(issuer: OidcIssuer) -> OidcIssuer:
    return replace(issuer, certificate_authority="x" * (_LONGEST_TEXT - len(issuer.text)))


@pytest.fixture(scope="module")
def largest() -> Cluster:
    issuers = tuple(_padded(issuer) for issuer in _ISSUERS)
    config = ClusterConfig(
        zones=6,
        control_plane=ControlPlane(slots=5),
        pools=_POOLS,
        access=Access(oidc=issuers),
        addons=Addons(metrics_server=True, ebs_csi=True),
    )
    return generated("largest", config)


@pytest.mark.parametrize("rule", RULES)
def test_the_largest_configuration_holds_the_rule(rule: str, largest: Cluster) -> None:
    assert violations(rule, largest) == []


def _names(count: int, characters: int) -> tuple[str, ...]:
    return tuple(f"{index}{'r' * (characters - 2)}*" for index in range(count))


@pytest.mark.parametrize("partition", get_args(Partition))
@pytest.mark.parametrize(
    ("sessions", "volumes", "repositories"),
    [
        (False, True, _names(10, 100)),
        (True, False, _names(4, 80)),
        (True, False, _names(5, 51)),
        (True, True, _names(3, 50)),
    ],
    ids=["without sessions", "long with sessions", "more with sessions", "with sessions and volumes"],
)
def test_a_roles_policies_have_room_for_the_repositories_that_are_accepted(
    partition: Partition, sessions: bool, volumes: bool, repositories: tuple[str, ...]
) -> None:
    config = ClusterConfig(
        partition=partition,
        tags={"owner": "platform"},
        kubernetes=Kubernetes(image_repositories=repositories),
        access=Access(ssm=sessions),
        addons=Addons(metrics_server=True, ebs_csi=volumes),
        lifecycle=Lifecycle(function_in_vpc=True),
        pools=_POOLS,
    )
    assert list(repositories_fit_into_the_policies_of_a_role(config)) == []
    longer = replace(config, kubernetes=Kubernetes(image_repositories=(*repositories[1:], repositories[0] + "x")))
    assert bool(list(repositories_fit_into_the_policies_of_a_role(longer))) is sessions
    assert violations("the_inline_policies_of_a_role_fit_iams_quota", generated("most", config)) == []


def test_a_security_group_has_room_for_its_rules(largest: Cluster) -> None:
    for kind in ("Ingress", "Egress"):
        rules = largest.resources(f"AWS::EC2::SecurityGroup{kind}")
        counted = Counter(each.properties["GroupId"]["Ref"] for each in rules)
        # Egress has one more, within the group itself.
        assert max(counted.values()) < _MOST_RULES, counted
