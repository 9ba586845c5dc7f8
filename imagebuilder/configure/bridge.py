"""A network for pods without an add-on: every node its own bridge, with traffic that stays on the node."""

from __future__ import annotations

import json

from imagebuilder.configure.tree import Entry, File
from imagebuilder.places import NETWORK_FOLDER

_BRIDGE = "pods0"


def entries(pods: str) -> dict[str, Entry]:
    """The network's configuration; it gives pods addresses of the range `pods`, such as 100.64.0.0/24.

    Pods reach each other, their node, and by the node's address whatever the node reaches. Nothing carries their
    packets to the pods of another node, so all nodes may use the same range.
    """
    return {f"{NETWORK_FOLDER}/10-bridge.conflist": File(json.dumps(_configuration(pods), indent=2) + "\n")}


def _configuration(pods: str) -> dict[str, object]:
    """See https://www.cni.dev/plugins/current/main/bridge/."""
    bridge = {
        "type": "bridge",
        "bridge": _BRIDGE,
        # The bridge has an address, and is the pods' way out: CoreDNS and kube-proxy talk to the API.
        "isDefaultGateway": True,
        "ipMasq": True,
        # A pod may reach itself by its Service.
        "hairpinMode": True,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": pods}]]},
    }
    host_ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "bridge", "plugins": [bridge, host_ports]}
