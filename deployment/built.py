"""Whether what CloudFormation is about to run, and what it has run, is what was built here.

CloudFormation reads nested templates and code from the bucket by their names, after `make package`. Whoever may write
there in between could put anything there.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from deployment import stacks
from deployment.aws import Aws
from deployment.digests import Digests, meaning, parsed
from deployment.refusal import Refusal
from deployment.templates import Body

_STACK = "AWS::CloudFormation::Stack"
_FUNCTION = "AWS::Lambda::Function"


@dataclass(frozen=True)
class Build:
    """What was built here: the packaged root template, and the digests of what it refers to."""

    root: Body
    digests: Digests


def refuse_other_uploads(aws: Aws, build: Build) -> None:
    """Compare every upload that the build refers to with it, before CreateStack reads them.

    Raises Refusal for what is another thing now, and ClientError for what cannot be read.
    """
    s3 = aws.client("s3")
    _look_at_uploads(s3, build.root, build.digests)


def refuse_other_changes(aws: Aws, change_set: str, build: Build) -> None:
    """Compare the templates of a change set and of those nested in it with the build, and the code that they name.

    A change set keeps the templates that it was made of, and executing it reads none again: what is compared here is
    what runs. https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html
    Raises Refusal for what is another thing, and ClientError for what cannot be read.
    """
    _Comparison(aws, build.digests).look(change_set, json.dumps(build.root), "the root template")


def unlike_built(aws: Aws, stack_id: str, build: Build) -> list[str]:
    """What a finished stack has that was not built here, a line each. Raises ClientError for what cannot be read."""
    cloudformation = aws.client("cloudformation")
    different: list[str] = []
    # A root template that is too large for a request was in the bucket, too.
    if meaning(stacks.original(cloudformation, StackName=stack_id)) != meaning(json.dumps(build.root)):
        different.append("the stack's own template is not the one that was built")
    for path, holder, body in _made(cloudformation, stack_id, build):
        if body is None:
            different.append(f"the template of {path} is not the one that was built")
            continue
        for name, place, _ in _functions(body):
            function = stacks.physical_id(cloudformation, holder, name)
            running = aws.client("lambda").get_function_configuration(FunctionName=function)["CodeSha256"]
            if base64.b64decode(running).hex() != build.digests.code.get(place):
                different.append(f"the code of {path}/{name} is not the one that was built")
    return different


def _look_at_uploads(s3: Any, body: Body, digests: Digests) -> None:
    for _, place, version in _functions(body):
        _look_at_code(s3, place, version, _known(digests.code, place))
    for url in _urls(body):
        text = _object(s3, *_place(url)).decode("utf-8", "replace")
        _look_at_template(text, _known(digests.templates, url), url)
        _look_at_uploads(s3, parsed(text), digests)


class _Comparison:
    """Walks the tree of change sets."""

    def __init__(self, aws: Aws, digests: Digests) -> None:
        self._cloudformation = aws.client("cloudformation")
        self._s3 = aws.client("s3")
        self._digests = digests

    def look(self, change_set: str, built: str, name: str) -> None:
        """Raises Refusal where the change set is not about the template that was built."""
        text = stacks.original(self._cloudformation, ChangeSetName=change_set)
        _look_at_template(text, meaning(built), name)
        self._look_below(change_set, parsed(text))

    def _look_below(self, change_set: str, body: Body) -> None:
        for _, place, version in _functions(body):
            _look_at_code(self._s3, place, version, _known(self._digests.code, place))
        for name, nested in _nested(self._cloudformation, change_set):
            url = body["Resources"][name]["Properties"]["TemplateURL"]
            text = stacks.original(self._cloudformation, ChangeSetName=nested)
            _look_at_template(text, _known(self._digests.templates, url), url)
            self._look_below(nested, parsed(text))


def _nested(cloudformation: Any, change_set: str) -> Iterator[tuple[str, str]]:
    """Logical ids of the nested stacks that would be made or changed, and their change sets."""
    for page in cloudformation.get_paginator("describe_change_set").paginate(ChangeSetName=change_set):
        for body in page["Changes"]:
            change = body.get("ResourceChange", {})
            if change.get("ChangeSetId") and change["Action"] != "Remove":
                yield change["LogicalResourceId"], change["ChangeSetId"]


def _made(cloudformation: Any, stack_id: str, build: Build) -> Iterator[tuple[str, str, Body | None]]:
    """Nested stacks of the root as they were made: path, id, template; None for a template that was not built."""
    for name, resource in build.root["Resources"].items():
        if resource["Type"] != _STACK:
            continue
        holder = stacks.physical_id(cloudformation, stack_id, name)
        text = stacks.original(cloudformation, StackName=holder)
        known = meaning(text) == build.digests.templates.get(resource["Properties"]["TemplateURL"])
        yield name, holder, parsed(text) if known else None


def _urls(body: Body) -> Iterator[str]:
    for resource in body["Resources"].values():
        if resource["Type"] == _STACK:
            yield resource["Properties"]["TemplateURL"]


def _functions(body: Body) -> Iterator[tuple[str, str, str | None]]:
    """Functions whose code is in a bucket: logical id, `bucket/key`, and the version where one is named."""
    for name, resource in body["Resources"].items():
        code = resource.get("Properties", {}).get("Code") if resource["Type"] == _FUNCTION else None
        if isinstance(code, Mapping) and "S3Key" in code:
            yield name, f"{code['S3Bucket']}/{code['S3Key']}", code.get("S3ObjectVersion")


def _known(digests: Mapping[str, str], name: str) -> str:
    if name not in digests:
        raise Refusal(f"{name} was not built here: package again, and deploy that")
    return digests[name]


def _look_at_template(text: str, digest: str | None, name: str) -> None:
    if digest is None or meaning(text) != digest:
        raise Refusal(f"{name} is not the template that was built: somebody has changed it, and nothing was done")


def _look_at_code(s3: Any, place: str, version: str | None, digest: str) -> None:
    bucket, _, key = place.partition("/")
    if hashlib.sha256(_object(s3, bucket, key, version)).hexdigest() != digest:
        raise Refusal(f"s3://{place} is not the code that was built: somebody has changed it, and nothing was done")


def _object(s3: Any, bucket: str, key: str, version: str | None) -> bytes:
    which = {"VersionId": version} if version else {}
    content: bytes = s3.get_object(Bucket=bucket, Key=key, **which)["Body"].read()
    return content


def _place(url: str) -> tuple[str, str, str | None]:
    """Bucket, key and version of a TemplateURL in path style, as `make package` writes it."""
    parts = urlsplit(url)
    bucket, _, key = parts.path.removeprefix("/").partition("/")
    return bucket, unquote(key), parse_qs(parts.query).get("versionId", [None])[0]
