"""What a worker needs to join, as one text. Pure; `store` keeps it in SSM."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from userdata.kubeadm.tokens import BootstrapToken, bootstrap_token
from userdata.pki.material import MAX_ITEM_BYTES

_BUNDLE = re.compile(r"(-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----\n)+")
_SERVER = re.compile(r"https://[A-Za-z0-9.-]+:[0-9]{1,5}")


class JoinDataError(ValueError):
    """A text that is no join data, or join data that a parameter cannot hold. Says what is wrong, without a value."""


@dataclass(frozen=True)
class JoinData:
    """`epoch` and `etcd_cluster_id` are the record's: who reads the data compares them with the record."""

    epoch: int
    etcd_cluster_id: str
    server: str
    """The API's URL."""
    bundle: str
    """The certificates of the cluster's authority, PEM."""
    token: BootstrapToken

    @property
    def text(self) -> str:
        """The data as it is stored; it holds the token. Raises JoinDataError where it is too long."""
        stored = json.dumps(
            {
                "epoch": self.epoch,
                "etcd_cluster_id": self.etcd_cluster_id,
                "server": self.server,
                "ca": self.bundle,
                "token": self.token.text,
            }
        )
        if len(stored) > MAX_ITEM_BYTES:
            raise JoinDataError(f"the join data has {len(stored)} bytes, allowed: {MAX_ITEM_BYTES}")
        return stored

    def is_of(self, epoch: int, etcd_cluster_id: str) -> bool:
        """Whether it leads into the cluster of this epoch, and not into one that it replaced."""
        return (self.epoch, self.etcd_cluster_id) == (epoch, etcd_cluster_id)


def join_data(stored: str) -> JoinData:
    """The data that a text holds. Raises JoinDataError."""
    try:
        found = json.loads(stored)
    except ValueError:
        # Not the error itself: it may quote the text.
        raise JoinDataError("the join data is no JSON") from None
    if not isinstance(found, dict):
        raise JoinDataError("the join data is no object")
    epoch = found.get("epoch")
    if not isinstance(epoch, int) or isinstance(epoch, bool):
        raise JoinDataError("the join data has no epoch")
    try:
        token = bootstrap_token(_text(found, "token"))
    except ValueError:
        raise JoinDataError("the join data has no bootstrap token") from None
    server, bundle = _text(found, "server"), _text(found, "ca")
    if not _SERVER.fullmatch(server):
        raise JoinDataError("the join data has no server, allowed: https://name:port")
    if not _BUNDLE.fullmatch(bundle):
        raise JoinDataError("the join data has no CA certificates")
    return JoinData(epoch, _text(found, "etcd_cluster_id"), server, bundle, token)


def _text(found: dict[str, object], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise JoinDataError(f"the join data has no {name}")
    return value
