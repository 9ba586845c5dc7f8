"""All configure steps of a machine image, one after the other."""

from __future__ import annotations

from imagebuilder import places
from imagebuilder.configure import bridge, containerd, kernel, kubelet, metadata, node, sessions
from imagebuilder.configure.settings import Settings
from imagebuilder.configure.tree import Entry, Folder


def entries(settings: Settings) -> dict[str, Entry]:
    """Everything that configuration writes, by its absolute path in the image."""
    return {
        **containerd.entries(settings),
        **kubelet.entries(),
        **kernel.entries(),
        **metadata.entries(),
        **node.entries(),
        **sessions.entries(),
        # The node program writes join secrets here.
        places.SETTINGS_FOLDER: Folder(0o700),
        places.NODE_PROGRAM_FOLDER: Folder(),
        places.LIBRARY_FOLDER: Folder(),
        places.PLUGIN_FOLDER: Folder(),
        # On EC2 with no configuration in it: the network that is installed in the cluster brings its own.
        places.NETWORK_FOLDER: Folder(),
        **(bridge.entries(settings.bridge_network) if settings.bridge_network else {}),
    }
