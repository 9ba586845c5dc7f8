"""Renews a control plane's certificates long before they end, and restarts what uses them, one node at a time.

The kubelet renews its own two; they are looked at with the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from coordination.outcomes import Known, Reading, Unknown
from userdata.agent.etcd_restart import MayRestart, NotNow, TooFewVoters, Verdict
from userdata.agent.tasks import Task
from userdata.host.commands import Finished
from userdata.host.files import private, write
from userdata.kubeadm.certs_config import COMMAND, RENEW_FILE
from userdata.kubeadm.static_pods import StaticPodError, stamped
from userdata.logs.lines import StageFailed
from userdata.pki.inspecting import Certificate, inspect
from userdata.pki.inventory import (
    CONTROL_PLANE,
    KUBELET,
    HeldCertificate,
    Place,
    Pod,
    due,
    pem_of,
    stale,
)
from userdata.pki.openssl import OpensslFailed

PERIOD_SECONDS = 600.0
RESTART_SECONDS = 180.0
"""How long one pod may take until it serves again: the API server alone has 30 s to end."""
STAGE_SECONDS = 900.0
"""How long one node may hold `lease#restart`: four pods, each with the time above, and the renewal."""
LOADED_FILE = "/etc/holdfast/etcd-certificates-end"
"""When the first certificate ends that the running etcd has read, in seconds since 1970, from right before a renewal
until etcd's restart: nothing else tells that once its files are new. It stands where the agent's unit may write."""
_RENEW_SECONDS = 60.0
"""It takes a second or two, and nothing feeds the watchdog meanwhile."""
_MANIFESTS = "/etc/kubernetes/manifests"


class Lease(Protocol):
    """`lease#restart` (userdata.leases.holder.LeaseHolder)."""

    def during(self) -> AbstractContextManager[object]:
        """Hold it; raises StageFailed."""
        ...

    def require(self) -> None:
        """Raises StageFailed where it is lost."""
        ...


@dataclass(frozen=True)
class CertificateContext:
    """What the renewal needs of the node it runs on."""

    root: Path
    lease: Lease
    configuration: str
    """The content of RENEW_FILE (userdata.kubeadm.certs_config)."""
    run: Callable[[Sequence[str], float], Finished]
    started: Callable[[], Mapping[Pod, float | None]]
    """When each pod's program started (userdata.agent.probes.started)."""
    why_not_serving: Callable[[Pod], str]
    judge: Callable[[float | None, float], Verdict]
    """Whether etcd may be restarted now (userdata.agent.etcd_restart), as etcd's members say at this moment."""
    tell: Callable[[TooFewVoters | None], object]
    """Keeps the condition that etcd waits for its restart; None where it does not."""
    until: Callable[[Callable[[], bool], float], bool]
    """Looks until something is so, for so many seconds at most (Pulse.until)."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    restart_seconds: float = RESTART_SECONDS


def task(surroundings: CertificateContext, period_seconds: float = PERIOD_SECONDS) -> Task:
    """The task; each control plane looks after its own."""
    return Task("certificates", period_seconds, lambda: renew(surroundings), leader_only=False)


def found(root: Path, places: Sequence[Place] = (*CONTROL_PLANE, *KUBELET)) -> tuple[HeldCertificate, ...]:
    """The certificates of the node below `root`."""
    return tuple(HeldCertificate(place, _certificate(root, place)) for place in places)


def renew(node: CertificateContext) -> str:
    """Renew what is due and restart what has not read it yet. Raises StageFailed; whatever was left is done later."""
    held = found(node.root, CONTROL_PLANE)
    names = due(held, node.now())
    waiting = stale(node.started(), changed(node.root))
    if not names and not waiting:
        _refuse_unreadable(held)
        node.tell(None)
        return ""
    if names:
        if Pod.ETCD not in waiting:
            _note_end(node, held)
        # Without the lease: servers read new certificates by themselves, and nobody's may end while others restart.
        _renew(node, names)
        waiting = stale(node.started(), changed(node.root))
    verdict = _judged(node) if Pod.ETCD in waiting else None
    too_few = verdict if isinstance(verdict, TooFewVoters) else None
    node.tell(too_few)
    restarted: list[str] = []
    # What could not go on now is in nobody's way.
    if set(waiting) != {Pod.ETCD} or isinstance(verdict, MayRestart):
        with node.lease.during():
            restarted = _restart(node)
    elif isinstance(verdict, NotNow):
        raise StageFailed(_put_off(verdict))
    said = [f"renewed {len(names)} certificates that were due, and the others with them"] if names else []
    said += [f"restarted {', '.join(restarted)}"] if restarted else []
    return "; ".join(said)


def changed(root: Path) -> Mapping[Pod, float]:
    """When the newest certificate of each pod was written, in seconds since 1970."""
    moments: dict[Pod, float] = {}
    for place in CONTROL_PLANE:
        if place.user is None:
            continue
        try:
            written = _below(root, place.path).stat().st_mtime
        except OSError:
            continue
        moments[place.user] = max(written, moments.get(place.user, 0.0))
    return moments


def _renew(node: CertificateContext, names: Sequence[str]) -> None:
    write(node.root, {RENEW_FILE: private(node.configuration)})
    done = node.run(COMMAND, _RENEW_SECONDS)
    if not done.succeeded:
        last = [line for line in done.output.splitlines() if line.strip()][-1:] or ["it said nothing"]
        raise StageFailed(f"kubeadm did not renew {', '.join(names)}: {last[0][:300]}")
    # kubeadm says of what it could not renew that it was renewed elsewhere, and succeeds.
    left = due(found(node.root, CONTROL_PLANE), node.now())
    if left:
        raise StageFailed(f"kubeadm succeeded, and {', '.join(left)} are due all the same")


def _judged(node: CertificateContext) -> Verdict:
    try:
        ends = float(_below(node.root, LOADED_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        ends = None
    return node.judge(ends, node.now().timestamp())


def _note_end(node: CertificateContext, held: Sequence[HeldCertificate]) -> None:
    """Write down how long etcd can go on with what it has read."""
    ends = [
        each.certificate.value.ends.timestamp()
        for each in held
        if each.place.user is Pod.ETCD and isinstance(each.certificate, Known) and each.certificate.value is not None
    ]
    if ends:
        write(node.root, {LOADED_FILE: private(f"{min(ends):.0f}")})


def _restart(node: CertificateContext) -> list[str]:
    restarted = []
    put_off = ""
    for pod in stale(node.started(), changed(node.root)):
        node.lease.require()
        # Read again right before. It reads certificates anew for every connection, so it can wait; a quorum may not be
        # able to.
        if pod is Pod.ETCD and not isinstance(verdict := _judged(node), MayRestart):
            if isinstance(verdict, NotNow):
                put_off = _put_off(verdict)
            continue
        _restart_one(node, pod)
        if pod is Pod.ETCD:
            _below(node.root, LOADED_FILE).unlink(missing_ok=True)
        restarted.append(pod.value)
    if put_off:
        raise StageFailed(put_off)
    return restarted


def _put_off(why: NotNow) -> str:
    return f"etcd is not restarted while no majority answers without it: {why.reason}"


def _restart_one(node: CertificateContext, pod: Pod) -> None:
    path = f"{_MANIFESTS}/{pod}.yaml"
    written = changed(node.root)[pod]
    stamp = datetime.fromtimestamp(written, UTC).isoformat(timespec="milliseconds")
    try:
        before = _below(node.root, path).read_text(encoding="utf-8")
        manifest = stamped(before, stamp)
        if manifest != before:
            # The kubelet passes over drafts, for their names begin with a dot.
            write(node.root, {path: private(manifest)})
    except (OSError, UnicodeDecodeError) as error:
        raise StageFailed(f"{path} could not be changed: {type(error).__name__}") from error
    except StaticPodError as error:
        raise StageFailed(f"{path} is not as kubeadm writes it: {error}") from error
    why = "it has not been started again"

    def serves() -> bool:
        nonlocal why
        began = node.started().get(pod)
        if began is None or began < written:
            why = "it has not been started again"
            return False
        # Each needs what is restarted before it, so that has to serve still.
        needed = tuple(Pod)[: tuple(Pod).index(pod) + 1]
        why = next(filter(None, (node.why_not_serving(each) for each in needed)), "")
        return not why

    if not node.until(serves, node.restart_seconds):
        raise StageFailed(f"{pod} does not serve {node.restart_seconds:.0f} s after its restart: {why}")


def _certificate(root: Path, place: Place) -> Reading[Certificate | None]:
    try:
        content = _below(root, place.path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return Known(None)
    except (OSError, UnicodeDecodeError) as error:
        return Unknown(f"{place.path} cannot be read: {type(error).__name__}")
    pem = pem_of(content)
    if not pem:
        return Unknown(f"{place.path} holds no certificate")
    try:
        return Known(_inspected(pem))
    except OpensslFailed as error:
        return Unknown(f"{place.path}: {error}")


@lru_cache(maxsize=4 * (len(CONTROL_PLANE) + len(KUBELET)))
def _inspected(pem: str) -> Certificate:
    """Remembered by its text: openssl takes 20 ms for each, and a leader that looks anew at all of them every half a
    minute would spend more on that than on everything else. Raises OpensslFailed."""
    return inspect(pem)


def _refuse_unreadable(held: Sequence[HeldCertificate]) -> None:
    wrong = [each.certificate.reason for each in held if isinstance(each.certificate, Unknown)]
    wrong += [
        f"{each.place.path} is missing" for each in held if each.certificate == Known(None) and not each.place.optional
    ]
    if wrong:
        raise StageFailed("; ".join(wrong))


def _below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")
