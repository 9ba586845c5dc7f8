"""The machine's network, as far as it is not the cluster's: folders of CNI, and what systemd-networkd leaves alone."""

from __future__ import annotations

from imagebuilder.configure.tree import Entry, File, Folder
from imagebuilder.places import NETWORK_FOLDER, NETWORKD_FILE, PLUGIN_FOLDER

# By default networkd takes away what others have made, routing policy rules among it. Cilium moves the rule `from all
# lookup local` and adds some of its own, without which neither pods nor the machine's own addresses are reached. Amazon
# Linux's amazon-ec2-net-utils has networkd read its settings anew whenever something about an interface changes. Cilium
# asks for these two settings ("System Requirements", systemd-based distributions; cilium/cilium#18706), and people on
# Amazon Linux 2023 lost the rule (#24397).
_NETWORKD = """\
[Network]
ManageForeignRoutes=no
ManageForeignRoutingPolicyRules=no
"""


def entries() -> dict[str, Entry]:
    """No configuration of CNI: the network that is installed in the cluster brings its own."""
    return {PLUGIN_FOLDER: Folder(), NETWORK_FOLDER: Folder(), NETWORKD_FILE: File(_NETWORKD)}
