"""docs/conformance.md, made of the results that are kept; `python -m rehearsal.conformance page` writes it anew."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from rehearsal.conformance.left_out import LEFT_OUT
from rehearsal.conformance.model import Group, GroupResults, LeftOut, Outcome, Results

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
_NONE = "none"
_SHORT = 8
"""Digits of a commit."""

_BEFORE = """\
# Conformance

<!-- Generated of the files in rehearsal/conformance/results; `make golden` writes it anew. -->

`make conformance` runs Kubernetes' own conformance tests (the end-to-end tests with `[Conformance]` in their name) of
five groups on a [rehearsed cluster](rehearsal.md#conformance): three control planes and two workers that boot from the
deployed templates on one computer, with the containerd, kubelet and API server of the release. The tests are
upstream's, built from the release's module and not changed. These runs are the project's own: no certification by the
CNCF, which needs every group, on the real cloud.

A case that fails is taken for a fault of the cluster until it is shown not to be one.
"""
_IMAGES = """\
## What differs from upstream's own runs

- Nothing is pulled. The container images that the cases run are built on this computer and imported into each node
  (`rehearsal/binaries/conformance.py`). agnhost, nonewprivs and the sample API server are built from their own sources;
  the sample API server is the release's, and not the one of the image's tag.
- The programs beside agnhost (dig, curl, nc, ss, bash) and busybox are Debian's. So dig is linked against GNU's C
  library also where upstream's image has musl: cases that look up names by both ask twice by the same one. The shell of
  agnhost's is Bash, and so is busybox's where a variable of the environment has a name that is none of a shell's, for
  Debian's BusyBox drops it.
- agnhost's web server stands in for nginx. To these cases nginx is an image that keeps running, or the other one of two
  images; none asks it for anything that only nginx answers.
- With `NETWORK=bridge` the four cases that reach a NodePort of another node fail: the security groups let no NodePort
  through, by design ([ports](ports.md)). Cilium finds the Pod behind one on the client's own node, and sends to it.
- agnhost has neither iperf nor its registry of images: no case of these groups asks for them.
"""


def page(found: Sequence[Results], left_out: Collection[LeftOut] = LEFT_OUT) -> str:
    """The whole page."""
    return "\n".join([_BEFORE, *_lines(found, left_out), _IMAGES])


def _lines(found: Sequence[Results], left_out: Collection[LeftOut]) -> Iterator[str]:
    names = {each.name: each for each in left_out}
    for results in found:
        yield f"## Kubernetes {results.kubernetes.removeprefix('v')}, network: {results.network}\n"
        yield "| group | cases | passed | failed | skipped by itself | left out | not run | minutes of cases | commit |"
        yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
        for group in Group:
            if group in results.groups:
                yield _row(group, results.groups[group], names.keys())
        yield ""
        for run in results.runs:
            yield f"- {run.date}, {_short(run.commit)}: {run.cases} cases in {run.minutes:.0f} minutes."
        yield ""
        yield from _not_passed(results, names.keys())
    yield "## What is left out\n"
    yield "At most a tenth of a group, by name; every other case is run.\n"
    yield "| case | reason | |"
    yield "| --- | --- | --- |"
    for each in left_out:
        yield f"| {_cell(each.name)} | {each.reason} | {_cell(each.why)} |"
    yield ""


def _row(group: Group, found: GroupResults, left_out: Collection[str]) -> str:
    run = {name: each for name, each in found.results.items() if name not in left_out}
    counts = [sum(each.ended.outcome is outcome for each in run.values()) for outcome in Outcome]
    left = sum(name in left_out for name in found.listed)
    commits = sorted({each.commit for each in run.values()})
    minutes = sum(each.ended.seconds for each in run.values()) / 60
    open_cases = len(found.listed) - len(run) - left
    cells = [group, len(found.listed), *counts, left, open_cases, round(minutes), ", ".join(_short(c) for c in commits)]
    return f"| {' | '.join(str(each) for each in cells)} |"


def _not_passed(results: Results, left_out: Collection[str]) -> Iterator[str]:
    """The cases that failed or skipped themselves, and those that passed after they had failed."""
    failed, again = [], []
    for each in results.groups.values():
        for name, result in sorted(each.results.items()):
            if name in left_out:
                continue
            if result.ended.outcome is not Outcome.PASSED:
                failed.append(f"- {_cell(name)}: {result.ended.outcome}. {_cell(result.ended.message)}")
            elif result.failed_before:
                times = "once" if result.failed_before == 1 else f"{result.failed_before} times"
                again.append(f"- {_cell(name)}: failed {times} before.")
    if failed:
        yield from ("Not passed:\n", *failed, "")
    if again:
        yield from ("Passed, but not at the first run of this commit:\n", *again, "")


def _cell(text: str) -> str:
    """Text in a table, whatever it holds."""
    return re.sub(r"([\\|<*_\[])", r"\\\1", text)


def _short(commit: str) -> str:
    return commit[:_SHORT] + ("+" if commit.endswith("+") else "")
