"""Where add-ons are on a node, and in the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from coordination.names import Addon
from userdata.kube.rights import ADDONS_RECORD

FOLDER = "/opt/holdfast/addons"
"""The image's manifests: JSON files, applied in the order of their names."""
POLICIES = "15-policies.json"
"""The one that does not belong to the network that the image brings."""

CHOSEN: Mapping[Addon, str] = {
    Addon.METRICS_SERVER: "40-metrics-server.json",
    Addon.EBS_CSI: "45-ebs-csi.json",
}
"""Those that a cluster gets by its settings alone."""


@dataclass(frozen=True)
class Recipient:
    """A program of an add-on on control planes, to which the agent hands the credentials of a role in AWS."""

    name: str
    spoken: str
    """What log lines call it."""
    program: str
    """The name of its file."""
    user: int
    """Whom it runs as."""

    @property
    def file(self) -> str:
        """Where its manifest expects them."""
        return f"/run/holdfast/{self.name}/credentials"


AUTOSCALER = Recipient("autoscaler", "the autoscaler", "cluster-autoscaler", 65534)
EBS_CSI = Recipient("ebs-csi", "the EBS CSI driver", "aws-ebs-csi-driver", 65533)

METRICS_SERVER_CERTIFICATE = "/run/holdfast/metrics-server/tls.crt"
METRICS_SERVER_KEY = "/run/holdfast/metrics-server/tls.key"
METRICS_SERVER_USER = 65531
METRICS_SERVER_NAME = "metrics-server.kube-system.svc"
"""By which the API server asks it: of its Service."""

NAMESPACE = "kube-system"
RECORD = ADDONS_RECORD
"""The ConfigMap that says what is installed."""
