"""Questions and answers as messages on the wire (RFC 1035)."""

from __future__ import annotations

import random
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from rehearsal.machines.network.dns.resolve import REFUSED, Answer, Names, Row, resolve

PLAIN_BYTES = 512
"""The longest answer over UDP to whoever does not say more (RFC 1035, 4.2.1)."""
TCP_BYTES = 65535


@dataclass(frozen=True)
class Answered:
    """A question and what was said to it."""

    name: str
    """With the dot at its end, in the case that it was asked in."""
    kind: str
    """The type of the question, such as `A`."""
    of_class: str
    answer: Answer


@dataclass(frozen=True)
class Reply:
    """A message, and the question that it answers; None where it says that the asker's message has none."""

    wire: bytes
    answered: Answered | None = None


def reply(message: bytes, names: Names, *, datagram: bool) -> Reply | None:
    """The answer to a message; None for what is no question, and where the VPC has no resolver."""
    if not names.enabled:
        return None
    try:
        query = dns.message.from_wire(message)
    except dns.exception.DNSException:
        return None
    if query.flags & dns.flags.QR:
        return None
    response = dns.message.make_response(query, recursion_available=True)
    answered = None
    if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
        response.set_rcode(dns.rcode.NOTIMP)
    else:
        answered = _fill(response, query.question[0], names)
    limit = max(PLAIN_BYTES, query.payload) if datagram else TCP_BYTES
    return Reply(bytes(response.to_wire(max_size=limit, prefer_truncation=True)), answered)


def _fill(response: dns.message.Message, question: dns.rrset.RRset, names: Names) -> Answered:
    kind = dns.rdatatype.to_text(question.rdtype)
    known = question.rdclass == dns.rdataclass.IN
    name = question.name.to_text(omit_final_dot=True).lower()
    answer = resolve(names, name, kind) if known else Answer(REFUSED)
    response.set_rcode(dns.rcode.from_text(answer.code))
    for rows in _sets(answer.rows):
        # Route 53 answers a balancer's addresses in any order, and clients take the first.
        values = random.sample([row.value for row in rows], len(rows))
        owner = question.name.to_text() if rows[0].name == name else f"{rows[0].name}."
        response.answer.append(dns.rrset.from_text_list(owner, rows[0].ttl_seconds, "IN", rows[0].kind, values))
    return Answered(question.name.to_text(), kind, dns.rdataclass.to_text(question.rdclass), answer)


def _sets(rows: tuple[Row, ...]) -> list[list[Row]]:
    """The records by name and kind, in their order."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.name, row.kind), []).append(row)
    return list(found.values())
