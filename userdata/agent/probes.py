"""Whether the parts of this control plane serve, asked as their own probes ask them: without a name."""

from __future__ import annotations

import http.client
import os
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from coordination.outcomes import Known, Unknown
from userdata.etcd.client import Etcd
from userdata.etcd.refusals import EtcdRefused
from userdata.kubeadm.places import API_PORT
from userdata.pki.inventory import Pod

_SECONDS = 5.0
# Where they answer on the node itself: as in kubeadm's own probes.
_LOCAL = {Pod.CONTROLLER_MANAGER: (10257, "/healthz"), Pod.SCHEDULER: (10259, "/readyz")}


def why_not_serving(pod: Pod, address: str, authority: str, etcd: Etcd) -> str:
    """Why a part of this control plane cannot do its work; empty where it can.

    `address` is the node's own, `authority` the path of the cluster's authority.
    """
    if pod is Pod.ETCD:
        health = etcd.health()
        if isinstance(health, Unknown):
            return health.reason
        return "" if health.value.healthy else f"etcd is not healthy: {health.value.reason}"
    if pod is Pod.API_SERVER:
        try:
            context = ssl.create_default_context(cafile=authority)
        except OSError as error:
            return f"{authority}: {error.strerror}"
        return _why_not(pod, address, API_PORT, "/readyz", context)
    # Both have certificates that they sign themselves, and nobody but this node can be at its own loopback.
    unchecked = ssl.create_default_context()
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    port, path = _LOCAL[pod]
    return _why_not(pod, "127.0.0.1", port, path, unchecked)


def _why_not(pod: Pod, address: str, port: int, path: str, context: ssl.SSLContext) -> str:
    try:
        connection = http.client.HTTPSConnection(address, port, timeout=_SECONDS, context=context)
        try:
            connection.request("GET", path)
            status = connection.getresponse().status
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        return f"{pod} does not answer: {type(error).__name__}"
    return "" if status == http.client.OK else f"{pod} answers {path} with {status}"


def unhealthy_members(asked: Etcd, at: Callable[[str], Etcd]) -> tuple[str, ...]:
    """What is wrong with the members of etcd, a line each; nothing if all serve. `at` is who listens at an address."""
    listed = asked.members()
    if isinstance(listed, Unknown):
        return (listed.reason,)
    if isinstance(listed, EtcdRefused):
        return (f"member list: {listed.refusal.value}",)
    wrong = [f"{member.name or member.peer_urls} has not finished to join" for member in listed.value.unfinished]
    for member in listed.value.voters:
        for address in member.addresses:
            health = at(address).health()
            if not isinstance(health, Known):
                wrong.append(health.reason)
            elif not health.value.healthy:
                wrong.append(f"{address}: {health.value.reason}")
    return tuple(wrong)


def started(root: Path = Path("/")) -> Mapping[Pod, float | None]:
    """When the program of each static pod started, in seconds since 1970; None where it does not run.

    The programs of containers are seen by the node; what starts them on the node needs no client of its runtime.
    """
    found: dict[Pod, float | None] = dict.fromkeys(Pod)
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    ticks = os.sysconf("SC_CLK_TCK")
    for folder in (root / "proc").glob("[0-9]*"):
        try:
            program = (folder / "cmdline").read_bytes().partition(b"\0")[0].decode("utf-8", "replace")
            name = program.rpartition("/")[2]
            if name not in tuple(Pod):
                continue
            # Fields are counted after the name, which is in brackets and may hold anything: the 22nd of all.
            ticked = int((folder / "stat").read_text().rpartition(")")[2].split()[19])
        except (OSError, ValueError, IndexError):
            # It ended while it was looked at.
            continue
        # Of two, the one that is about to end is the older one.
        pod, moment = Pod(name), booted + ticked / ticks
        found[pod] = max(moment, found[pod] or 0.0)
    return found
