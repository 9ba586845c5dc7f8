"""The client that writes while a scenario runs: started in the VPC, stopped, and every acknowledged write read back."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from rehearsal.cloud.rehearse import Kubectl
from rehearsal.local.processes import StepFailed
from rehearsal.scenarios.keys import NAMESPACE

_ROOT = Path(__file__).parents[2]
_READ_SECONDS = 300.0
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0


class WritesLost(Exception):
    """Writes that the API had acknowledged are not there; the text has their numbers."""


@dataclass(frozen=True)
class Writes:
    """What the writer has done so far."""

    acknowledged: Mapping[int, float]
    """Number -> when it was acknowledged, seconds of the monotonic clock."""
    failed: int
    """How many tries were not."""


class Writer:
    """A writer that runs."""

    def __init__(self, kubectl: Kubectl, folder: Path) -> None:
        """`folder` is where its files are: keys, what was acknowledged, and what failed."""
        self._kubectl = kubectl
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin, and wait for the first acknowledgement. Raises StepFailed."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        _unpack(self._kubectl.kubeconfig, self._folder)
        self._kubectl.text("create", "namespace", NAMESPACE)
        with (self._folder / "acknowledged").open("wb") as out, (self._folder / "failed").open("wb") as errors:
            self._process = self._kubectl.outside.start(self._command("write"), out, errors, self._environment())
        deadline = time.monotonic() + _START_SECONDS
        while not self.written().acknowledged:
            if time.monotonic() > deadline or self._process.poll() is not None:
                self._process.kill()
                raise StepFailed(f"the writer does not write: {self._complaints()}")
            time.sleep(0.1)

    def stop(self) -> Writes:
        """End, and say what was done. Raises StepFailed when it had ended by itself."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return self.written()
        ended = process.poll()
        process.stdin.close()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if ended is not None:
            raise StepFailed(f"the writer ended by itself, with exit code {ended}: {self._complaints()}")
        return self.written()

    def written(self) -> Writes:
        """What was done so far."""
        text = (self._folder / "acknowledged").read_text(encoding="utf-8")
        # The last line may not be complete while it runs.
        lines = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
        failed = (self._folder / "failed").read_text(encoding="utf-8").count("\n")
        return Writes({line["number"]: line["at"] for line in lines}, failed)

    def check(self, writes: Writes) -> None:
        """Read back what was acknowledged. Raises WritesLost, and StepFailed when it cannot be read."""
        done = self._kubectl.outside.run(self._command("read"), self._environment(), _READ_SECONDS)
        if done.returncode:
            raise StepFailed(f"the writes cannot be read back: {done.stderr.strip()[-1000:]}")
        check(writes, {int(line) for line in done.stdout.splitlines()})

    def _complaints(self) -> str:
        return (self._folder / "failed").read_text(encoding="utf-8").strip()[-1000:]

    def _command(self, what: str) -> list[str]:
        program = [sys.executable, "-m", "rehearsal.scenarios.keys", what]
        return [*program, "--url", self._kubectl.url, "--files", str(self._folder)]

    def _environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(_ROOT)}


def check(writes: Writes, found: set[int]) -> None:
    """Compare with what is there. Raises WritesLost, also where nothing was written at all."""
    if not writes.acknowledged:
        raise WritesLost("the API has acknowledged no write at all")
    if missing := sorted(writes.acknowledged.keys() - found):
        shown = ", ".join(map(str, missing[:20])) + (", and more" if missing[20:] else "")
        raise WritesLost(f"{len(missing)} of {len(writes.acknowledged)} acknowledged writes are not there: {shown}")


@contextmanager
def writing(kubectl: Kubectl, folder: Path) -> Iterator[Writer]:
    """A writer that has started, and is ended in any case. Raises StepFailed."""
    writer = Writer(kubectl, folder)
    writer.start()
    try:
        yield writer
    finally:
        writer.stop()


def _unpack(admin: Path, folder: Path) -> None:
    """Write what an administrator's configuration holds into files, for root alone: PEM in base64."""
    found = yaml.safe_load(admin.read_text(encoding="utf-8"))
    cluster, user = found["clusters"][0]["cluster"], found["users"][0]["user"]
    files = {
        "ca.crt": cluster["certificate-authority-data"],
        "client.crt": user["client-certificate-data"],
        "client.key": user["client-key-data"],
    }
    for name, text in files.items():
        (folder / name).touch(mode=0o600)
        (folder / name).write_bytes(base64.b64decode(text))
