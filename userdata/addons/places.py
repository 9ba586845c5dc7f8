"""Where add-ons are on a node, and in the cluster."""

from __future__ import annotations

from userdata.kube.rights import ADDONS_RECORD

FOLDER = "/opt/holdfast/addons"
"""The image's manifests: JSON files, applied in the order of their names."""
POLICIES = "15-policies.json"
"""The one that does not belong to the network that the image brings."""

AUTOSCALER_CREDENTIALS = "/run/holdfast/autoscaler/credentials"
"""What the agent hands the cluster-autoscaler, where its manifest expects them."""
AUTOSCALER_UID = 65534
"""The user that it runs as."""

NAMESPACE = "kube-system"
RECORD = ADDONS_RECORD
"""The ConfigMap that says what is installed."""
