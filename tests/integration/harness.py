"""The local AWS and the stub of the nodes as processes of their own, and the unmodified AWS CLI that talks to them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import IO, Any, TypeVar

import boto3

from rehearsal.local import surroundings
from rehearsal.local.processes import stop
from rehearsal.local.steps import local_environment
from tests import waiting

T = TypeVar("T")

REPOSITORY = Path(__file__).parents[2]
AWS_CLI = str(Path(sys.executable).parent / "aws")
CLI_SECONDS = 300
"""No command of the AWS CLI may take longer, not even a deploy on a machine that has other things to do."""

LOOK_SECONDS = 0.4
"""How often tests look, in real seconds: each look costs the local AWS some of its time."""


def wait_for(look: Callable[[], T], what: str, seconds: float = 180.0) -> T:
    """Look until something is there (true) and return it; fail with what was waited for and what was seen last."""
    return waiting.wait_for(look, what, seconds, LOOK_SECONDS)


class LocalAwsHarness:
    """One region of the local AWS, seen by its users: through the AWS CLI and boto3."""

    def __init__(self, processes: Processes, endpoint: str, region: str) -> None:
        self._processes = processes
        self.endpoint = endpoint
        self.region = region
        self.environment = local_environment(endpoint, region) | {"AWS_DEFAULT_OUTPUT": "json"}
        self.make_bucket = cache(lambda: surroundings.make_bucket(self.client("s3"), region))
        """Make the bucket that templates and code are uploaded to, once."""
        self.client: Callable[[str], Any] = cache(self._make_client)
        """A boto3 client by the service's name."""

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Run the AWS CLI; what it says comes in one stream."""
        return subprocess.Popen(
            [AWS_CLI, *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def aws(self, *arguments: str) -> Any:
        """What a command of the AWS CLI prints as JSON, None for nothing; the command has to succeed."""
        running = self.start(*arguments)
        said, _ = running.communicate(timeout=CLI_SECONDS)
        assert running.returncode == 0, f"aws {' '.join(arguments)}\n{said}"
        return json.loads(said) if said.strip() else None

    def deployment(self, command: str, *arguments: str) -> tuple[int, str]:
        """A command behind make: its exit code, and everything that it said after the line of account and region."""
        done = subprocess.run(
            [sys.executable, "-m", "deployment", command, *arguments],
            cwd=REPOSITORY,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        said = re.sub(rf"\Aaccount \d{{12}}, region {self.region}, at {re.escape(self.endpoint)}\n", "", done.stderr)
        return done.returncode, done.stdout + said

    def stub_nodes(self, *arguments: str) -> None:
        """Start the stub of this region's nodes."""
        command = ["rehearsal.node_stub", "--endpoint", self.endpoint, "--region", self.region]
        self._processes.start(*command, "--poll-seconds", str(LOOK_SECONDS), *arguments)

    def _make_client(self, service: str) -> Any:
        session: Any = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=self.region)
        return session.client(service, endpoint_url=self.endpoint)


class Processes:
    """Programs of ours that run until the end of a test module; what they say goes to files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[subprocess.Popen[str]] = []
        self._logs: list[IO[str]] = []

    def start_aws(self, speed: float, *options: str) -> str:
        """The endpoint of a local AWS whose clock runs `speed` times as fast as real time."""
        process = self.start("rehearsal.aws", "--speed", str(speed), "--stop-with-stdin", *options, read=True)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"the local AWS did not start; see {self._folder}"
        return str(json.loads(line)["endpoint"])

    def start(self, module: str, *arguments: str, read: bool = False) -> subprocess.Popen[str]:
        """Run a module; with `read` its standard output is a pipe, which the caller has to empty."""
        log = (self._folder / f"{len(self._running)}-{module}.log").open("w", encoding="utf-8")
        self._logs.append(log)
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            # Its end tells the local AWS that we are gone, also when we are killed.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if read else log,
            stderr=log,
            text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            start_new_session=True,
        )
        self._running.append(process)
        return process

    def stop(self) -> None:
        """End every program, and whatever it has started."""
        for process in self._running:
            process.terminate()
        for process in self._running:
            stop(process)
        for log in self._logs:
            log.close()
