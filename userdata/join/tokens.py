"""Keeps the join data good, so that a worker joins in a year as it does today."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from coordination.fields import parsed
from coordination.names import CLUSTER_ITEM
from coordination.outcomes import Done, Reading, Unknown
from coordination.ports import TableReader
from coordination.record import ClusterRecord, cluster_record
from userdata.join.data import JoinData, JoinDataError
from userdata.join.outcomes import Read, Unreadable
from userdata.join.policy import Keep, OwnCluster, needed
from userdata.kube.client import Api
from userdata.kube.outcomes import NotFound
from userdata.kube.resources import SECRETS, SYSTEM, Object
from userdata.kube.unwrap import done, known
from userdata.kubeadm.tokens import GROUP, BootstrapToken, new_token
from userdata.logs.lines import StageFailed

TOKEN_SECONDS = 24 * 3600
"""A token's lifetime: long enough for a control plane that is away for half a day."""


class Store(Protocol):
    """Where the join data is (userdata.join.store)."""

    def publish(self, data: JoinData) -> Done | Unknown:
        """Store the data in place of what is there. Raises JoinDataError where it is too long."""

    def read(self) -> Read:
        """The data; None where nobody has published any."""


@dataclass(frozen=True)
class JoinTokens:
    """`here` is asked anew each time: the etcd behind the API server may be restored, and the CA renewed."""

    api: Api
    table: TableReader
    store: Store
    here: Callable[[], Reading[OwnCluster]]
    lifetime_seconds: int = TOKEN_SECONDS
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def run(self) -> str:
        """Renew the join data where that is needed, and say why. Raises StageFailed.

        The founder calls it once its record says ready, the agents from then on.
        """
        record = self._record()
        here = known(self.here())
        stored = self._stored()
        expiry = None if stored is None else self._expiry(stored.token)
        now = self.now()
        found = needed(record, here, stored, expiry, now, timedelta(seconds=self.lifetime_seconds))
        if isinstance(found, Keep):
            return ""
        token = new_token()
        data = JoinData(record.epoch, record.etcd_cluster_id, here.server, here.bundle, token)
        ends = now + timedelta(seconds=self.lifetime_seconds)
        try:
            # Before there is a token: one that nobody can be told of would be left behind.
            _ = data.text
        except JoinDataError as error:
            raise StageFailed(str(error)) from error
        # First the cluster: a token that is published works.
        done(self.api.create(SECRETS, secret(token, ends), SYSTEM))
        done(self.store.publish(data))
        return f"published a new join token {token.token_id}, good until {_moment(ends)}: {found.reason}"

    def _record(self) -> ClusterRecord:
        record = known(parsed(self.table.get(CLUSTER_ITEM), cluster_record))
        if record is None:
            raise StageFailed("the cluster has no record")
        return record

    def _stored(self) -> JoinData | None:
        read = self.store.read()
        # What nobody can read is as good as nothing.
        return None if isinstance(read, Unreadable) else known(read)

    def _expiry(self, token: BootstrapToken) -> datetime | None:
        """When the token ends in the cluster; None where it has none of this id and secret that workers can use."""
        answer = self.api.get(SECRETS, _secret_name(token), SYSTEM)
        return None if isinstance(answer, NotFound) else expiry(known(answer), token)


def secret(token: BootstrapToken, ends: datetime) -> Object:
    """The Secret that makes a token good until then.

    https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/#bootstrap-token-secret-format
    """
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "bootstrap.kubernetes.io/token",
        "metadata": {"name": _secret_name(token), "namespace": SYSTEM},
        "stringData": {
            "token-id": token.token_id,
            "token-secret": token.secret,
            "expiration": _moment(ends),
            # Not for signing: that is for those who read the ConfigMap cluster-info without a name.
            "usage-bootstrap-authentication": "true",
            "auth-extra-groups": GROUP,
            "description": "for workers; renewed by the agents",
        },
    }


def expiry(stored: Object, token: BootstrapToken) -> datetime | None:
    """When the token ends by what is stored of it; None where that is another token, or no worker can use it."""
    try:
        values = {name: base64.b64decode(value).decode() for name, value in (stored.get("data") or {}).items()}
        ends = datetime.fromisoformat(values["expiration"])
    except (KeyError, ValueError, binascii.Error):
        return None
    usable = values.get("usage-bootstrap-authentication") == "true" and GROUP in values.get("auth-extra-groups", "")
    same = (values.get("token-id"), values.get("token-secret")) == (token.token_id, token.secret)
    return ends if usable and same and ends.tzinfo is not None else None


def _secret_name(token: BootstrapToken) -> str:
    return f"bootstrap-token-{token.token_id}"


def _moment(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
