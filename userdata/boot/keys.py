"""The cluster's keys as a node holds them: read once for each set, and placed where kubeadm looks for them."""

from __future__ import annotations

from coordination.outcomes import Known
from userdata.boot.context import Context
from userdata.host import files
from userdata.kubeadm import api_server
from userdata.logs.lines import StageFailed
from userdata.pki import placing
from userdata.pki.material import Pki
from userdata.pki.outcomes import Incomplete, Read


class Keys:
    """The sets of keys that this node has read. They stay in memory, and on the paths of kubeadm."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._read: dict[int, Pki] = {}

    def of(self, epoch: int) -> Read:
        """The set of an epoch. Sets are written once, so one that was read whole does not change."""
        if epoch not in self._read:
            found = self._context.pki.read(epoch)
            if not isinstance(found, Known):
                return found
            self._read[epoch] = found.value
        return Known(self._read[epoch])

    def needed(self, epoch: int) -> Pki:
        """The same where nothing goes on without it. Raises StageFailed."""
        found = self.of(epoch)
        if isinstance(found, Known):
            return found.value
        kind = "are not complete" if isinstance(found, Incomplete) else "cannot be read"
        raise StageFailed(f"the cluster's keys {kind}: {found.reason}")

    def place(self, pki: Pki) -> None:
        """Write what must be there before kubeadm starts anything. Raises OSError."""
        privileged, issuers = self._context.settings.privileged_namespaces, self._context.issuers
        of_server = api_server.files(pki.encryption, privileged, issuers)
        files.write(self._context.root, {**placing.files(pki), **of_server})
