"""/etc/holdfast/image.json: what an image says of the computer under it. Without the file all is as on EC2."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from coordination.timings import Timings
from userdata.config.pace import Pace
from userdata.kubeadm.cluster import Lifetimes
from userdata.kubeadm.documents import Timeouts
from userdata.kubeadm.node import Host

IMAGE_FILE = "/etc/holdfast/image.json"


class ImageFileError(ValueError):
    """The file is wrong; the text names the field, what was given and what is allowed."""


@dataclass(frozen=True)
class ImageFacts:
    """What differs from one image to the next."""

    host: Host = field(default_factory=Host)
    kube_proxy: bool = False
    """Whether the cluster needs kube-proxy: not with Cilium, which does its work."""
    shared_clock: bool = False
    """The clock is that of the computer around this one, and not for this one to synchronise."""
    pace: Pace = field(default_factory=Pace)
    timeouts: Timeouts = field(default_factory=Timeouts)
    lifetimes: Lifetimes = field(default_factory=Lifetimes)


def read(root: Path) -> ImageFacts:
    """What the file below `root` says, and otherwise the defaults. Raises ImageFileError."""
    try:
        text = (root / IMAGE_FILE.lstrip("/")).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ImageFacts()
    except (OSError, UnicodeDecodeError) as error:
        raise ImageFileError(f"{IMAGE_FILE} cannot be read: {type(error).__name__}") from error
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ImageFileError(f"{IMAGE_FILE} is no JSON: {error}") from error
    return image_facts(found)


def image_facts(found: object) -> ImageFacts:
    """The facts that a file with this content holds. Raises ImageFileError."""
    given = _object("", found, ("host", "kube_proxy", "shared_clock", "leases", "pace", "timeouts", "lifetimes"))
    for each in ("kube_proxy", "shared_clock"):
        if not isinstance(given.get(each, False), bool):
            raise ImageFileError(f"{IMAGE_FILE}: {each} is {given[each]!r}, allowed: true, false")
    leases = _changed(Timings(), "leases", given)
    pace = _changed(Pace(), "pace", given)
    return ImageFacts(
        host=_changed(Host(), "host", given),
        kube_proxy=given.get("kube_proxy", False),
        shared_clock=given.get("shared_clock", False),
        pace=replace(pace, leases=leases),
        timeouts=_changed(Timeouts(), "timeouts", given),
        lifetimes=_changed(Lifetimes(), "lifetimes", given),
    )


Facts = TypeVar("Facts", Host, Timings, Pace, Timeouts, Lifetimes)


def _changed(defaults: Facts, name: str, given: Mapping[str, Any]) -> Facts:
    """The defaults with what is given in place of them; every value has the default's kind."""
    known = {each.name: getattr(defaults, each.name) for each in fields(defaults) if each.name != "leases"}
    changes = _object(name, given.get(name, {}), known)
    for each, value in changes.items():
        if isinstance(known[each], bool):
            if not isinstance(value, bool):
                raise ImageFileError(f"{IMAGE_FILE}: {name}.{each} is {value!r}, allowed: true, false")
        elif isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise ImageFileError(f"{IMAGE_FILE}: {name}.{each} is {value!r}, allowed: a number of seconds above 0")
    return replace(defaults, **changes)


def _object(name: str, found: object, allowed: Any) -> Mapping[str, Any]:
    where = f"{IMAGE_FILE}: {name}" if name else IMAGE_FILE
    if not isinstance(found, dict):
        raise ImageFileError(f"{where} is no object")
    for each in found:
        if each not in allowed:
            raise ImageFileError(f"{where}: {each[:80]!r} is not known, allowed: {', '.join(allowed)}")
    return found
