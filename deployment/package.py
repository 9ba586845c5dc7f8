"""`make package`: the templates and the function's code go to a bucket, by the AWS CLI's own packager.

What the bucket holds then is compared with what is here, and referred to by its version where the bucket keeps any:
what is put there later under the same name is never read.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from coordination import release
from deployment import digests, identity, next_steps, package_input, sources, staging, templates
from deployment.aws import Aws
from deployment.aws import code as error_code
from deployment.next_steps import Typed
from deployment.package_input import CODE, local_references
from deployment.packaged_tree import NestedTemplate, PackagedTemplate, Upload
from deployment.refusal import Refusal
from deployment.templates import Body

Cli = Callable[[Sequence[str]], None]
"""Runs the AWS CLI with these arguments. Raises Refusal with what it said when it fails."""

_NOTHING_TYPED = Typed()


@dataclass(frozen=True)
class Target:
    """Where uploads go. `kms_key` encrypts them; without it the bucket's own default does."""

    bucket: str
    prefix: str | None = None
    kms_key: str | None = None
    region: str | None = None


def aws_cli(arguments: Sequence[str]) -> None:
    """The AWS CLI of this Python's environment, whatever else the machine has. Raises Refusal."""
    if find_spec("awscli") is None:
        raise Refusal("the AWS CLI is not installed: requirements/local.txt pins it")
    # Not the script `aws`: the first line of that cannot name a folder with a space in it.
    done = subprocess.run([sys.executable, "-m", "awscli", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        raise Refusal(f"aws {' '.join(arguments[:2])} failed: {said}")


def package(
    aws: Aws,
    template: Path,
    target: Target,
    cli: Cli = aws_cli,
    *,
    code: Path | None = None,
    commit: str = "",
    typed: Typed = _NOTHING_TYPED,
) -> PackagedTemplate:
    """Runs `aws cloudformation package`, and reads back what it uploaded. Raises Refusal, ClientError.

    `code` is the folder of the functions' code; beside the templates' own where it is not given. The root says at
    which `commit` it was packaged.
    """
    templates.load(template, typed.make("templates"))
    package_input.refuse_no_bucket(target.bucket)
    with staging.beside_code(template, code) as staged:
        packaged = _Packager(aws.client("s3"), target, cli).packaged(staged)
    body = identity.with_commit(packaged.body, commit)
    return packaged if body == packaged.body else replace(packaged, body=body, text=_json(body))


def run(
    aws: Aws,
    template: Path,
    target: Target,
    output: Path,
    cli: Cli = aws_cli,
    *,
    code: Path | None = None,
    typed: Typed = _NOTHING_TYPED,
) -> PackagedTemplate:
    """Packages, and last of all writes the root template to `output`. Raises Refusal, ClientError.

    Bad input is refused first, and leaves what an earlier run wrote; that is removed then: whatever fails from there
    on, no deploy takes it for the new one. Where the stack was typed, and is there, it has to be the cluster that the
    templates are of.
    """
    package_input.refuse(aws, template, target.bucket, target.prefix, code, typed)
    _remove(output)
    # Before they are read to be packaged: what is changed meanwhile is another template afterwards.
    made_of = sources.of(template, typed.make("templates"))
    packaged = package(aws, template, target, cli, code=code, commit=release.commit(), typed=typed)
    _write(digests.beside(output), digests.text_of(replace(digests.of_tree(packaged), sources=made_of)))
    _write(output, packaged.text)
    print(f"{output} refers to uploads in s3://{target.bucket}/{target.prefix or ''}")
    if any(not upload.version for upload in packaged.uploads()):
        print(f"{target.bucket} keeps no versions: turn them on, and no upload can be changed while it is read")
    print(f"next: {typed.make('deploy', PARAMS=typed.parameters or next_steps.PARAMETERS_PLACEHOLDER)}")
    return packaged


class _Packager:
    """Packages a template, and follows its references into the bucket."""

    def __init__(self, s3: Any, target: Target, cli: Cli) -> None:
        self._s3 = s3
        self._target = target
        self._cli = cli

    def packaged(self, path: Path) -> PackagedTemplate:
        """The template with everything that it refers to, uploaded."""
        text, body = self._run(path)
        return self._followed(path, text, body)

    def _run(self, path: Path) -> tuple[str, Body]:
        target = self._target
        with tempfile.TemporaryDirectory(prefix="holdfast-package-") as folder:
            written = Path(folder, "packaged.json")
            command = ["cloudformation", "package", "--template-file", str(path), "--s3-bucket", target.bucket]
            command += ["--use-json", "--output-template-file", str(written)]
            options = (("--s3-prefix", target.prefix), ("--kms-key-id", target.kms_key), ("--region", target.region))
            for option, value in options:
                if value:
                    command += [option, value]
            self._cli(command)
            return written.read_text(encoding="utf-8"), templates.load(written, "aws cloudformation package")

    def _followed(self, path: Path, text: str, body: Body) -> PackagedTemplate:
        local = templates.load(path, "make templates")
        code: dict[str, Upload] = {}
        nested: dict[str, NestedTemplate] = {}
        # What it was before, to see that nothing but references has changed.
        before = copy.deepcopy(body)
        for name, (reference, value) in local_references(local).items():
            now = body["Resources"][name]["Properties"][reference]
            if reference == CODE:
                code[name] = self._code(path.parent / value, now["S3Bucket"], now["S3Key"])
            else:
                nested[name] = self._nested(path.parent / value, now)
            before["Resources"][name]["Properties"][reference] = value
        if before != local:
            raise Refusal(f"{path} was packaged to something else than a template that refers to uploads")
        pinned = _pinned(body, code, nested)
        return PackagedTemplate(path, text if pinned == body else _json(pinned), pinned, code, nested)

    def _code(self, path: Path, bucket: str, key: str) -> Upload:
        upload, content = self._upload(path, bucket, key)
        # The CLI uploads nothing whose name is there already, whatever it holds.
        if content != path.read_bytes():
            raise _changed(upload)
        return upload

    def _nested(self, path: Path, url: str) -> NestedTemplate:
        bucket, _, key = urlsplit(url).path.removeprefix("/").partition("/")
        upload, content = self._upload(path, bucket, key, url)
        body = templates.load(path, "make templates")
        if local_references(body):
            # The CLI uploads nested templates as YAML. It uploads nothing again.
            _, body = self._run(path)
        if digests.meaning(content.decode("utf-8", "replace")) != digests.meaning(json.dumps(body)):
            raise _changed(upload)
        template = self._followed(path, content.decode("utf-8"), body)
        if template.text != content.decode("utf-8"):
            upload = self._put(upload, template.text.encode())
        return NestedTemplate(upload, template)

    def _upload(self, path: Path, bucket: str, key: str, url: str = "") -> tuple[Upload, bytes]:
        if bucket != self._target.bucket:
            raise Refusal(f"{path} was uploaded to the bucket {bucket}, and {self._target.bucket} was asked for")
        answer = self._s3.get_object(Bucket=bucket, Key=key)
        content: bytes = answer["Body"].read()
        version = templates.version_of(answer)
        return Upload(
            path=path,
            bucket=bucket,
            key=key,
            url=templates.pinned(url or f"{self._s3.meta.endpoint_url}/{bucket}/{key}", version),
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            version=version,
        ), content

    def _put(self, cli: Upload, content: bytes) -> Upload:
        """A template that names the versions of what it needs, instead of the one that the CLI uploaded."""
        digest = hashlib.sha256(content).hexdigest()
        key = f"{self._target.prefix}/{digest}.template" if self._target.prefix else f"{digest}.template"
        kms = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self._target.kms_key} if self._target.kms_key else {}
        if self._held(cli.bucket, key) != content:
            self._s3.put_object(Bucket=cli.bucket, Key=key, Body=content, **kms)
        url = cli.url.partition("?")[0].removesuffix(cli.key) + key
        return self._upload(cli.path, cli.bucket, key, url)[0]

    def _held(self, bucket: str, key: str) -> bytes | None:
        """The content of an object, so that the same template is uploaded once; None where there is none."""
        try:
            content: bytes = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            # Whoever may not list the bucket is told AccessDenied of what is not there.
            if error_code(error) in {"NoSuchKey", "AccessDenied"}:
                return None
            raise
        return content


def _pinned(body: Body, code: dict[str, Upload], nested: dict[str, NestedTemplate]) -> Body:
    """The template, naming the version of everything that it refers to in a bucket that keeps versions.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-lambda-function-code.html
    """
    pinned = copy.deepcopy(body)
    for name, upload in code.items():
        if upload.version:
            pinned["Resources"][name]["Properties"][CODE]["S3ObjectVersion"] = upload.version
    for name, each in nested.items():
        pinned["Resources"][name]["Properties"]["TemplateURL"] = each.upload.url
    return pinned


def _json(body: Body) -> str:
    """As the AWS CLI writes it."""
    return json.dumps(body, indent=4, ensure_ascii=False)


def _changed(upload: Upload) -> Refusal:
    return Refusal(
        f"s3://{upload.bucket}/{upload.key} is not what {upload.path.name} was packaged to: somebody has changed it; "
        "remove it, and package again"
    )


def _remove(output: Path) -> None:
    """Forget what an earlier run packaged. Raises Refusal."""
    for path in (output, digests.beside(output)):
        try:
            path.unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise Refusal(f"{path}: {error.strerror}") from error


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
