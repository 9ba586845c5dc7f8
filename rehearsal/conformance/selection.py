"""Which cases a run takes, and in which batches."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from rehearsal.conformance.model import Case, Group, LeftOut, Outcome, Results

_LARGEST_SHARE = 10
"""At most a tenth of a group is left out."""


class WrongSelection(ValueError):
    """Nothing can be run for this. The message is one line: what was given, and what is allowed."""


def groups(given: str) -> list[Group]:
    """The groups of `auth`, or of `auth,apps`; all of them for nothing. WrongSelection."""
    names = [each for each in re.split(r"[\s,]+", given) if each]
    if unknown := [each for each in names if each not in [*Group]]:
        raise WrongSelection(f"SIG: {unknown[0]}; allowed: {', '.join(Group)}")
    return [each for each in Group if not names or each in names]


def part(given: str) -> tuple[int, int]:
    """Which part of how many, of a text such as `1/3`. WrongSelection."""
    found = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", given)
    if found is None or int(found[1]) > int(found[2]):
        raise WrongSelection(f"PART: {given}; allowed: one of several, as 1/3")
    return int(found[1]), int(found[2])


def selected(
    cases: Iterable[Case],
    of: Collection[Group],
    left_out: Collection[LeftOut],
    *,
    pattern: str = "",
    taken: tuple[int, int] = (1, 1),
) -> list[Case]:
    """The cases of some groups that a run takes. WrongSelection."""
    names = {each.name for each in left_out}
    wanted = [each for each in cases if each.group in of and each.name not in names]
    try:
        found = [each for each in wanted if re.search(pattern, each.name)]
    except re.error as error:
        raise WrongSelection(f"CASES: {pattern}: {error}; allowed: a regular expression") from error
    number, parts = taken
    return found[number - 1 :: parts]


def in_order(cases: Iterable[Case], known: Results, commit: str, *, again: bool = False) -> list[Case]:
    """Those that have not passed at a commit (with `again` all), as they are best begun.

    What has failed at this commit comes after what has not run, and of either what took longest comes first: it is not
    waited for at the end. Cases that run alone are the last.
    """
    results = {name: each for group in known.groups.values() for name, each in group.results.items()}
    here = {name: each.ended.outcome for name, each in results.items() if each.commit == commit}
    seconds = {name: each.ended.seconds for name, each in results.items()}
    wanted = [each for each in cases if again or here.get(each.name) is not Outcome.PASSED]
    return sorted(wanted, key=lambda each: (each.serial, each.name in here, -seconds.get(each.name, 0.0)))


def focus(case: Case) -> str:
    """The regular expression of Go's that no other case's name ends with. Ginkgo puts the suite's name before it."""
    return f"{re.escape(case.name)}$"


def too_many(cases: Iterable[Case], left_out: Collection[LeftOut]) -> list[str]:
    """What is wrong with a list of cases that are left out, a line each: too many of a group, or none of that name."""
    by_group: dict[Group, list[str]] = {}
    for each in cases:
        by_group.setdefault(each.group, []).append(each.name)
    names = {each.name for each in left_out}
    found = []
    for group, listed in by_group.items():
        left = names & {*listed}
        if len(left) * _LARGEST_SHARE > len(listed):
            found.append(f"{group}: {len(left)} of {len(listed)} cases are left out; allowed: a tenth")
    return found
