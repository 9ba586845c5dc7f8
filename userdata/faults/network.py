"""What it means for a node that a connection failed (userdata.host.network has the codes)."""

from __future__ import annotations

from collections.abc import Mapping

from userdata.faults.fault import CHECK_REACH, Fault
from userdata.host.network import NOT_VALID_NOW, UNTRUSTED

UNTRUSTED_SERVER = Fault(
    True,
    "the server at the API's name has a certificate of another CA",
    "Check that the name leads to this cluster's balancer, and that the join data are of this epoch.",
)
CERTIFICATE_ENDED = Fault(
    False,
    "a certificate is not good at this moment: a clock is wrong, or it was not renewed",
    "Compare clocks (chronyc tracking), and look at `holdfast-node status` for what has ended.",
)
NO_NAME = Fault(False, "a name does not resolve", "Check the private hosted zone.")
NO_ANSWER = Fault(False, "the other side did not answer, or not in time", CHECK_REACH)

FAULTS: Mapping[str, Fault] = {
    UNTRUSTED: UNTRUSTED_SERVER,
    NOT_VALID_NOW: CERTIFICATE_ENDED,
    "gaierror": NO_NAME,
    **dict.fromkeys(
        (
            "ConnectionRefusedError",
            "ConnectionResetError",
            "TimeoutError",
            "RemoteDisconnected",
            "EHOSTUNREACH",
            "ENETUNREACH",
        ),
        NO_ANSWER,
    ),
}


def of_network(code: str) -> Fault | None:
    """The fault that a code stands for; None where nobody has sorted it."""
    return FAULTS.get(code)
