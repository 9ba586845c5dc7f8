"""Where files of kubeadm and of the API server are on a node."""

from __future__ import annotations

from coordination import names

API_SERVER_FOLDER = "/etc/kubernetes/api-server"
"""Mounted into the API server's pod; `kubeadm reset` leaves it alone."""
ENCRYPTION_FILE = f"{API_SERVER_FOLDER}/encryption.json"
AUTHENTICATION_FILE = f"{API_SERVER_FOLDER}/authentication.json"
ADMISSION_FILE = f"{API_SERVER_FOLDER}/admission.json"
AUDIT_POLICY_FILE = f"{API_SERVER_FOLDER}/audit-policy.json"
AUDIT_LOG_FOLDER = "/var/log/kubernetes/audit"
AUDIT_LOG_FILE = f"{AUDIT_LOG_FOLDER}/audit.log"

KUBEADM_FOLDER = "/etc/holdfast/kubeadm"
"""For root alone: configurations hold tokens, discovery files hold tokens or keys."""
INIT_FILE = f"{KUBEADM_FOLDER}/init.json"
JOIN_FILE = f"{KUBEADM_FOLDER}/join.json"
DISCOVERY_FILE = f"{KUBEADM_FOLDER}/discovery.json"
PATCHES_FOLDER = f"{KUBEADM_FOLDER}/patches"
"""What kubeadm changes in its own manifests; nothing else may be in it."""

KUBELET_FILE = "/etc/kubernetes/kubelet.conf"
"""By which the kubelet asks the API server. Where a node joins, it appears once the kubelet has its own certificate."""
BOOTSTRAP_FILE = "/etc/kubernetes/bootstrap-kubelet.conf"
"""By which it asks for that one where a node joins. kubeadm makes the file, and removes it where it ends."""

API_PORT = names.API_PORT
