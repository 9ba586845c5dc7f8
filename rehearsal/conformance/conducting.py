"""A whole run: a cluster is deployed, cases run on it, several at a time, and the end of each is kept at once."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from rehearsal.binaries import images
from rehearsal.binaries.conformance import ConformanceMaker, ConformanceTests
from rehearsal.cloud import folders
from rehearsal.cloud.rehearse import MachineRehearsal
from rehearsal.conformance import page, results
from rehearsal.conformance.left_out import LEFT_OUT
from rehearsal.conformance.model import Case, Ended, Group, Outcome, Results, Run
from rehearsal.conformance.running import Tests, import_images, list_cases
from rehearsal.conformance.selection import WrongSelection, in_order, selected, too_many
from rehearsal.local.processes import Processes, StepFailed
from rehearsal.machines.model import PodNetwork

DEFAULT = Path("examples/default.yaml")
"""The configuration of a cluster where none is given."""
_ROOT = Path(__file__).parents[2]
_AT_A_TIME = 4
"""How many cases run beside each other: most wait for pods most of the time."""
_LATEST_SECONDS = 600.0
"""How long a case that has begun may take when no more are begun; the longest take five minutes."""
_WORKERS = "2"
"""Some cases want two nodes that take any pod."""


@dataclass(frozen=True)
class Wanted:
    """What a run is asked for."""

    groups: Sequence[Group]
    sig: str
    """As it was typed."""
    pattern: str
    part: tuple[int, int]
    again: bool
    """Also what has passed at this commit."""
    minor: str | None
    network: PodNetwork
    until: float
    """Of the monotonic clock: when no more cases are begun."""


@dataclass
class Tally:
    """What came of a run so far."""

    ends: dict[str, Ended] = field(default_factory=dict)
    left: list[Case] = field(default_factory=list)
    """What was to be run, and has not ended."""

    def names(self, outcome: Outcome) -> list[str]:
        """Of the cases that ended so."""
        return sorted(name for name, each in self.ends.items() if each.outcome is outcome)


class Conformance:
    """One run. Raises Missing, BuildFailed and VersionsError where its tests cannot be made."""

    def __init__(self, config: Path, wanted: Wanted) -> None:
        self._config = config
        self._wanted = wanted
        making = images.maker()
        release = making.versions.release(wanted.minor) if wanted.minor else making.versions.newest
        self._minor = release.minor
        self._kubernetes = release.version
        self._tests: ConformanceTests = ConformanceMaker(making.builder, making.versions).tests(release)
        self._commit = commit()
        self._file = results.file_of(self._minor, wanted.network)
        self._results = results.read(self._file, self._kubernetes, wanted.network)
        self.tally = Tally()
        self._lock = threading.Lock()
        self._total = 0

    def rehearse(self) -> int:
        """Deploy, run, delete; 0, 1 where a case did not pass, 3 where time was over, or how the rehearsal ended.

        Raises StepFailed, WrongSelection.
        """
        code = folders.rehearse(self._config, self._wanted.minor, self._wanted.network, self._act)
        if code:
            return code
        failed = self._not_passed()
        for name in failed:
            print(f"not passed: {name}: {self.tally.ends[name].message}")
        print(f"{len(self.tally.names(Outcome.PASSED))} passed, {len(failed)} not, {len(self.tally.left)} not run")
        if failed or self.tally.left:
            print(f"to go on with what has not passed: {command(self._wanted, self._config)}")
        return 1 if failed else 3 if self.tally.left else 0

    def summary(self) -> dict[str, Any]:
        """What came of it, for programs."""
        ends = {name: {"outcome": e.outcome, "seconds": e.seconds, "message": e.message} for name, e in self._ends()}
        return {
            "kubernetes": self._kubernetes,
            "network": self._wanted.network,
            "commit": self._commit,
            "cases": ends,
            "not_run": [each.name for each in self.tally.left],
            "results": str(self._file),
        }

    def _ends(self) -> Iterator[tuple[str, Ended]]:
        yield from sorted(self.tally.ends.items())

    def _not_passed(self) -> list[str]:
        return [*self.tally.names(Outcome.FAILED), *self.tally.names(Outcome.SKIPPED)]

    def _act(self, folder: Path, processes: Processes) -> None:
        cases = list_cases(self._tests, folder)
        if wrong := too_many(cases, LEFT_OUT):
            raise WrongSelection("; ".join(wrong))
        chosen = self._chosen(cases)
        if not chosen:
            print("nothing is left to be run: every case that was asked for has passed at this commit", flush=True)
            return
        rehearsal = MachineRehearsal(
            self._config,
            folder,
            processes,
            minor=self._wanted.minor,
            network=self._wanted.network,
            parameters={"GeneralMinSize": _WORKERS},
        )
        rehearsal.deploy()
        rehearsal.check_cluster()
        nodes = [row.instance_id for row in rehearsal.rows() if row.state == "running"]
        import_images(self._tests, rehearsal.control, nodes)
        rehearsal.say(f"container images of the tests imported into {len(nodes)} nodes")
        # The rehearsal's folder goes when all else went well, also where cases failed.
        logs = Path(tempfile.mkdtemp(prefix="conformance-", dir=folders.WORK)).resolve()
        with rehearsal.kubectl() as kubectl:
            self._run_all(Tests(self._tests, kubectl, logs), cases, chosen, rehearsal)
        if not (self.tally.left or self._not_passed()):
            shutil.rmtree(logs)
        else:
            rehearsal.say(f"logs and reports: {os.path.relpath(logs)}")
        rehearsal.local.delete()

    def _chosen(self, cases: Sequence[Case]) -> list[Case]:
        wanted = self._wanted
        found = selected(cases, wanted.groups, LEFT_OUT, pattern=wanted.pattern, taken=wanted.part)
        return in_order(found, self._results, self._commit, again=wanted.again)

    def _run_all(
        self, tests: Tests, cases: Sequence[Case], chosen: Sequence[Case], rehearsal: MachineRehearsal
    ) -> None:
        """Every case, until the time is over; those that run alone at the end."""
        self._total = len(chosen)
        numbers = count(1)
        began = time.monotonic()

        def one(case: Case) -> None:
            seconds = self._wanted.until - time.monotonic()
            end = tests.run(case, next(numbers), seconds + _LATEST_SECONDS) if seconds > 0 else None
            with self._lock:
                self._ended(case, end, cases, rehearsal)

        try:
            for at_a_time, serial in ((_AT_A_TIME, False), (1, True)):
                with ThreadPoolExecutor(at_a_time) as pool, tests.stopped_on_error():
                    # Whatever fails in a thread is raised here.
                    list(pool.map(one, [each for each in chosen if each.serial is serial]))
        finally:
            minutes = round((time.monotonic() - began) / 60, 1)
            run = Run(self._commit, datetime.now(UTC).date().isoformat(), minutes, len(self.tally.ends))
            self._keep(results.with_run(self._results, run))

    def _ended(self, case: Case, end: Ended | None, cases: Sequence[Case], rehearsal: MachineRehearsal) -> None:
        if end is None:
            self.tally.left.append(case)
            return
        self.tally.ends[case.name] = end
        self._keep(results.merged(self._results, cases, {case.name: end}, self._commit))
        why = f" ({end.message})" if end.message else ""
        rehearsal.say(
            f"{len(self.tally.ends)} of {self._total}  {end.outcome} in {end.seconds:.0f} s: {case.name}{why}"
        )

    def _keep(self, found: Results) -> None:
        self._results = found
        results.write(self._file, found)
        page.PAGE.write_text(page.page(results.kept()), encoding="utf-8")


def command(wanted: Wanted, config: Path) -> str:
    """What is typed to run what a run was asked for and did not have pass."""
    typed = {
        "SIG": wanted.sig,
        "CASES": wanted.pattern,
        "PART": "" if wanted.part == (1, 1) else f"{wanted.part[0]}/{wanted.part[1]}",
        "MINOR": wanted.minor,
        "NETWORK": "" if wanted.network is PodNetwork.CILIUM else wanted.network,
        "CONFIG": "" if config == DEFAULT else str(config),
    }
    return " ".join(["make conformance", *(f"{name}={shlex.quote(value)}" for name, value in typed.items() if value)])


def commit() -> str:
    """The commit that is tested: the last one that changed more than results. Raises StepFailed.

    With `+` behind it where the working tree differs from it.
    """
    but = ["--", ".", *(f":(exclude){each.relative_to(_ROOT)}" for each in (results.FOLDER, page.PAGE))]
    last, changed = (_git(*each, *but) for each in (("log", "-1", "--format=%H"), ("status", "--porcelain")))
    return last + ("+" if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=_ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StepFailed(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()
