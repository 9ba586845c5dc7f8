"""Installs add-ons from a control plane, by kubectl and kubeadm as the cluster's administrator, and asks what is
installed, by the agent's own client.

kubectl and kubeadm talk to the node's own API server (userdata.kube.access).
"""

from __future__ import annotations

import json
from pathlib import Path

from coordination.outcomes import Done, Known, Reading, Unknown
from userdata.addons import content
from userdata.addons.content import Addons, Record, read_record, record_document
from userdata.addons.filling import ManifestError, Values
from userdata.addons.places import FOLDER, NAMESPACE, RECORD
from userdata.faults.output import of_output
from userdata.host.commands import Finished
from userdata.host.files import write
from userdata.kube.client import Api
from userdata.kube.kubectl import KubectlTarget
from userdata.kube.outcomes import NotFound
from userdata.kube.resources import CONFIG_MAPS
from userdata.kubeadm import dns
from userdata.kubeadm.addon_config import DNS, DNS_AND_PROXY
from userdata.kubeadm.documents import Document

# The API server answers an apply of all of Cilium in two seconds; a cluster that was just founded takes longer.
_APPLY_SECONDS = 120.0
_KUBEADM_SECONDS = 120.0


def manifests(root: Path) -> dict[str, str]:
    """The texts of the manifests in an image below `root`, by the names of their files. Raises ManifestError."""
    folder = root / FOLDER.lstrip("/")
    try:
        return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.suffix == ".json"}
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{FOLDER} cannot be read: {type(error).__name__}") from error


def of_image(root: Path, values: Values, version: str, *, kube_proxy: bool) -> Addons:
    """What the image below `root` installs. Raises ManifestError."""
    return content.addons(manifests(root), values, version, kube_proxy=kube_proxy)


def install(addons: Addons, here: KubectlTarget, root: Path, configuration: str) -> Done | Unknown:
    """Install everything, then record it. Installing again is harmless; what newer manifests lack stays.

    `configuration` is kubeadm's (userdata.kubeadm.addon_config), for this node, whose files are below `root`, and the
    version that is installed.
    """
    try:
        write(root, dns.PATCHES)
    except OSError as error:
        return Unknown(f"kubeadm's add-ons: {error.filename}: {error.strerror}")
    command = DNS_AND_PROXY if addons.kube_proxy else DNS
    said = here.run((*command, *here.asking), _KUBEADM_SECONDS, stdin=configuration)
    if not said.succeeded:
        return _failed("kubeadm's add-ons", said)
    said = _apply(dns.BUDGET, here)
    if not said.succeeded:
        return _failed("the disruption budget of DNS", said)
    return install_more(addons, here)


def install_more(addons: Addons, here: KubectlTarget) -> Done | Unknown:
    """Install the image's own, without kubeadm's, then record it."""
    for name, document in addons.documents.items():
        said = _apply(document, here)
        if not said.succeeded:
            return _failed(name, said)
    said = _apply(record_document(addons.record), here)
    return Done() if said.succeeded else _failed("the record of add-ons", said)


def installed(agent: Api) -> Reading[Record | None]:
    """What was installed completely the last time; None where nothing was.

    The agents' own right is enough (userdata/kube/rights.py). They ask each minute, and become an administrator only
    where something is to be installed.
    """
    found = agent.get(CONFIG_MAPS, RECORD, NAMESPACE)
    if isinstance(found, NotFound):
        return Known(None)
    if not isinstance(found, Known):
        return Unknown(f"the record of add-ons: {found.reason}")
    return Known(read_record(found.value))


def _apply(document: Document, here: KubectlTarget) -> Finished:
    # On the server's side, because Cilium's ConfigMap and CRDs may outgrow the annotation of the client's. Forced: what
    # somebody changed by hand is put back.
    command = here.kubectl("apply", "--server-side", "--force-conflicts", "--field-manager", "holdfast", "-f", "-")
    return here.run(command, _APPLY_SECONDS, stdin=json.dumps(document))


def _failed(what: str, said: Finished) -> Unknown:
    return Unknown(f"{what}: {of_output(said.output).reason}")
