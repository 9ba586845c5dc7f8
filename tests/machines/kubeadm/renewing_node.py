"""Runs on a machine of a test: one renewal with all that is real there. Prints what was done, as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from userdata.agent import probes
from userdata.agent.certificate_renewal import CertificateContext, found, renew
from userdata.agent.etcd_restart import MayRestart, NotNow, Verdict
from userdata.agent.watchdog import Heart
from userdata.etcd.view import look, member_at, unhealthy_members
from userdata.host.commands import run
from userdata.logs.lines import StageFailed
from userdata.pki.inventory import Pod
from userdata.pki.placing import CLUSTER_CA


class Alone:
    """In place of `lease#restart`: there is no table on this machine, and one node."""

    @contextmanager
    def during(self) -> Iterator[None]:
        yield

    def require(self) -> None:
        return


def main(address: str, configuration: str, seconds_later: str) -> None:
    """Renew what would be due so many seconds from now: waiting for it would take most of a test's time."""
    later = timedelta(seconds=int(seconds_later))
    etcd = member_at(address)

    def why_not_serving(pod: Pod) -> str:
        return probes.why_not_serving(pod, address, CLUSTER_CA, etcd)

    def judged() -> Verdict:
        # One voter alone would wait until its certificates nearly end: the others are played by being well.
        wrong = unhealthy_members(look(etcd, member_at))
        return NotNow("; ".join(wrong)) if wrong else MayRestart()

    node = CertificateContext(
        root=Path("/"),
        lease=Alone(),
        configuration=Path(configuration).read_text(),
        run=run,
        started=probes.started,
        why_not_serving=why_not_serving,
        judge=lambda *_: judged(),
        tell=lambda _: None,
        until=Heart(lambda state: None).pulse("certificates").until,
        now=lambda: datetime.now(UTC) + later,
    )
    try:
        said = renew(node)
    except StageFailed as failed:
        said = f"FAILED: {failed}"
    now = datetime.now(UTC)
    print(
        json.dumps(
            {
                "said": said,
                "due": [each.place.name for each in found(node.root) if each.is_due(now)],
                "serving": {pod.value: why_not_serving(pod) for pod in Pod},
                "started": {pod.value: moment for pod, moment in probes.started().items()},
            }
        )
    )


main(*sys.argv[1:])
