"""Asks a component of Kubernetes whether it is ready, as the kubelet's own probes ask: without a name."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable

from coordination.outcomes import Done, Unknown
from userdata.host import https
from userdata.host.https import NoAnswer
from userdata.kubeadm.places import API_PORT

PROBE_SECONDS = 5.0
"""How long a component may be silent: one that is ready answers in milliseconds."""


def probe(
    component: str, host: str, context: Callable[[], ssl.SSLContext], *, port: int = API_PORT, path: str = "/readyz"
) -> Done | Unknown:
    """Done where it is ready; Unknown where it does not answer, or answers that it is not. `component` is for people.

    Without further words it is an API server that is asked.
    """
    answered = https.ask(component, host, port, context, "GET", path, seconds=PROBE_SECONDS)
    if isinstance(answered, NoAnswer):
        return answered
    status = answered.value.status
    if status == http.client.OK:
        return Done()
    return Unknown(f"{component} at {host} answers {path} with status {status}", f"HTTP {status}")
