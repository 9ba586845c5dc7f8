"""A person who uses the cluster: a user of IAM who asks for a certificate, as `make kubeconfig` does it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from rehearsal.local.processes import StepFailed


@dataclass(frozen=True)
class Operator:
    """A user of IAM, with an access key."""

    name: str
    arn: str
    environment: Mapping[str, str]
    """In which every program acts as him."""

    @classmethod
    def made(cls, iam: Any, name: str, environment: Mapping[str, str]) -> Operator:
        """The user of this name, made where there is none, with a key of its own. `environment` is the local AWS's."""
        if name not in {user["UserName"] for user in iam.list_users()["Users"]}:
            iam.create_user(UserName=name)
        arn = iam.get_user(UserName=name)["User"]["Arn"]
        key = iam.create_access_key(UserName=name)["AccessKey"]
        own = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        return cls(name, arn, {**environment, **own})

    def client(self, service: str) -> Any:
        """A client of boto3's that acts as this user."""
        own = self.environment
        keys = (own["AWS_ACCESS_KEY_ID"], own["AWS_SECRET_ACCESS_KEY"], own.get("AWS_SESSION_TOKEN"))
        session: Any = boto3.Session(*keys, own["AWS_REGION"])
        return session.client(service, endpoint_url=own["AWS_ENDPOINT_URL"])

    def kubeconfig(self, stack: str, group: str, file: Path) -> str:
        """What the command prints that writes the file. Raises StepFailed with what it said."""
        asked = ["kubeconfig", "--stack", stack, "--group", group, "--file", str(file)]
        done = self.command(*asked)
        if done.returncode:
            raise StepFailed(f"{self.name}: make kubeconfig: {done.stderr.strip()}")
        return done.stdout

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One of the commands for people, as this user: how it ended, and what it said."""
        whole = [sys.executable, "-m", "deployment", *arguments]
        return subprocess.run(whole, env=dict(self.environment), capture_output=True, text=True, check=False)
