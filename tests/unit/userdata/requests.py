"""Requests for certificates, as kubelets and others make them."""

from __future__ import annotations

from collections.abc import Sequence

from userdata.pki.issuing import new_key
from userdata.pki.openssl import Held, openssl

_CONFIGURATION = "[req]\ndistinguished_name = name\nprompt = no\nstring_mask = utf8only\n[name]\n{subject}\n"


def signing_request(subject: Sequence[str], alternatives: str = "", key: str = "", more: str = "") -> str:
    """A request whose subject consists of lines as `O = system:nodes`; `more` are further lines of extensions."""
    lines = [f"{number}.{line}" for number, line in enumerate(subject)]
    extensions = "".join([f"subjectAltName = {alternatives}\n" if alternatives else "", more])
    configuration = _CONFIGURATION.format(subject="\n".join(lines))
    if extensions:
        configuration = configuration.replace("[req]\n", "[req]\nreq_extensions = asked\n") + f"[asked]\n{extensions}"
    return openssl(["req", "-new", "-config", Held(configuration), "-key", Held(key or new_key())]).decode()


def of_node(name: str, alternatives: str = "", key: str = "") -> str:
    """What a node's kubelet asks with."""
    return signing_request(["O = system:nodes", f"CN = system:node:{name}"], alternatives, key)
