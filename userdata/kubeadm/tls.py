"""What the cluster's servers speak: the lowest version of TLS, and its cipher suites."""

from __future__ import annotations

from collections.abc import Mapping

# Not 1.3: no document says that the balancer's health check speaks it.
MIN_VERSION = "VersionTLS12"
# Of Go's suites for TLS 1.2 those with a key of its own for each session and with AES-GCM, which every instance has in
# hardware. Go offers ECDHE with CBC besides. TLS 1.3 has no weaker ones, and Go lets nobody choose among them.
CIPHER_SUITES = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
)

ARGUMENTS: Mapping[str, str] = {"tls-min-version": MIN_VERSION, "tls-cipher-suites": ",".join(CIPHER_SUITES)}
"""Of Kubernetes' own servers."""
ETCD_ARGUMENTS: Mapping[str, str] = {"tls-min-version": "TLS1.3"}
"""Of etcd's: the API server, etcdctl and the node program are all who talk to it, and the balancer does not. With
TLS 1.3 alone etcd refuses a list of suites."""
