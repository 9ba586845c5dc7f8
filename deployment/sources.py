"""Whether what was packaged is made of the templates that are there now: whoever generates anew packages anew."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from deployment import digests, identity, templates
from deployment.digests import Digests
from deployment.next_steps import Typed
from deployment.refusal import Refusal
from deployment.templates import Body

_STACK = "AWS::CloudFormation::Stack"


def of(root: Path, remedy: str) -> dict[str, str]:
    """SHA-256 of the root template and of those that it nests by a relative path, by those paths.

    `remedy` is what to type for a file that is not there. Raises Refusal.
    """
    resources = templates.load(root, remedy)["Resources"].values()
    urls = [each["Properties"]["TemplateURL"] for each in resources if each["Type"] == _STACK]
    return {name: _digest(root.parent / name, remedy) for name in [root.name, *urls] if "://" not in name}


def are_packaged(now: Mapping[str, str], root: Body, packaged: Body, made: Digests) -> bool:
    """Whether templates of these digests were packaged.

    What was packaged before digests were kept of templates is held against what the root says of its configuration.
    """
    if made.sources:
        return made.sources == now
    origin = identity.of(packaged)
    return (origin and replace(origin, commit="")) == identity.of(root)


def refuse_outdated(folder: Path, packaged: Path, typed: Typed) -> None:
    """Raises Refusal where the packaged root template was made of other templates than the folder holds.

    Without such a folder, or nothing packaged, there is nothing to compare: templates may be packaged elsewhere.
    """
    if not folder.is_dir() or not packaged.is_file():
        return
    again, remedy = typed.make("package"), typed.make("templates")
    made = digests.load(packaged, again) if digests.beside(packaged).is_file() else Digests()
    root = folder / "root.json"
    if not are_packaged(of(root, remedy), templates.load(root, remedy), templates.load(packaged, again), made):
        raise Refusal(f"{packaged} was not made of the templates that {folder} holds now: {again}")


def _digest(path: Path, remedy: str) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError as error:
        raise Refusal(f"{path} is not there: {remedy} makes it") from error
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror}") from error
