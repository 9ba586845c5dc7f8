"""The etcd data on this instance, and the file beside it that says whose it is."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from userdata.host import files

DATA_FOLDER = "/var/lib/etcd"
_MEMBER_FOLDER = f"{DATA_FOLDER}/member"
IDENTITY_FILE = "/var/lib/holdfast/etcd-data.json"
"""Not in etcd's own folder, which kubeadm wants to be empty, so on the root volume. Both volumes are made and deleted
with their instance, and a disk of another node is not mounted here (userdata.volume.decide)."""
MARKER_FILE = "/var/lib/holdfast/member"


@dataclass(frozen=True)
class ClusterNode:
    """Who boots; `cluster_id` is the root stack's id, from the node's own settings."""

    cluster_id: str
    instance_id: str


@dataclass(frozen=True)
class DataOwner:
    """Whose etcd data is on the disk: a file beside it that is written as soon as the data is whole."""

    node: ClusterNode
    epoch: int
    etcd_cluster_id: str


@dataclass(frozen=True)
class Disk:
    """The etcd data on this instance. Data without an identity was left by a step that did not end."""

    has_data: bool = False
    identity: DataOwner | None = None
    has_marker: bool = False
    """Whether this node was a member of a ready cluster: the identity was confirmed after ready or promotion."""


class EtcdDisk:
    """The disk below `root`. Raises OSError where it cannot be read or written."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self) -> Disk:
        """What is there. An identity that cannot be understood is none: its data is then nobody's."""
        return Disk(
            has_data=self._at(_MEMBER_FOLDER).exists(),
            identity=self._identity(),
            has_marker=self._at(MARKER_FILE).exists(),
        )

    def identify(self, identity: DataOwner) -> None:
        """Say whose the data is. A founder does it once the data is whole; a joiner before etcd makes any.

        So what etcd makes for a joiner is never without an owner, and a founder's that is half made always is.
        """
        files.write(self._root, {IDENTITY_FILE: files.private(json.dumps(asdict(identity)))})

    def mark(self) -> None:
        """This node is, or was, a member of a ready cluster."""
        files.write(self._root, {MARKER_FILE: files.private("")})

    def wipe(self) -> None:
        """Remove the data and what was said of it. Only for data that no etcd lists as a member's."""
        # The data last: without an identity what is left of it is never started.
        self.disown()
        folder = self._at(DATA_FOLDER)
        if folder.is_dir():
            for each in folder.iterdir():
                if each.is_dir() and not each.is_symlink():
                    shutil.rmtree(each)
                else:
                    each.unlink()

    def disown(self) -> None:
        """Remove what was said of the data: it is nobody's, or gone with its disk."""
        self._at(MARKER_FILE).unlink(missing_ok=True)
        self._at(IDENTITY_FILE).unlink(missing_ok=True)

    def _identity(self) -> DataOwner | None:
        try:
            found = json.loads(self._at(IDENTITY_FILE).read_text(encoding="utf-8"))
            return DataOwner(ClusterNode(**found["node"]), int(found["epoch"]), str(found["etcd_cluster_id"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            return None

    def _at(self, path: str) -> Path:
        return self._root / path.lstrip("/")
