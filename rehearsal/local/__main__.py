"""`python -m rehearsal.local`: one rehearsal from a cluster configuration to a proof that nothing is left."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from rehearsal import lint
from rehearsal.local import inventory, stacks, surroundings
from rehearsal.local.processes import Processes, StepFailed, run
from rehearsal.local.surroundings import Facts

STACK = "holdfast"
_HERE = Path(sys.executable).parent
_PYTHON = sys.executable
# How long what goes on after the stack's own deletion (an instance that shuts down) may take.
_SETTLE_SECONDS = 15


class Rehearsal:
    """The steps, in their order, and what they know of each other."""

    def __init__(self, config: Path, folder: Path, processes: Processes) -> None:
        self._config = config
        self._templates = folder / "templates"
        self._build = folder / "build"
        self._folder = folder
        self._processes = processes
        self._started = time.monotonic()
        self._lint: subprocess.Popen[str]
        self._clients: dict[str, Any] = {}
        self._facts: Facts
        self.environment: dict[str, str] = {}

    def deploy(self) -> None:
        """From the configuration to a stack that is complete. Raises StepFailed."""
        # The local AWS takes longest to start, and needs nothing from the others.
        server = self._processes.start(
            "aws", [_PYTHON, "-m", "rehearsal.aws", "--stop-with-stdin", "--log-dir", str(self._folder)]
        )
        run([_PYTHON, "-m", "generator", "--config", str(self._config), "--out", str(self._templates)])
        self._facts = surroundings.facts(self._config)
        files = sorted(self._templates.glob("*.json"))
        self.say(f"{len(files)} templates generated from {self._config}")
        self._lint = self._processes.start("lint", lint.command(files, self._facts.region))
        run([_PYTHON, "-m", "functions.bundle", "--out", str(self._build / "reconcile.zip")])
        self.say("function built")

        endpoint = self._processes.ready(server, "aws")["endpoint"]
        self.environment = local_environment(endpoint, self._facts.region)
        self.say(f"local AWS at {endpoint}, region {self._facts.region}")
        player = [_PYTHON, "-m", "rehearsal.player", "--endpoint", endpoint, "--region", self._facts.region]
        self._processes.start("player", player, self.environment, read=False)
        values = surroundings.prepare(self.client, self._facts, self._parameters())
        self.before = inventory.take(self.client)

        packaged = str(self._build / "packaged.json")
        self._aws(
            "package", "--template-file", str(self._templates / "root.json"), "--s3-bucket", surroundings.BUCKET,
            "--use-json", "--output-template-file", packaged,
        )  # fmt: skip
        self.say("templates and function uploaded: aws cloudformation package")
        pairs = [f"{name}={value}" for name, value in values.items()]
        # `deploy` looks only every 30 seconds whether the stack is complete; so it makes the change set, and we look.
        self._aws(
            "deploy", "--template-file", packaged, "--stack-name", STACK, "--capabilities", "CAPABILITY_IAM",
            "--s3-bucket", surroundings.BUCKET, "--no-execute-changeset", "--parameter-overrides", *pairs,
        )  # fmt: skip
        change_set = self.client("cloudformation").list_change_sets(StackName=STACK)["Summaries"][0]["ChangeSetName"]
        self._aws("execute-change-set", "--stack-name", STACK, "--change-set-name", change_set)
        self._watch("follow", "--stack", STACK, "--stacks-only")
        self.say("stack complete")
        self._finish_lint()

    def show(self) -> None:
        """The tree of stacks, and how to reach what was deployed."""
        for line in stacks.tree(self.client("cloudformation"), STACK):
            print(line)
        print("the AWS CLI reaches it with:")
        for name in ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            print(f"  export {name}={self.environment[name]}")

    def delete(self) -> None:
        """Deletes the stack and proves that nothing is left but what its templates keep. Raises StepFailed."""
        kept = stacks.kept(self.client("cloudformation"), STACK)
        self._watch("delete", "--stack", STACK, "--yes")
        deadline = time.monotonic() + _SETTLE_SECONDS
        while True:
            left = inventory.take(self.client) - self.before
            leaked = sorted(f"{kind} {name}" for kind, name in left if name not in kept)
            if not leaked:
                break
            if time.monotonic() > deadline:
                raise StepFailed(f"the deleted stack left behind: {', '.join(leaked)}")
            time.sleep(0.2)
        lost = kept - {name for _, name in left}
        if lost:
            raise StepFailed(f"the deleted stack was to keep, and did not: {', '.join(sorted(lost))}")
        self.say(f"stack deleted; nothing is left but the {len(kept)} things that its templates keep")

    def say(self, what: str) -> None:
        """One step that is done, with the seconds since the start."""
        print(f"{time.monotonic() - self._started:6.1f} s  {what}", flush=True)

    def client(self, service: str) -> Any:
        """A boto3 client of the local AWS."""
        if service not in self._clients:
            session: Any = boto3.Session(
                aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
                region_name=self._facts.region,
            )
            endpoint = self.environment["AWS_ENDPOINT_URL"]
            self._clients[service] = session.client(service, endpoint_url=endpoint)
        return self._clients[service]

    def _parameters(self) -> dict[str, Any]:
        parameters: dict[str, Any] = json.loads((self._templates / "root.json").read_text())["Parameters"]
        return parameters

    def _aws(self, *arguments: str) -> str:
        return run([str(_HERE / "aws"), "cloudformation", *arguments], self.environment)

    def _watch(self, *arguments: str) -> None:
        """One of our own commands, whose progress a person sees."""
        done = subprocess.run([_PYTHON, "-m", "deployment", *arguments], env=self.environment, check=False)
        if done.returncode:
            raise StepFailed(f"python -m deployment {' '.join(arguments)} failed")

    def _finish_lint(self) -> None:
        findings, _ = self._lint.communicate()
        if self._lint.returncode:
            raise StepFailed(f"cfn-lint found:\n{findings}")
        self.say("templates linted: no finding")


def local_environment(endpoint: str, region: str) -> dict[str, str]:
    """The environment in which every AWS program talks to the local AWS, and cannot reach the caller's own account."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return environment | {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """One rehearsal; 0 when every step succeeded. The logs are kept when one did not."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal.local", description=__doc__)
    parser.add_argument("config", nargs="?", type=Path, default=Path("examples/default.yaml"))
    parser.add_argument("--keep", action="store_true", help="leave it running until Ctrl-C")
    options = parser.parse_args(arguments)
    base = Path(".cache/local")
    base.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{options.config.stem}-", dir=base)).resolve()
    try:
        with Processes(folder) as processes:
            rehearsal = Rehearsal(options.config, folder, processes)
            rehearsal.deploy()
            rehearsal.show()
            if options.keep:
                print("running; Ctrl-C stops it", flush=True)
                with contextlib.suppress(KeyboardInterrupt):
                    signal.pause()
            else:
                rehearsal.delete()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except (StepFailed, BotoCoreError, ClientError) as failed:
        print(f"{failed}\nlogs: {os.path.relpath(folder)}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
