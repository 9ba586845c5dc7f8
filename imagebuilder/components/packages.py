"""The component that needs dnf, and the only one: packages of Amazon Linux."""

from __future__ import annotations

from imagebuilder.components import document
from imagebuilder.components.document import Component, Step

PACKAGES = (
    # awscli-2: what is fetched from S3 and ECR while the image is built.
    "awscli-2",
    "chrony",
    # conntrack-tools, ethtool, iproute-tc, socat, util-linux: what kubeadm's preflight and the kubelet look for.
    "conntrack-tools",
    "ethtool",
    "iproute-tc",
    "nftables",
    "python3.11",
    "python3.11-pip",
    "socat",
    "tar",
    "util-linux",
    "xfsprogs",
)
"""Of the base image's repositories, at the versions that it is locked to."""


def component() -> Component:
    """Installs them, and looks for them again in the finished image."""
    values = {"PACKAGES": " ".join(PACKAGES)}
    return document.component(
        "packages",
        "Packages of Amazon Linux",
        {
            "build": [Step("install", "packages", values, timeout_seconds=1200)],
            "validate": [Step("installed", "packages-check", values)],
            "test": [Step("installed", "packages-check", values)],
        },
    )
