"""kubeadm's own add-ons: the configuration that it installs them by, and its commands.

It is given to kubeadm on its standard input, and holds no secret: a control plane that has joined never had the
founder's file, and the founder removes it once kubeadm has ended.
"""

from __future__ import annotations

from pathlib import Path

from userdata.kubeadm.cluster import Cluster, cluster_configuration, kube_proxy_configuration
from userdata.kubeadm.documents import text
from userdata.kubeadm.init_config import local_endpoint
from userdata.kubeadm.node import Host
from userdata.kubeadm.places import PATCHES_FOLDER

_PHASE = ("kubeadm", "init", "phase", "addon")
_CONFIGURATION = ("--config", "/dev/stdin")
# kubeadm leaves the other parts alone: they are the image's.
DNS = (*_PHASE, "coredns", *_CONFIGURATION)
DNS_AND_PROXY = (*_PHASE, "all", *_CONFIGURATION)


def configuration(cluster: Cluster, address: str, host: Host, root: Path) -> str:
    """What the commands read; `address` is the node's own. kubeadm takes ranges and the version of DNS from it.

    The folder of patches, below `root`, has to be there.
    """
    proxy = [kube_proxy_configuration(host)] if cluster.kube_proxy else []
    patches = {"patches": {"directory": str(root / PATCHES_FOLDER.lstrip("/"))}}
    return text({**local_endpoint(address), **patches}, cluster_configuration(cluster), *proxy)
