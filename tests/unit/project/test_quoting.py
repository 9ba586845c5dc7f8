"""What pages quote is compared so that no line goes stale, and ids and ages may be any."""

from __future__ import annotations

import pytest

from tests.e2e.quoting import Examples

A, B = "i-0000000000000000a", "i-0000000000000000b"
REAL, OTHER = "i-7e1ece55ed3acd13d", "i-07d01e2f01b4fb41a"
SAID = f"""cluster holdfast in us-east-1 (d212accc): healthy

members
  {REAL}  voter, leads  8339e85734e4cbfc  slot 1  served 5 min ago
  {OTHER}  voter         7c1301020e959590  slot 2  serves
"""
QUOTED = [
    "cluster my-cluster in eu-central-1 (…): healthy",
    "",
    "members",
    f"  {A}  voter…  8e9e05c521646940  slot 1  served 2 h ago",
    f"  {B}  voter  8e9e05c521646941  slot 2   serves",
]


def examples() -> Examples:
    return Examples({"my-cluster": "holdfast", "eu-central-1": "us-east-1"})


def test_examples_stand_for_what_came_and_from_then_on_for_nothing_else() -> None:
    found = examples()
    found.compare(QUOTED, SAID)
    assert (found.words[A], found.words[B]) == (REAL, OTHER)
    assert found.real(f"reboot {A} of my-cluster") == f"reboot {REAL} of holdfast"
    found.compare([f"{A} leaves"], f"{REAL} leaves\n")
    with pytest.raises(AssertionError, match=f"{A} leaves"):
        found.compare([f"{A} leaves"], f"{OTHER} leaves\n")


@pytest.mark.parametrize(
    "quoted",
    [
        [*QUOTED[:4]],
        [*QUOTED, "leases"],
        [QUOTED[0], *QUOTED[2:]],
        [*QUOTED[:3], QUOTED[4], QUOTED[3]],
        [QUOTED[0].replace("healthy", "needs attention"), *QUOTED[1:]],
        [*QUOTED[:3], QUOTED[3].replace("served 2 h ago", "serves"), QUOTED[4]],
        [*QUOTED[:4], QUOTED[4].replace(B, A)],
        [*QUOTED[:4], QUOTED[4].replace("8e9e05c521646941", "8e9e05c521646940")],
    ],
)
def test_anything_else_is_another_output(quoted: list[str]) -> None:
    with pytest.raises(AssertionError, match="the page says"):
        examples().compare(quoted, SAID)


def test_a_page_may_leave_lines_out_where_it_says_so() -> None:
    examples().compare([QUOTED[0], "…", QUOTED[4]], SAID)
    examples().compare(["…", QUOTED[3], "…"], SAID)
    examples().compare([*QUOTED[:2], "…"], SAID)
