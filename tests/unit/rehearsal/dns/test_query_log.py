"""The events of the query log, and which questions have one."""

from __future__ import annotations

import dns.message
import pytest

from rehearsal.machines.network.dns.firewall import Blocking, FilterRule, Verdict, domain_names
from rehearsal.machines.network.dns.messages import Answered, reply
from rehearsal.machines.network.dns.query_log import Asker, ResolverCache, described
from rehearsal.machines.network.dns.resolve import HostedZone, Names, Record
from rehearsal.machines.network.dns.view import Logged

RULE = FilterRule("rslvr-frg-1", "rslvr-fdl-1", domain_names(("evil.example",)), Verdict.BLOCK, Blocking.NXDOMAIN)
ZONE = HostedZone("few.internal", (Record("a.few.internal", "A", 300, ("10.0.0.1",)),))
NAMES = Names(zones=(ZONE,), firewall=(RULE,))
LOGGED = Logged("us-east-1", ("queries",), {"10.0.0.7": "i-1"})
ASKER = Asker("10.0.0.7", 4321, datagram=True)


def answered(name: str, kind: str = "A") -> Answered:
    said = reply(dns.message.make_query(name, kind).to_wire(), NAMES, datagram=True)
    assert said is not None
    assert said.answered is not None
    return said.answered


def test_an_event_has_the_documented_values() -> None:
    assert described("123456789012", "vpc-1", LOGGED, ASKER, answered("A.few.internal"), 1612461115.5) == {
        "version": "1.100000",
        "account_id": "123456789012",
        "region": "us-east-1",
        "vpc_id": "vpc-1",
        "query_timestamp": "2021-02-04T17:51:55Z",
        "query_name": "A.few.internal.",
        "query_type": "A",
        "query_class": "IN",
        "rcode": "NOERROR",
        "answers": [{"Rdata": "10.0.0.1", "Type": "A", "Class": "IN"}],
        "srcaddr": "10.0.0.7",
        "srcport": "4321",
        "transport": "UDP",
        "srcids": {"instance": "i-1"},
    }


def test_a_blocked_question_names_the_rule_and_an_unknown_asker_no_instance() -> None:
    stranger = Asker("10.0.0.8", 1, datagram=False)
    event = described("1", "vpc-1", LOGGED, stranger, answered("evil.example"), 0.0)
    assert (event["rcode"], event["answers"], event["srcids"], event["transport"]) == ("NXDOMAIN", [], {}, "TCP")
    assert event["firewall_rule_action"] == "BLOCK"
    assert event["firewall_rule_group_id"] == "rslvr-frg-1"
    assert event["firewall_domain_list_id"] == "rslvr-fdl-1"


def test_an_answer_is_in_the_cache_for_its_ttl_for_each_asker_and_question() -> None:
    cache, one = ResolverCache(), answered("a.few.internal")
    assert not cache.knows("vpc-1", "10.0.0.7", one, 1000.0)
    assert cache.knows("vpc-1", "10.0.0.7", answered("A.FEW.internal"), 1299.0)
    assert not cache.knows("vpc-1", "10.0.0.8", one, 1299.0)
    assert not cache.knows("vpc-2", "10.0.0.7", one, 1299.0)
    assert not cache.knows("vpc-1", "10.0.0.7", one, 1300.0)
    assert cache.knows("vpc-1", "10.0.0.7", one, 1301.0)


@pytest.mark.parametrize("name", ["evil.example", "no.such.name"])
def test_what_is_blocked_or_does_not_exist_is_logged_each_time(name: str) -> None:
    cache = ResolverCache()
    assert not any(cache.knows("vpc-1", "10.0.0.7", answered(name), 0.0) for _ in range(3))
