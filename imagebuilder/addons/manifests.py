"""All manifests of an image, by the names of their files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from imagebuilder import places
from imagebuilder.addons import (
    autoscaler,
    cilium,
    cilium_policies,
    ebs_csi,
    images,
    metadata,
    metrics_server,
    policies,
)
from imagebuilder.configure.tree import Entry, File, Folder
from imagebuilder.versions import Release, Versions

RENDERED = Path(__file__).with_name("rendered") / "cilium.json"
"""What `make addons` writes."""

Document: TypeAlias = dict[str, Any]


def documents(
    known: Versions, release: Release, from_elsewhere: Mapping[str, str] | None = None
) -> dict[str, Document]:
    """The manifests for a minor, each a List, with images from elsewhere. Raises UnknownImages, OSError.

    The order of the names is the order of need: Cilium's pods do not start without the two ConfigMaps before it. All of
    them are in every image; which add-ons a cluster has its settings say.
    """
    made: dict[str, Document] = {
        "10-endpoint.json": listed(cilium.endpoint()),
        "12-static-policies.json": listed(metadata.static_policies()),
        places.POLICY_MANIFEST: listed(*policies.objects(policies.POLICIES)),
        "20-cilium.json": json.loads(RENDERED.read_text(encoding="utf-8")),
        "25-cilium-policies.json": listed(*policies.objects(cilium_policies.POLICIES)),
        "30-cluster-autoscaler.json": listed(*autoscaler.objects(release.cluster_autoscaler)),
        places.METRICS_SERVER_MANIFEST: listed(*metrics_server.objects(known.addons[metrics_server.NAME])),
        places.EBS_CSI_MANIFEST: listed(*ebs_csi.objects(known.addons)),
    }
    chosen: dict[str, Document] = images.replaced(made, from_elsewhere or {})
    return chosen


def entries(made: Mapping[str, Document]) -> dict[str, Entry]:
    """What is to be written into an image, by path."""
    written: dict[str, Entry] = {f"{places.ADDON_FOLDER}/{name}": File(text(each)) for name, each in made.items()}
    return {places.ADDON_FOLDER: Folder(), **written}


def listed(*items: Mapping[str, Any]) -> Document:
    """Objects as one document that the standard library reads."""
    return {"apiVersion": "v1", "kind": "List", "items": list(items)}


def text(document: Document) -> str:
    """A document as a file: the same document is the same text."""
    return json.dumps(document, indent=1, sort_keys=True) + "\n"
