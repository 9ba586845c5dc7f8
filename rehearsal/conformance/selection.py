"""Which cases a run takes, and in which batches."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from rehearsal.conformance.model import Case, Group, GroupResults, LeftOut, Outcome

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
    group: Group,
    left_out: Collection[LeftOut],
    *,
    pattern: str = "",
    taken: tuple[int, int] = (1, 1),
) -> list[Case]:
    """The cases of a group that a run takes, those that may run beside each other first. WrongSelection."""
    names = {each.name for each in left_out}
    wanted = [each for each in cases if each.group is group and each.name not in names]
    try:
        found = [each for each in wanted if re.search(pattern, each.name)]
    except re.error as error:
        raise WrongSelection(f"CASES: {pattern}: {error}; allowed: a regular expression") from error
    number, of = taken
    return sorted(found[number - 1 :: of], key=lambda each: each.serial)


def to_do(cases: Iterable[Case], known: GroupResults | None, commit: str) -> list[Case]:
    """Those that have not passed at a commit: never run first."""
    results = {} if known is None else {name: each for name, each in known.results.items() if each.commit == commit}
    open_cases = [
        each for each in cases if each.name not in results or results[each.name].ended.outcome is not Outcome.PASSED
    ]
    return sorted(open_cases, key=lambda each: (each.serial, each.name in results))


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
