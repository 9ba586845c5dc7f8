"""`make package`: the templates and the function's code go to a bucket, by the AWS CLI's own packager."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from deployment import templates
from deployment.refusal import Refusal


def run(
    template: Path,
    bucket: str,
    output: Path,
    *,
    prefix: str | None = None,
    kms_key: str | None = None,
    region: str | None = None,
) -> None:
    """Runs `aws cloudformation package`, so that `output` refers to uploads alone. Raises Refusal.

    `kms_key` encrypts the uploads; without it the bucket's own default does.
    """
    templates.load(template, "make templates")
    if not bucket:
        raise Refusal("a bucket is needed: BUCKET=<one of yours in the region of the stack>")
    program = shutil.which("aws")
    if program is None:
        raise Refusal("the AWS CLI is not installed: there is no program named aws")
    output.parent.mkdir(parents=True, exist_ok=True)
    command = [program, "cloudformation", "package", "--template-file", str(template), "--s3-bucket", bucket]
    command += ["--use-json", "--output-template-file", str(output)]
    for option, value in (("--s3-prefix", prefix), ("--kms-key-id", kms_key), ("--region", region)):
        if value:
            command += [option, value]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refusal(f"aws cloudformation package failed: {' '.join((done.stderr or done.stdout).split())}")
    print(f"{output} refers to uploads in s3://{bucket}/{prefix or ''}")
    print("next: make deploy PARAMS=params.json")
