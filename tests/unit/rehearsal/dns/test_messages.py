"""Answers on the wire."""

from __future__ import annotations

from dataclasses import replace

import dns.flags
import dns.message
import dns.rcode
import dns.update
import pytest

from rehearsal.machines.network.dns.messages import reply
from rehearsal.machines.network.dns.resolve import HostedZone, Names, Record

MANY = tuple(f"10.0.{number // 250}.{number % 250}" for number in range(100))
NAMES = Names(
    zones=(HostedZone("few.internal", (Record("a.few.internal", "A", 300, ("10.0.0.1",)),)),),
    balancers={"many.elb.us-east-1.amazonaws.com": MANY},
)


QUESTION = dns.message.make_query("a.few.internal", "A")


def ask(query: dns.message.Message, datagram: bool = True) -> dns.message.Message:
    """The answer to a message."""
    said = reply(query.to_wire(), NAMES, datagram=datagram)
    assert said is not None
    assert not datagram or len(said.wire) <= max(512, query.payload)
    return dns.message.from_wire(said.wire)


def test_a_question_is_answered_in_the_case_it_was_asked_in() -> None:
    answer = ask(dns.message.make_query("A.few.INTERNAL", "A"))
    assert answer.flags & dns.flags.RA
    assert [rows.to_text() for rows in answer.answer] == ["A.few.INTERNAL. 300 IN A 10.0.0.1"]


def test_a_long_answer_is_cut_over_udp_unless_the_asker_takes_more() -> None:
    name = "many.elb.us-east-1.amazonaws.com"
    assert ask(dns.message.make_query(name, "A")).flags & dns.flags.TC
    for answer in (
        ask(dns.message.make_query(name, "A", use_edns=True, payload=4096)),
        ask(dns.message.make_query(name, "A"), datagram=False),
    ):
        assert not answer.flags & dns.flags.TC
        assert {item.to_text() for item in answer.answer[0]} == set(MANY)


def test_a_balancers_addresses_come_in_any_order() -> None:
    query = dns.message.make_query("many.elb.us-east-1.amazonaws.com", "A")
    assert len({str(ask(query, datagram=False).answer[0][0]) for _ in range(20)}) > 1


def test_what_does_not_exist_is_said_with_its_code() -> None:
    assert ask(dns.message.make_query("kubernetes.io", "A")).rcode() == dns.rcode.NXDOMAIN
    assert ask(dns.message.make_query("a.few.internal", "A", "CH")).rcode() == dns.rcode.REFUSED


def test_an_update_is_not_implemented() -> None:
    update = dns.update.UpdateMessage("few.internal")
    update.add("b", 60, "A", "10.0.0.2")
    assert ask(update).rcode() == dns.rcode.NOTIMP


@pytest.mark.parametrize(
    "message",
    [b"", b"not DNS", dns.message.make_response(dns.message.make_query("a", "A")).to_wire()],
    # A response's bytes hold a random number, and would make a name that differs in every process.
    ids=["nothing", "no DNS", "a response"],
)
def test_what_is_no_question_is_not_answered(message: bytes) -> None:
    assert reply(message, NAMES, datagram=True) is None


def test_without_dns_support_nothing_is_answered() -> None:
    assert reply(QUESTION.to_wire(), NAMES, datagram=True) is not None
    assert reply(QUESTION.to_wire(), replace(NAMES, enabled=False), datagram=True) is None
