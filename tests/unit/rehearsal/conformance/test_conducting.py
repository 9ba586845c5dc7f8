"""The command that goes on with a run of conformance tests."""

from __future__ import annotations

import shlex
from pathlib import Path

from rehearsal.conformance.conducting import DEFAULT, Wanted, command
from rehearsal.conformance.model import Group
from rehearsal.machines.model import PodNetwork


def wanted(pattern: str, part: tuple[int, int], minor: str | None, network: PodNetwork) -> Wanted:
    sig = "auth apps" if minor else ""
    return Wanted([Group.AUTH], sig, pattern, part, again=True, minor=minor, network=network, until=0)


def test_what_was_typed_is_typed_again_in_the_shells_words() -> None:
    found = command(wanted("a (b|c)", (1, 3), "1.36", PodNetwork.BRIDGE), Path("my clusters/a.yaml"))
    assert shlex.split(found) == [
        "make",
        "conformance",
        "SIG=auth apps",
        "CASES=a (b|c)",
        "PART=1/3",
        "MINOR=1.36",
        "NETWORK=bridge",
        "CONFIG=my clusters/a.yaml",
    ]


def test_what_holds_without_being_typed_is_not_typed() -> None:
    assert command(wanted("", (1, 1), None, PodNetwork.CILIUM), DEFAULT) == "make conformance"
