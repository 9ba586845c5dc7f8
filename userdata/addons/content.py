"""What is to be installed, what is installed, and whether the first should replace the second. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace

from coordination.names import Addon
from userdata.addons.filling import ManifestError, Values, filled
from userdata.addons.places import CHOSEN, NAMESPACE, POLICIES, RECORD
from userdata.kubeadm import dns
from userdata.kubeadm.documents import Document

_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True)
class Record:
    """What the cluster remembers of an installation that was complete."""

    version: str
    """The version of Kubernetes whose image installed it, as `v1.37.2`."""
    content: str
    """A hash over everything that was installed."""
    addons: frozenset[Addon] = frozenset()
    """Those that the cluster had by its settings then, and all that were added since."""


@dataclass(frozen=True)
class Addons:
    """All add-ons of an image, for one cluster."""

    documents: Mapping[str, Document]
    """The image's own, by the names of their files, with those add-ons alone that the cluster is to have; the policies
    alone where it runs kube-proxy."""
    kube_proxy: bool
    record: Record


def addons(manifests: Mapping[str, str], values: Values, version: str, *, kube_proxy: bool) -> Addons:
    """What an image of this version installs into a cluster. Raises ManifestError.

    `manifests` are the texts of the image's files, by their names. With kube-proxy only the policies of every cluster
    are used: what the others bring would do its work a second time, and such a cluster is a rehearsal's.
    """
    chosen = frozenset() if kube_proxy else values.addons
    if lacking := sorted(CHOSEN[each] for each in chosen if CHOSEN[each] not in manifests):
        raise ManifestError(f"the image has no {', '.join(lacking)}")
    left_out = {name for addon, name in CHOSEN.items() if addon not in chosen}
    used = {
        name: text for name, text in manifests.items() if name not in left_out and (not kube_proxy or name == POLICIES)
    }
    documents = filled(used, values)
    known = {**asdict(values), "addons": sorted(values.addons)}
    everything = json.dumps([version, kube_proxy, known, documents, dns.DEPLOYMENT, dns.BUDGET], sort_keys=True)
    return Addons(documents, kube_proxy, Record(version, hashlib.sha256(everything.encode()).hexdigest(), chosen))


def added(recorded: Record, wanted: Addons) -> Addons | None:
    """What a cluster lacks of the add-ons that its settings have now; None for nothing. What it has is left alone.

    None also where a newer image has installed them: an older one's would replace what is there.
    """
    lacking = wanted.record.addons - recorded.addons
    if not lacking or _numbers(recorded.version) > _numbers(wanted.record.version):
        return None
    documents = {name: wanted.documents[name] for name in (CHOSEN[each] for each in sorted(lacking))}
    return Addons(documents, wanted.kube_proxy, replace(recorded, addons=recorded.addons | lacking))


def due(recorded: Record | None, wanted: Record) -> bool:
    """Whether what is wanted is to be installed over what is recorded.

    During an upgrade images of two versions run side by side, and the newer one's add-ons stay.
    """
    if recorded is None:
        return True
    return recorded != wanted and _numbers(recorded.version) <= _numbers(wanted.version)


def record_document(record: Record) -> Document:
    """The ConfigMap of a record."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": RECORD, "namespace": NAMESPACE},
        "data": {"version": record.version, "content": record.content, "addons": _text(record.addons)},
    }


def read_record(document: object) -> Record | None:
    """The record that a ConfigMap holds, or None where it holds none: then everything is installed again."""
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict) or not all(isinstance(data.get(each), str) for each in ("version", "content")):
        return None
    # One that this release does not know is somebody else's, as an older record says nothing of any.
    named = {each for each in Addon if each in str(data.get("addons", "")).split(",")}
    return Record(data["version"], data["content"], frozenset(named))


def _text(addons: Collection[Addon]) -> str:
    return ",".join(sorted(addons))


def _numbers(version: str) -> tuple[int, ...]:
    """A version as it is compared; what is no version is older than any."""
    found = _VERSION.fullmatch(version)
    return tuple(int(each) for each in found.groups()) if found else ()
