"""What a VPC's resolver answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rehearsal.machines.network.dns.resolve import HostedZone, Names, Record, Row, resolve

BALANCER = "api-0123.elb.us-east-1.amazonaws.com"
ZONE = HostedZone(
    "cluster.internal",
    (
        Record("cluster.internal", "NS", 172800, ("ns-1.awsdns-00.com.",)),
        Record("api.cluster.internal", "A", alias=BALANCER),
        Record("again.cluster.internal", "A", alias="plain.cluster.internal"),
        Record("round.cluster.internal", "A", alias="round.cluster.internal"),
        Record("plain.cluster.internal", "A", 300, ("10.0.0.9", "10.0.0.8")),
        Record("deep.below.cluster.internal", "A", 300, ("10.0.0.9",)),
        Record("other.cluster.internal", "CNAME", 30, (f"{BALANCER}.",)),
        Record("chained.cluster.internal", "CNAME", 30, ("plain.cluster.internal.",)),
        Record("astray.cluster.internal", "CNAME", 30, ("nowhere.cluster.internal",)),
        Record("loop.cluster.internal", "CNAME", 30, ("loop.cluster.internal",)),
        Record("*.apps.cluster.internal", "A", 60, ("10.0.0.4",)),
        Record("one.apps.cluster.internal", "TXT", 60, ('"one"',)),
    ),
)
INNER = HostedZone("inner.cluster.internal", (Record("a.inner.cluster.internal", "A", 60, ("10.0.0.3",)),))
HIDING = HostedZone("amazonaws.com", ())
NAMES = Names(
    zones=(ZONE, INNER),
    balancers={BALANCER: ("10.0.0.5", "10.0.1.5")},
    hosts={"ip-10-0-0-7.ec2.internal": "10.0.0.7"},
)


@pytest.mark.parametrize(
    ("name", "kind", "code", "values"),
    [
        ("api.cluster.internal", "A", "NOERROR", [(60, "10.0.0.5"), (60, "10.0.1.5")]),
        ("api.cluster.internal", "AAAA", "NOERROR", []),
        ("plain.cluster.internal", "A", "NOERROR", [(300, "10.0.0.9"), (300, "10.0.0.8")]),
        ("again.cluster.internal", "A", "NOERROR", [(300, "10.0.0.9"), (300, "10.0.0.8")]),
        ("round.cluster.internal", "A", "NOERROR", []),
        ("cluster.internal", "NS", "NOERROR", [(172800, "ns-1.awsdns-00.com.")]),
        ("below.cluster.internal", "A", "NOERROR", []),
        ("none.cluster.internal", "A", "NXDOMAIN", []),
        ("none.below.cluster.internal", "A", "NXDOMAIN", []),
        ("a.inner.cluster.internal", "A", "NOERROR", [(60, "10.0.0.3")]),
        ("plain.inner.cluster.internal", "A", "NXDOMAIN", []),
        ("any.apps.cluster.internal", "A", "NOERROR", [(60, "10.0.0.4")]),
        ("any.thing.apps.cluster.internal", "A", "NOERROR", [(60, "10.0.0.4")]),
        ("one.apps.cluster.internal", "A", "NOERROR", []),
        ("xcluster.internal", "A", "NXDOMAIN", []),
        (BALANCER, "A", "NOERROR", [(60, "10.0.0.5"), (60, "10.0.1.5")]),
        (BALANCER, "AAAA", "NOERROR", []),
        ("ip-10-0-0-7.ec2.internal", "A", "NOERROR", [(60, "10.0.0.7")]),
        ("ip-10-0-0-8.ec2.internal", "A", "NXDOMAIN", []),
        ("7.0.0.10.in-addr.arpa", "PTR", "NOERROR", [(60, "ip-10-0-0-7.ec2.internal.")]),
        ("7.0.0.10.in-addr.arpa", "A", "NOERROR", []),
        ("8.0.0.10.in-addr.arpa", "PTR", "NXDOMAIN", []),
        ("kubernetes.io", "A", "NXDOMAIN", []),
    ],
)
def test_a_name_is_answered_by_its_zone_or_is_a_balancers_or_an_instances(
    name: str, kind: str, code: str, values: list[tuple[int, str]]
) -> None:
    answer = resolve(NAMES, name, kind)
    assert answer.code == code
    assert [(row.ttl_seconds, row.value) for row in answer.rows] == values
    assert all((row.name, row.kind) == (name, kind) for row in answer.rows)


def test_a_cname_is_followed_out_of_its_zone_and_shown() -> None:
    assert resolve(NAMES, "other.cluster.internal", "A").rows == (
        Row("other.cluster.internal", "CNAME", 30, f"{BALANCER}."),
        Row(BALANCER, "A", 60, "10.0.0.5"),
        Row(BALANCER, "A", 60, "10.0.1.5"),
    )
    assert [row.kind for row in resolve(NAMES, "chained.cluster.internal", "A").rows] == ["CNAME", "A", "A"]
    assert [row.kind for row in resolve(NAMES, "chained.cluster.internal", "CNAME").rows] == ["CNAME"]


def test_a_cname_that_leads_nowhere_is_shown_with_the_failure_and_one_that_leads_to_itself_ends() -> None:
    astray = resolve(NAMES, "astray.cluster.internal", "A")
    assert (astray.code, [row.kind for row in astray.rows]) == ("NXDOMAIN", ["CNAME"])
    assert resolve(NAMES, "loop.cluster.internal", "A").code == "SERVFAIL"


def test_a_private_zone_hides_names_that_others_have() -> None:
    hidden = replace(NAMES, zones=(ZONE, HIDING))
    assert resolve(hidden, BALANCER, "A").code == "NXDOMAIN"
