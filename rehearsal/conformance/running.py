"""Runs cases on a cluster, each by a process of its own, from a client in the VPC: how it ended is known at once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from rehearsal.binaries.conformance import ConformanceTests
from rehearsal.cloud.control import Control
from rehearsal.cloud.rehearse import Kubectl
from rehearsal.conformance import report
from rehearsal.conformance.model import Case, Ended, Outcome
from rehearsal.conformance.selection import focus
from rehearsal.local.processes import StepFailed

_GRACE_SECONDS = 60
"""How long a case that is interrupted may take to remove what it made."""
_IMPORT_SECONDS = 300.0
_REPORT, _LOG = "report.json", "log"


def list_cases(tests: ConformanceTests, folder: Path) -> list[Case]:
    """The cases that a release's tests have, of the groups that are run; no cluster is needed. Raises StepFailed."""
    target = folder / "cases.json"
    command = [str(tests.programs / "e2e.test"), "--ginkgo.dry-run", f"--ginkgo.json-report={target}"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    try:
        return report.cases(target.read_text(encoding="utf-8"))
    except (OSError, report.NoReport) as error:
        raise StepFailed(f"e2e.test lists no cases: {error}; {(done.stderr or done.stdout).strip()[-500:]}") from error


def import_images(tests: ConformanceTests, control: Control, instances: Sequence[str]) -> None:
    """Give every node's containerd the images that the cases run. Raises StepFailed."""
    for instance in instances:
        command = [*control.shell(instance), "-c", "ctr --namespace k8s.io images import -"]
        with tests.images.open("rb") as archive:
            done = subprocess.run(command, stdin=archive, capture_output=True, timeout=_IMPORT_SECONDS, check=False)
        if done.returncode:
            raise StepFailed(f"{instance}: ctr images import: {done.stderr.decode(errors='replace').strip()[-500:]}")


@dataclass
class Tests:
    """The tests of a release, and the cluster that they run on."""

    tests: ConformanceTests
    kubectl: Kubectl
    folder: Path
    """Where logs are, of cases that did not pass."""
    _running: set[subprocess.Popen[bytes]] = field(default_factory=set)
    _stopping: bool = False

    @contextmanager
    def stopped_on_error(self) -> Iterator[None]:
        """Where the block fails, or Ctrl-C ends it, cases that run are interrupted, and no more begin."""
        try:
            yield
        except BaseException:
            self._stopping = True
            for process in [*self._running]:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGINT)
            raise

    def run(self, case: Case, number: int, seconds: float) -> Ended | None:
        """Run a case, and say how it ended; None where it had not in so many seconds. `number` is that of its log.

        Whatever keeps it from beginning is a failure of the case.
        """
        if self._stopping:
            return None
        folder = self.folder / f"{number:03}"
        folder.mkdir()
        with (folder / _LOG).open("wb") as log:
            process = self.kubectl.outside.start(self._command(case, folder, seconds), log, log)
        self._running.add(process)
        try:
            process.wait(seconds + 2 * _GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _end(process)
            self._running.discard(process)
        try:
            found = report.ended((folder / _REPORT).read_text(encoding="utf-8")).get(case.name)
        except (OSError, report.NoReport, report.NotBegun) as error:
            found = Ended(Outcome.FAILED, 0.0, str(error).splitlines()[0])
        # It lists each case that there is; the log tells of this one.
        (folder / _REPORT).unlink(missing_ok=True)
        if found is not None and found.outcome is Outcome.PASSED:
            shutil.rmtree(folder)
        return found

    def _command(self, case: Case, folder: Path, seconds: float) -> list[str]:
        return [
            str(self.tests.programs / "e2e.test"),
            f"--ginkgo.focus={focus(case)}",
            f"--ginkgo.timeout={int(seconds)}s",
            f"--ginkgo.grace-period={_GRACE_SECONDS}s",
            f"--ginkgo.json-report={folder / _REPORT}",
            "--ginkgo.no-color",
            "--ginkgo.v",
            "--provider=skeleton",
            f"--kubeconfig={self.kubectl.kubeconfig}",
            f"--kubectl-path={self.kubectl.program}",
            "--disable-log-dump",
        ]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt a case that still runs, so that it removes what it made, and end it."""
    for number, seconds in ((signal.SIGINT, _GRACE_SECONDS), (signal.SIGKILL, 10.0)):
        if process.poll() is not None:
            return
        os.killpg(process.pid, number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
