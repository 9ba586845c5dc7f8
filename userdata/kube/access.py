"""Whom a control plane asks the API server as: by certificates that it issues to itself with the cluster's key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from userdata.host.files import private, write
from userdata.host.https import Credentials, Unavailable
from userdata.kube.kubectl import KubectlTarget, RunKubectl
from userdata.kubeadm import discovery
from userdata.kubeadm.places import API_PORT
from userdata.pki.issuing import Leaf, Subject, issue
from userdata.pki.material import Authority
from userdata.pki.openssl import OpensslFailed
from userdata.pki.placing import CLUSTER_CA, CLUSTER_CA_KEY

AGENTS = "holdfast:agents"
"""The group whose rights are in `rights`."""
FOLDER = "/run/holdfast"
"""For root alone, and gone with the next boot."""
AGENT_FILE = f"{FOLDER}/agent.pem"
ADMINISTRATOR_FILE = f"{FOLDER}/administrator.pem"
KUBECONFIG_FILE = f"{FOLDER}/administrator.conf"

AGENT_LIFETIME = timedelta(days=1)
ADMINISTRATOR_LIFETIME = timedelta(minutes=15)
# kubeadm's, bound to cluster-admin by a binding that can be taken away.
_ADMINISTRATORS = "kubeadm:cluster-admins"


class Access:
    """Certificates of the control plane `instance_id`, whose files are below `root`."""

    def __init__(
        self,
        instance_id: str,
        root: Path = Path("/"),
        lifetime: timedelta = AGENT_LIFETIME,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._instance_id = instance_id
        self._root = root
        self._lifetime = lifetime
        self._now = now
        self._renew_at: datetime | None = None

    def agent(self) -> Credentials:
        """The agent's; the first time, and when a third of the lifetime is left, they are made. Raises Unavailable."""
        now = self._now()
        if self._renew_at is None or now >= self._renew_at:
            self._issue(AGENT_FILE, Subject(f"holdfast:agent:{self._instance_id}", AGENTS), now, self._lifetime)
            self._renew_at = now + self._lifetime * 2 / 3
        return self._credentials(AGENT_FILE)

    @contextmanager
    def administrator(self) -> Iterator[Callable[[], Credentials]]:
        """Those of one who may do everything, for as long as the block lasts. Raises Unavailable."""
        subject = Subject(f"holdfast:founder:{self._instance_id}", _ADMINISTRATORS)
        self._issue(ADMINISTRATOR_FILE, subject, self._now(), ADMINISTRATOR_LIFETIME)
        try:
            yield lambda: self._credentials(ADMINISTRATOR_FILE)
        finally:
            self._path(ADMINISTRATOR_FILE).unlink(missing_ok=True)

    @contextmanager
    def kubectl(self, address: str, run: RunKubectl) -> Iterator[KubectlTarget]:
        """kubectl and kubeadm as one who may do everything, for as long as the block lasts. Raises Unavailable.

        They ask the API server at `address`, the node's own, for the endpoint's name leads nowhere while the balancer
        has no healthy target. kubeadm's admin.conf is for people alone: nothing here needs it.
        """

        def content(bundle: str, leaf: Leaf) -> str:
            return discovery.with_certificate(bundle, f"https://{address}:{API_PORT}", leaf)

        subject = Subject(f"holdfast:administrator:{self._instance_id}", _ADMINISTRATORS)
        self._issue(KUBECONFIG_FILE, subject, self._now(), ADMINISTRATOR_LIFETIME, content)
        try:
            yield KubectlTarget(str(self._path(KUBECONFIG_FILE)), run)
        finally:
            self._path(KUBECONFIG_FILE).unlink(missing_ok=True)

    def _issue(
        self,
        file: str,
        subject: Subject,
        now: datetime,
        lifetime: timedelta,
        # Both in one file, so that no reader meets the one without the other.
        content: Callable[[str, Leaf], str] = lambda _, leaf: leaf.certificate + leaf.key,
    ) -> None:
        try:
            # What signs is the first certificate of the bundle.
            authority = Authority((self._path(CLUSTER_CA).read_text(),), (self._path(CLUSTER_CA_KEY).read_text(),))
            leaf = issue(authority, subject, ["clientAuth"], now, lifetime)
            write(self._root, {file: private(content(authority.bundle, leaf))})
        except OSError as error:
            raise Unavailable(f"{subject.name} has no certificate: {error.filename}: {error.strerror}") from error
        except OpensslFailed as error:
            raise Unavailable(f"{subject.name} has no certificate: {error}") from error

    def _credentials(self, file: str) -> Credentials:
        pair = str(self._path(file))
        return Credentials(str(self._path(CLUSTER_CA)), pair, pair)

    def _path(self, path: str) -> Path:
        return self._root / path.lstrip("/")
