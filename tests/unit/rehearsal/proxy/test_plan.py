"""Plans and findings as lines."""

from __future__ import annotations

from rehearsal.machines.proxy.plan import (
    Check,
    Finding,
    Group,
    Listener,
    Plan,
    Target,
    Zone,
    read_finding,
    read_plan,
    write,
)

PLAN = Plan(
    (Zone("a", "10.0.0.5", "hf-abcdef-12345678"), Zone("b", "10.0.1.5")),
    (Listener(6443, 3600.0, "arn"),),
    (
        Group(
            "arn",
            cross_zone=True,
            check=Check("HTTPS", "/readyz", None, 10.0, 6.0, 2, 2, ((200, 399), (404, 404)), 6443),
            cut_unhealthy=True,
            cut_drained=False,
            targets=(Target("i-1", 6443, "10.0.0.9", "a", draining=True, since=12.34567),),
        ),
    ),
)


def test_a_plan_is_one_line_and_read_as_it_was_written() -> None:
    line = write(PLAN)
    assert line.index(b"\n") == len(line) - 1
    assert read_plan(line) == PLAN


def test_a_finding_is_read_as_it_was_written() -> None:
    finding = Finding("arn", "i-1", 6443, "unhealthy", "Target.Timeout", ("a",), 1 / 3)
    assert read_finding(write(finding)) == finding
