"""A name that exists beside the cluster's own, in a zone that its VPC resolves, and what the resolver logged of it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.e2e import shipped
from tests.e2e.harness import ClusterHarness

ZONE = "evil.example"
"""Of nobody's: names below `.example` are reserved for examples (RFC 2606)."""
QUERIES = "QueryLogGroup"


@contextmanager
def made(cluster: ClusterHarness, vpc_id: str) -> Iterator[str]:
    """A new name with an address, in a private zone of the VPC; both go at the end."""
    local = cluster.rehearsal.local
    route53, name = local.client("route53"), f"{secrets.token_hex(8)}.{ZONE}"
    zone_id = route53.create_hosted_zone(
        Name=ZONE,
        CallerReference=name,
        VPC={"VPCRegion": local.facts.region, "VPCId": vpc_id},
        HostedZoneConfig={"PrivateZone": True},
    )["HostedZone"]["Id"]
    record = {"Name": name, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}

    def change(action: str) -> None:
        changes = [{"Action": action, "ResourceRecordSet": record}]
        route53.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch={"Changes": changes})

    try:
        change("CREATE")
        try:
            yield name
        finally:
            change("DELETE")
    finally:
        route53.delete_hosted_zone(Id=zone_id)


def askers(cluster: ClusterHarness, name: str, action: str) -> set[str]:
    """The addresses from which a name was asked for, of those queries alone of which the firewall made this
    ("Values that appear in VPC Resolver query logs", Route 53 developer guide)."""
    queries: list[dict[str, Any]] = [json.loads(line) for line in shipped.lines(cluster, QUERIES)]
    return {
        each["srcaddr"]
        for each in queries
        if each["query_name"] == f"{name}." and each.get("firewall_rule_action") == action
    }
