"""Makes the certificate that metrics-server serves with, so that the API server can verify whom it asks for metrics.

Of the cluster's authority, for one name and for serving alone: whoever has its key can answer for metrics, and be
nobody's client. metrics-server looks at the files each minute and when they change.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from userdata.addons.places import (
    METRICS_SERVER_CERTIFICATE,
    METRICS_SERVER_KEY,
    METRICS_SERVER_NAME,
    METRICS_SERVER_USER,
)
from userdata.agent.tasks import Task
from userdata.host.files import owned, write
from userdata.logs.lines import StageFailed
from userdata.pki.inspecting import inspect
from userdata.pki.issuing import Subject, issue
from userdata.pki.material import Authority
from userdata.pki.openssl import OpensslFailed
from userdata.pki.placing import CLUSTER_CA, CLUSTER_CA_KEY

PERIOD_SECONDS = 60.0


class ServingCertificate:
    """Of one node, whose folders are below `root`. `wanted` says whether the cluster has metrics-server, and raises
    StageFailed."""

    def __init__(
        self,
        root: Path,
        wanted: Callable[[], bool],
        lifetime: timedelta,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._root = root
        self._wanted = wanted
        self._lifetime = lifetime
        self._now = now

    def task(self) -> Task:
        """Every agent's, since metrics-server may run on any control plane."""
        return Task("metrics-server", PERIOD_SECONDS, self.run, leader_only=False)

    def run(self) -> str:
        """Make one where there is none, where a third of its lifetime is left, or where the authority is a newer one.
        Raises StageFailed."""
        try:
            if not self._is_due() or not self._wanted():
                return ""
            self._make()
        except OSError as error:
            raise StageFailed(f"{error.filename}: {error.strerror}") from error
        except OpensslFailed as error:
            raise StageFailed(str(error)) from error
        return "a new certificate for metrics-server"

    def _is_due(self) -> bool:
        held = self._path(METRICS_SERVER_CERTIFICATE)
        try:
            content, written = held.read_text(encoding="ascii"), held.stat().st_mtime
        except FileNotFoundError:
            return True
        left = inspect(content).ends - self._now()
        return left <= self._lifetime / 3 or written < self._path(CLUSTER_CA).stat().st_mtime

    def _make(self) -> None:
        authority = Authority((self._path(CLUSTER_CA).read_text(),), (self._path(CLUSTER_CA_KEY).read_text(),))
        named = [f"DNS:{METRICS_SERVER_NAME}"]
        subject = Subject("metrics-server")
        leaf = issue(authority, subject, ["serverAuth"], self._now(), self._lifetime, named)
        # The key first: what is due is told by the certificate.
        contents = {METRICS_SERVER_KEY: leaf.key, METRICS_SERVER_CERTIFICATE: leaf.certificate}
        write(self._root, {path: owned(text, METRICS_SERVER_USER) for path, text in contents.items()})

    def _path(self, path: str) -> Path:
        return self._root / path.lstrip("/")
