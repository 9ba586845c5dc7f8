"""Packaged and unpackaged templates on disk, and how a request refers to a packaged one."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from deployment.aws import Aws
from deployment.refusal import Refusal

# A template inside a request may have 51,200 bytes; a larger one has to be in a bucket, and may have 1 MB there.
LARGEST_BODY_BYTES = 51_200

Body = dict[str, Any]


def load(path: Path, remedy: str) -> Body:
    """The template of the file; `remedy` is what to type when it is not there. Raises Refusal."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Refusal(f"{path} is not there: {remedy} makes it") from error
    except json.JSONDecodeError as error:
        raise Refusal(f"{path}:{error.lineno}: not JSON: {error.msg}; {remedy} makes it anew") from error
    except (OSError, ValueError) as error:
        raise Refusal(f"{path}: {error}") from error
    if not isinstance(body, dict) or "Resources" not in body:
        raise Refusal(f"{path} is not a CloudFormation template in JSON")
    return body


def tree(root: Path, remedy: str = "make templates") -> dict[str, Body]:
    """The root template under "", and those that it nests by a relative TemplateURL under their logical ids.

    `remedy` as of `load`. Raises Refusal.
    """
    bodies = {"": load(root, remedy)}
    for name, resource in bodies[""]["Resources"].items():
        if resource["Type"] == "AWS::CloudFormation::Stack":
            bodies[name] = load(root.parent / resource["Properties"]["TemplateURL"], remedy)
    return bodies


def packaged_file(out: Path) -> Path:
    """Where the packaged root of a folder of templates is: one file for each folder, build/packaged/<folder>.json."""
    parts = [part for part in Path(os.path.normpath(out)).parts if part not in {os.sep, os.pardir}]
    return Path("build", "packaged", f"{'-'.join(parts) or 'root'}.json")


def argument(aws: Aws, path: Path, bucket: str | None) -> dict[str, str]:
    """TemplateBody or, where that is beyond the limit even without white space, TemplateURL of an upload to `bucket`,
    named by its content. Raises Refusal."""
    text = path.read_text(encoding="utf-8")
    if len(text.encode()) > LARGEST_BODY_BYTES:
        # More than half of what `aws cloudformation package` writes is indentation, which says nothing.
        text = json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
    size = len(text.encode())
    if size <= LARGEST_BODY_BYTES:
        return {"TemplateBody": text}
    if not bucket:
        least = f"{path} has {size} bytes without white space"
        raise Refusal(f"{least}, and a request takes {LARGEST_BODY_BYTES}: name a bucket with BUCKET=")
    s3 = aws.client("s3")
    key = f"{hashlib.sha256(text.encode()).hexdigest()}.template"
    version = version_of(s3.put_object(Bucket=bucket, Key=key, Body=text.encode()))
    return {"TemplateURL": pinned(f"{s3.meta.endpoint_url}/{bucket}/{key}", version)}


def version_of(answer: Mapping[str, Any]) -> str:
    """The version of an object that S3 has answered with; empty where its bucket keeps none, or kept none then."""
    version = str(answer.get("VersionId") or "")
    return "" if version == "null" else version


def pinned(url: str, version: str) -> str:
    """A TemplateURL that names a version of the object; the same one for an empty version."""
    return f"{url}?{urlencode({'versionId': version})}" if version else url
