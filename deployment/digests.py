"""What was packaged, by digest: a file beside the packaged template, which a deploy compares with what AWS holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from deployment import identity
from deployment.packaged_tree import PackagedTemplate
from deployment.refusal import Refusal


@dataclass(frozen=True)
class Digests:
    """SHA-256 of all that a packaged template refers to, and of what it was made of, as 64 hexadecimal digits."""

    templates: Mapping[str, str] = field(default_factory=dict)
    """Of what a nested template means (`meaning`), by its TemplateURL."""
    code: Mapping[str, str] = field(default_factory=dict)
    """Of a function's zip, by its `bucket/key`."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Of the files that were packaged, by their paths from the root's folder (`sources.of`)."""


def meaning(text: str) -> str | None:
    """The digest of what a template says: JSON and YAML, order and white space are all the same.

    CloudFormation need not give a template back byte by byte. It does not update Metadata alone either (user guide,
    "CloudFormation template Metadata syntax"): a nested stack in which nothing else has changed keeps saying what made
    it first, so that is left out. None for what is no template.
    """
    try:
        body = identity.without(parsed(text))
    except ValueError:
        return None
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()


def parsed(text: str) -> dict[str, Any]:
    """What a template in JSON or YAML says. Raises ValueError for anything else."""
    try:
        body = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError("it is neither JSON nor YAML") from error
    if not isinstance(body, dict):
        raise ValueError("it is no template")
    return body


def of_tree(root: PackagedTemplate) -> Digests:
    """The digests of everything that the packaged template needs."""
    templates: dict[str, str] = {}
    code: dict[str, str] = {}
    for each in _templates(root):
        for nested in each.nested.values():
            templates[nested.upload.url] = str(meaning(nested.template.text))
        code |= {f"{upload.bucket}/{upload.key}": upload.sha256 for upload in each.code.values()}
    return Digests(templates, code)


def _templates(root: PackagedTemplate) -> Iterator[PackagedTemplate]:
    yield root
    for nested in root.nested.values():
        yield from _templates(nested.template)


def beside(packaged: Path) -> Path:
    """Where the digests of a packaged template are: build/packaged.json, build/packaged.digests.json."""
    return packaged.with_suffix(f".digests{packaged.suffix}")


def text_of(digests: Digests) -> str:
    """The file's content."""
    return json.dumps(asdict(digests), indent=1, sort_keys=True) + "\n"


def load(packaged: Path, remedy: str) -> Digests:
    """The digests beside a packaged template; `remedy` is what to type where they are not there. Raises Refusal."""
    path = beside(packaged)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Digests(dict(content["templates"]), dict(content["code"]), dict(content.get("sources", {})))
    except FileNotFoundError as error:
        raise Refusal(f"{path} is not there, so nothing tells what was built: type {remedy}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refusal(f"{path} holds no digests of uploads ({error!r}): type {remedy}") from error
