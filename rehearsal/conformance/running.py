"""One start of the tests on a cluster: ginkgo runs some cases in several processes, from a client in the VPC."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from rehearsal.binaries.conformance import ConformanceTests
from rehearsal.cloud.control import Control
from rehearsal.cloud.rehearse import Kubectl
from rehearsal.conformance import report
from rehearsal.conformance.model import Case, Ended
from rehearsal.conformance.selection import focus
from rehearsal.local.processes import StepFailed
from rehearsal.machines.network import namespaces

PROCESSES = 4
"""How many cases run at the same time: most wait for pods most of the time."""
_STOP_SECONDS = 120.0
"""How long cases that are interrupted may take to remove what they made."""
_GRACE_SECONDS = 240.0
_IMPORT_SECONDS = 300.0
_STATES = {"PASSED": "passed", "FAILED": "failed"}
"""How messages of the tests' progress begin (test/e2e/reporters/progress.go). What counts is the report at the end."""

Progress = Callable[[str, str], None]
"""Is told a case's name, and passed or failed."""


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


@dataclass(frozen=True)
class Tests:
    """The tests of a release, and the cluster that they run on."""

    tests: ConformanceTests
    kubectl: Kubectl
    folder: Path
    """Where logs and reports are."""
    processes: int = PROCESSES

    def run(self, cases: Sequence[Case], name: str, seconds: float, told: Progress) -> Mapping[str, Ended]:
        """Run cases, and say how each ended; those that had no time have not. Raises StepFailed without a report.

        `name` is that of the files; after so many seconds what still runs is interrupted.
        """
        folder = self.folder / name
        folder.mkdir()
        # Beside the tests ginkgo leaves its workings.
        program = folder / "e2e.test"
        program.symlink_to(self.tests.programs / "e2e.test")
        with _Listener(self.kubectl.outside.namespace, told) as url:
            command = [*self._ginkgo(cases, folder, seconds), str(program), "--", *self._options(folder, url)]
            self._follow(command, folder, seconds)
        try:
            return report.ended((folder / "report.json").read_text(encoding="utf-8"))
        except (OSError, report.NoReport, report.NotBegun) as error:
            raise StepFailed(f"{name}: {error}; {_last_lines(folder / 'log')}") from error

    def _ginkgo(self, cases: Sequence[Case], folder: Path, seconds: float) -> list[str]:
        alone = all(each.serial for each in cases)
        return [
            str(self.tests.programs / "ginkgo"),
            f"--procs={1 if alone else min(self.processes, len(cases))}",
            f"--timeout={int(seconds)}s",
            f"--grace-period={int(_STOP_SECONDS)}s",
            "--json-report=report.json",
            f"--output-dir={folder}",
            "--keep-going",
            "--no-color",
            *(word for each in cases for word in ("--focus", focus(each))),
        ]

    def _options(self, folder: Path, url: str) -> list[str]:
        return [
            "--provider=skeleton",
            f"--kubeconfig={self.kubectl.kubeconfig}",
            f"--kubectl-path={self.kubectl.program}",
            f"--report-dir={folder}",
            f"--progress-report-url={url}",
            "--disable-log-dump",
        ]

    def _follow(self, command: Sequence[str], folder: Path, seconds: float) -> None:
        with (folder / "log").open("wb") as log:
            process = self.kubectl.outside.start(command, log, log)
        try:
            process.wait(seconds + _GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt the tests where they still run, so that they remove what they made, and end them."""
    for number, seconds in ((signal.SIGINT, _STOP_SECONDS), (signal.SIGKILL, 10.0)):
        if process.poll() is not None:
            return
        os.killpg(process.pid, number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue


def _last_lines(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return "; ".join(lines[-3:])[-500:]


class _Listener:
    """Hears in the client's network namespace which case has ended, as the tests tell it."""

    def __init__(self, namespace: str, told: Progress) -> None:
        self._namespace = namespace
        self._told = told
        self._lock = threading.Lock()

    def __enter__(self) -> str:
        namespaces.ip(["link set lo up"], self._namespace)
        bound = namespaces.listen(self._namespace, "127.0.0.1", 0)
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                self.send_response(200)
                self.end_headers()
                listener.hear(raw)

            def log_message(self, format: str, *arguments: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(bound.getsockname(), Handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = bound
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{bound.getsockname()[1]}/"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def hear(self, raw: bytes) -> None:
        """Pass on what says that a case has ended."""
        try:
            state, _, name = str(json.loads(raw)["msg"]).partition(" ")
        except (ValueError, KeyError, TypeError):
            return
        if state in _STATES:
            with self._lock:
                self._told(name, _STATES[state])
