"""The conformance cases that a rehearsed cluster cannot have: at most a tenth of each group, each with its reason.

A case that fails is a fault of the cluster's until it is shown not to be one; only then it stands here.
"""

from __future__ import annotations

from rehearsal.conformance.model import LeftOut, Reason

LEFT_OUT = (
    LeftOut(
        "[sig-auth] Projected PodCertificate [FeatureGate:PodCertificateRequest] [FeatureGate:ClusterTrustBundle] "
        "[FeatureGate:ClusterTrustBundleProjection] should allow server and client pods to establish an mTLS "
        "connection [MinimumKubeletVersion:1.37] [Conformance]",
        Reason.FOREIGN_IMAGE,
        "Its pods pull agnhost from registry.k8s.io whatever is there (`imagePullPolicy: Always`).",
    ),
    LeftOut(
        "[sig-node] ImageVolume should succeed with pod and pull policy of Always [LinuxOnly] "
        "[MinimumKubeletVersion:1.35] [Conformance]",
        Reason.FOREIGN_IMAGE,
        "It pulls the published image `kitten` whatever is there, and reads files of it.",
    ),
)
