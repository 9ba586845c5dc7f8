"""Results in files that are committed: one for each release and network, merged by cases."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rehearsal.conformance.model import Case, Ended, Group, GroupResults, Outcome, Result, Results, Run

FOLDER = Path(__file__).parent / "results"


class NoResults(ValueError):
    """A file holds no results. The message is one line."""


def file_of(minor: str, network: str, folder: Path = FOLDER) -> Path:
    """Where the results of a release's minor with a network are kept."""
    return folder / f"{minor}-{network}.json"


def merged(known: Results, cases: Sequence[Case], ends: Mapping[str, Ended], commit: str) -> Results:
    """The results with how some cases ended at a commit.

    `cases` are all that the release lists: what no longer is one is forgotten. Of a case that ran before at the same
    commit it stays known how often it failed.
    """
    ran = {each.group for each in cases if each.name in ends}
    groups = {}
    for group in sorted({*known.groups, *ran}):
        before = known.groups.get(group) or GroupResults(())
        listed = tuple(each.name for each in cases if each.group is group)
        results = {name: each for name, each in before.results.items() if name in listed}
        results |= {name: _result(results.get(name), ends[name], commit) for name in listed if name in ends}
        groups[group] = GroupResults(listed, results)
    return replace(known, groups=groups)


def with_run(known: Results, run: Run) -> Results:
    """The results with a run that is over; of runs of which nothing is left nothing is said."""
    commits = {each.commit for group in known.groups.values() for each in group.results.values()}
    return replace(known, runs=tuple(each for each in (*known.runs, run) if each.commit in commits))


def _result(before: Result | None, end: Ended, commit: str) -> Result:
    if before is None or before.commit != commit:
        return Result(end, commit)
    failed = before.failed_before + (before.ended.outcome is Outcome.FAILED)
    return Result(end, commit, failed)


def read(path: Path, kubernetes: str, network: str) -> Results:
    """The results in a file; none where there is no file, or where they are of another patch version. NoResults."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Results(kubernetes, network)
    found = parse(text, path.name)
    return found if found.kubernetes == kubernetes else Results(kubernetes, network)


def write(path: Path, results: Results) -> None:
    """Write a file, whole or not at all. OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(text(results), encoding="utf-8")
    draft.replace(path)


def text(results: Results) -> str:
    """As a file has it: the same results give the same text."""
    groups = {
        group.value: {name: _case(each.results.get(name)) for name in sorted(each.listed)}
        for group, each in sorted(results.groups.items())
    }
    runs = [asdict(each) for each in results.runs]
    found = {"kubernetes": results.kubernetes, "network": results.network, "runs": runs, "groups": groups}
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def _case(result: Result | None) -> Mapping[str, Any] | None:
    """None is a case that has no end yet, or that is left out."""
    if result is None:
        return None
    found: dict[str, Any] = {
        "outcome": result.ended.outcome.value,
        "seconds": result.ended.seconds,
        "commit": result.commit,
    }
    if result.ended.message:
        found["message"] = result.ended.message
    if result.failed_before:
        found["failed_before"] = result.failed_before
    return found


def parse(text: str, name: str) -> Results:
    """The results that `text` gave. NoResults, with the file's name."""
    try:
        found = json.loads(text)
        groups = {
            Group(group): GroupResults(
                tuple(cases), {name: _read_case(each) for name, each in cases.items() if each is not None}
            )
            for group, cases in found["groups"].items()
        }
        runs = tuple(Run(**each) for each in found["runs"])
        return Results(found["kubernetes"], found["network"], groups, runs)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoResults(f"{name}: no results of conformance tests: {error!r}") from error


def _read_case(found: Mapping[str, Any]) -> Result:
    end = Ended(Outcome(found["outcome"]), found["seconds"], found.get("message", ""))
    return Result(end, found["commit"], found.get("failed_before", 0))


def kept(folder: Path = FOLDER) -> list[Results]:
    """All results that are kept, the newest release first. NoResults, OSError."""
    files = sorted(folder.glob("*.json"), key=lambda path: path.name)
    found = [parse(path.read_text(encoding="utf-8"), path.name) for path in files]
    return sorted(found, key=lambda each: _number(each.kubernetes), reverse=True)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("v").split("."))
