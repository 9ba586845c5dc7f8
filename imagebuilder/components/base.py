"""The components under everything else: packages, sources, and the hardening of the base system."""

from __future__ import annotations

from imagebuilder import places
from imagebuilder.components import document, plan
from imagebuilder.components.document import Component, Step
from imagebuilder.components.plan import Plan
from imagebuilder.configure import clock, metadata

PACKAGES = (
    # What is fetched from S3 and ECR while the image is built.
    "awscli-2",
    "chrony",
    # conntrack, ethtool, tc, socat, mount and nsenter: what kubeadm's preflight and the kubelet look for.
    "conntrack-tools",
    "ethtool",
    "iproute-tc",
    "nftables",
    "python3.11",
    "python3.11-pip",
    "socat",
    "tar",
    "util-linux",
    # mkfs for etcd's own disk.
    "xfsprogs",
)
"""Of the repositories of the base image, which are locked to its release."""


def packages(_: Plan) -> Component:
    """All that needs dnf. Looks for the packages again in the finished image."""
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


def sources(made: Plan) -> Component:
    """This project's sources, which other components run; cleanup removes them."""
    values = {"SOURCES": places.SOURCE_FOLDER, "PYTHON": made.machine.python}
    return document.component(
        "sources",
        "Holdfast's sources and the wheels of its Python libraries",
        {
            "build": [
                Step("trust", "trust", {"CA_FOLDER": places.CA_FOLDER}, plan.CA_BUNDLE),
                Step("unpack", "sources", values, plan.SOURCES, libraries=("fetch",)),
                Step("usable", "sources-check", values),
            ]
        },
    )


def base(made: Plan) -> Component:
    """Kernel settings and modules, clock, instance metadata, shells; on an instance all of it is in force."""
    return document.component(
        "base",
        "Kernel, clock, instance metadata and shells",
        {
            "build": [Step("configure", "configure", made.configure("kernel", "clock", "metadata", "sessions"))],
            "validate": [Step("rules", "rules", {"CHECK": " ".join(metadata.CHECK)})],
            "test": [
                Step("in-force", "in-force"),
                Step("selinux", "selinux"),
                Step("clock", "clock", {"TIME_SERVICE": clock.SERVICE}),
                Step(
                    "metadata",
                    "metadata",
                    {"METADATA_SERVICE": metadata.ADDRESSES[0], "METADATA_UNIT": places.METADATA_UNIT},
                ),
            ],
        },
    )
