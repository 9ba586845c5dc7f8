"""All configure steps of a machine image, by name, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from imagebuilder import places
from imagebuilder.configure import (
    clock,
    containerd,
    credentials,
    etcd_disk,
    kernel,
    kubelet,
    metadata,
    network,
    node,
    sessions,
)
from imagebuilder.configure.settings import Settings
from imagebuilder.configure.tree import Entry, Folder


def _node(_: Settings) -> dict[str, Entry]:
    return {
        **node.entries(),
        **etcd_disk.entries(),
        # The node program writes join secrets here.
        places.SETTINGS_FOLDER: Folder(0o700),
        places.NODE_PROGRAM_FOLDER: Folder(),
        places.LIBRARY_FOLDER: Folder(),
    }


STEPS: Mapping[str, Callable[[Settings], dict[str, Entry]]] = {
    "clock": lambda _: clock.entries(),
    "containerd": containerd.entries,
    "credentials": lambda _: credentials.entries(),
    "kubelet": lambda _: kubelet.entries(),
    "kernel": lambda _: kernel.entries(),
    "metadata": lambda _: metadata.entries(),
    "network": lambda _: network.entries(),
    "node": _node,
    "sessions": lambda _: sessions.entries(),
}
"""What each writes. No two write the same path."""


def entries(settings: Settings, names: Collection[str] = tuple(STEPS)) -> dict[str, Entry]:
    """Everything that the named steps write, by its absolute path in the image. KeyError for an unknown one."""
    return {path: entry for name in names for path, entry in STEPS[name](settings).items()}
