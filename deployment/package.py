"""`make package`: the templates and the function's code go to a bucket, by the AWS CLI's own packager."""

from __future__ import annotations

import copy
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deployment import templates
from deployment.aws import Aws
from deployment.packaged_tree import NestedTemplate, PackagedTemplate, Upload
from deployment.refusal import Refusal
from deployment.templates import Body

Cli = Callable[[Sequence[str]], None]
"""Runs the AWS CLI with these arguments. Raises Refusal with what it said when it fails."""

_STACK, _FUNCTION = "AWS::CloudFormation::Stack", "AWS::Lambda::Function"


@dataclass(frozen=True)
class Target:
    """Where uploads go. `kms_key` encrypts them; without it the bucket's own default does."""

    bucket: str
    prefix: str | None = None
    kms_key: str | None = None
    region: str | None = None


def aws_cli(arguments: Sequence[str]) -> None:
    """The AWS CLI that the PATH finds. Raises Refusal."""
    program = shutil.which("aws")
    if program is None:
        raise Refusal("the AWS CLI is not installed: there is no program named aws")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        raise Refusal(f"aws {' '.join(arguments[:2])} failed: {said}")


def package(aws: Aws, template: Path, target: Target, cli: Cli = aws_cli) -> PackagedTemplate:
    """Runs `aws cloudformation package`, and reads back what it uploaded. Raises Refusal, ClientError."""
    templates.load(template, "make templates")
    if not target.bucket:
        raise Refusal("a bucket is needed: BUCKET=<one of yours in the region of the stack>")
    with tempfile.TemporaryDirectory(prefix="holdfast-package-") as folder:
        written = Path(folder, "packaged.json")
        command = ["cloudformation", "package", "--template-file", str(template), "--s3-bucket", target.bucket]
        command += ["--use-json", "--output-template-file", str(written)]
        options = (("--s3-prefix", target.prefix), ("--kms-key-id", target.kms_key), ("--region", target.region))
        for option, value in options:
            if value:
                command += [option, value]
        cli(command)
        body = templates.load(written, "aws cloudformation package")
        text = written.read_text(encoding="utf-8")
    return _Reader(aws.client("s3"), target.bucket).template(template, text, body)


def run(aws: Aws, template: Path, target: Target, output: Path, cli: Cli = aws_cli) -> PackagedTemplate:
    """Packages, and last of all writes the root template to `output`. Raises Refusal, ClientError."""
    packaged = package(aws, template, target, cli)
    _write(output, packaged.text)
    print(f"{output} refers to uploads in s3://{target.bucket}/{target.prefix or ''}")
    print("next: make deploy PARAMS=params.json")
    return packaged


class _Reader:
    """Follows a packaged template's references into the bucket."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def template(self, path: Path, text: str, body: Body) -> PackagedTemplate:
        local = templates.load(path, "make templates")
        code: dict[str, Upload] = {}
        nested: dict[str, NestedTemplate] = {}
        # What it was before, to see that nothing but references has changed.
        before = copy.deepcopy(body)
        for name, resource in local["Resources"].items():
            properties, packaged = resource.get("Properties", {}), body["Resources"][name].get("Properties", {})
            if resource["Type"] == _STACK and packaged["TemplateURL"] != properties["TemplateURL"]:
                nested[name] = self._nested(path.parent / properties["TemplateURL"], packaged["TemplateURL"])
                before["Resources"][name]["Properties"]["TemplateURL"] = properties["TemplateURL"]
            elif resource["Type"] == _FUNCTION and packaged["Code"] != properties["Code"]:
                where = packaged["Code"]
                code[name], _ = self._upload(path.parent / properties["Code"], where["S3Bucket"], where["S3Key"])
                before["Resources"][name]["Properties"]["Code"] = properties["Code"]
        if before != local:
            raise Refusal(f"{path} was packaged to something else than a template that refers to uploads")
        return PackagedTemplate(path, text, body, code, nested)

    def _nested(self, path: Path, url: str) -> NestedTemplate:
        # Comes with the AWS CLI, which writes nested templates as YAML, and which no other command needs.
        import yaml

        bucket, _, key = urlsplit(url).path.removeprefix("/").partition("/")
        upload, content = self._upload(path, bucket, key, url)
        text = content.decode("utf-8")
        return NestedTemplate(upload, self.template(path, text, yaml.safe_load(text)))

    def _upload(self, path: Path, bucket: str, key: str, url: str = "") -> tuple[Upload, bytes]:
        if bucket != self._bucket:
            raise Refusal(f"{path} was uploaded to the bucket {bucket}, and {self._bucket} was asked for")
        content: bytes = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return Upload(
            path=path,
            bucket=bucket,
            key=key,
            url=url or f"{self._s3.meta.endpoint_url}/{bucket}/{key}",
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        ), content


def _write(output: Path, text: str) -> None:
    """Beside `output`, then moved there: whoever reads it meets the old one or the new one. Raises Refusal."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            os.chmod(name, 0o644)
            os.replace(name, output)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise Refusal(f"{output}: {error.strerror}") from error
