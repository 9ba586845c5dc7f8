"""The add-ons in a machine image: manifests that a control plane applies to the cluster, as JSON files.

Cilium's are rendered once in development, by `make addons`, and stored here, so that neither an image's build nor a
node needs Helm; the others are our own. What differs from cluster to cluster is in ConfigMaps that the node
program fills, so that an image serves every cluster.
"""

from imagebuilder.addons.images import UnknownImages, UnpinnedImages, check_pinned, references
from imagebuilder.addons.manifests import documents, entries

__all__ = ["UnknownImages", "UnpinnedImages", "check_pinned", "documents", "entries", "references"]
