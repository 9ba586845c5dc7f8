"""Where add-ons are on a node, and in the cluster."""

from __future__ import annotations

FOLDER = "/opt/holdfast/addons"
"""The image's manifests: JSON files, applied in the order of their names."""
ADMIN_FILE = "/etc/kubernetes/admin.conf"
"""kubeadm's kubeconfig of a cluster's administrator, for root alone."""
CACHE_FOLDER = "/run/holdfast/kubectl"
"""What kubectl keeps of the API's description; a service has no home folder where it could."""

NAMESPACE = "kube-system"
RECORD = "holdfast-addons"
"""The ConfigMap that says what is installed."""
