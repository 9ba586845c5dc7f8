"""Where add-ons are on a node, and in the cluster."""

from __future__ import annotations

FOLDER = "/opt/holdfast/addons"
"""The image's manifests: JSON files, applied in the order of their names."""

NAMESPACE = "kube-system"
RECORD = "holdfast-addons"
"""The ConfigMap that says what is installed."""
