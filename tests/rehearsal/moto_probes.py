"""Probes: one for each correction, run on plain moto and on the local AWS.

A probe has the name of its correction, makes what it needs, and returns True when the API behaves as AWS does. On plain
moto it must not: the day it does, moto has mended the fault and the correction can go.
"""

from __future__ import annotations

import importlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

Clients = Callable[[str], Any]
Probe = Callable[[Clients], bool]
_numbers = itertools.count()


def refused(code: str, call: Callable[..., Any], **arguments: Any) -> bool:
    """Return whether the call fails with this error code."""
    try:
        call(**arguments)
    except ClientError as error:
        return bool(error.response["Error"]["Code"] == code)
    return False


def unique(prefix: str) -> str:
    """Return a name that no other probe uses."""
    return f"{prefix}-{next(_numbers)}"


def by_name(*probes: Probe) -> dict[str, Probe]:
    """Return the probes by the names of their corrections."""
    return {probe.__name__: probe for probe in probes}


def on_plain_moto(module: str) -> dict[str, Any]:
    """Run a module's PROBES on plain moto, in a process of its own: corrections would stay for the life of this one.

    A probe that raises gives its error's text; one that the fault breaks is as telling as one that returns False.
    """
    environment = os.environ | {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    environment.pop("AWS_ENDPOINT_URL", None)
    done = subprocess.run(
        [sys.executable, "-m", __name__, module],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    results: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return results


def _run(module: str) -> dict[str, Any]:
    import boto3
    from moto import mock_aws

    results: dict[str, Any] = {}
    with mock_aws():
        for name, probe in importlib.import_module(module).PROBES.items():
            try:
                results[name] = probe(lambda service: boto3.client(service, region_name="us-east-1"))
            except Exception as error:
                results[name] = f"{type(error).__name__}: {error}"
    return results


if __name__ == "__main__":
    print(json.dumps(_run(sys.argv[1])))
